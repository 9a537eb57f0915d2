import type { Problem, ProblemCode } from './api.js';

/** A call that was refused, or could not be made. `code` is stable: branch on it, not on the message. */
export class WebizenError extends Error {
  /** `unreachable`: nobody answers on the socket. A later version of the box may refuse with codes not known here. */
  readonly code: ProblemCode | 'unreachable' | (string & {});
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** What to do about it. */
  readonly remedy: string;
  readonly detail: string | undefined;

  constructor(problem: Omit<Problem, 'type'>, cause?: unknown) {
    super(sentence(problem), cause === undefined ? undefined : { cause });
    this.name = 'WebizenError';
    this.code = problem.code;
    this.status = problem.status;
    this.remedy = problem.remedy;
    this.detail = problem.detail;
  }
}

function sentence({ code, title, detail, remedy }: Omit<Problem, 'type'>): string {
  if (code === 'grant-missing' && detail)
    return `this app does not have the permission "${detail}": the owner of the box has not granted it. Ask the owner to grant "${detail}" to this app`;
  return `${detail ? `${title}: ${detail}` : title}; ${remedy}`;
}

export function unreachable(socket: string, cause: unknown): WebizenError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new WebizenError(
    {
      code: 'unreachable',
      status: 0,
      title: `the box does not answer on ${socket}`,
      remedy: 'check WEBIZEN_SOCKET; the box may be restarting: try again in a few seconds',
      detail,
    },
    cause,
  );
}

/** The error that an answer's body stands for, whatever the body holds. */
export function errorOf(status: number, body: string): WebizenError {
  let fields: Partial<Record<keyof Problem, unknown>> = {};
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) fields = parsed;
  } catch {
    // not ours; said below as well as can be
  }
  const textOr = (value: unknown, otherwise: string) => (typeof value === 'string' ? value : otherwise);
  const { code, title, remedy, detail } = fields;
  return new WebizenError({
    status,
    code: textOr(code, 'internal'),
    title: textOr(title, `the box answered with status ${status}`),
    remedy: textOr(remedy, 'try again; if it stays, report it'),
    ...(typeof detail === 'string' ? { detail } : {}),
  });
}
