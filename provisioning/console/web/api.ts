/** Calls to the provider that served this page. */
import type { Problem } from '#contract/problems.js';
import { texts } from './texts.js';

/** The provider answered, and said no. */
export class Refused extends Error {
  readonly problem: Problem;
  readonly retryAfterSeconds: number | undefined;
  constructor(problem: Problem, retryAfterSeconds?: number) {
    super(problem.title);
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The provider did not answer. */
export class Unreachable extends Error {}

const timeoutMilliseconds = 15_000;

async function refusalOf(response: Response): Promise<Refused | Unreachable> {
  // Something between here and the provider answers in its stead.
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) return new Unreachable();
  const problem: Problem = await response.json();
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new Refused(problem, Number.isFinite(seconds) ? seconds : undefined);
}

/**
 * The answer's shape is taken from the same release of the same origin: the page is served by the program that it asks.
 * @throws Refused, Unreachable
 */
export async function call<T = null>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  options: { body?: unknown; signal?: AbortSignal } = {},
): Promise<T> {
  const timeout = AbortSignal.timeout(timeoutMilliseconds);
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: { accept: 'application/json', ...(options.body ? { 'content-type': 'application/json' } : {}) },
      body: options.body ? JSON.stringify(options.body) : null,
      signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
    });
  } catch (error) {
    throw new Unreachable(texts.unreachable.short, { cause: error });
  }
  if (!response.ok) throw await refusalOf(response);
  return JSON.parse((await response.text()) || 'null');
}
