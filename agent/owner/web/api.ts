/** Calls to the box that served this page. */
import type { Problem } from '#contract/problems.js';

/** The box answered, and said no. */
export class Refused extends Error {
  readonly problem: Problem;
  readonly retryAfterSeconds: number | undefined;
  constructor(problem: Problem, retryAfterSeconds?: number) {
    super(problem.title);
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The box did not answer. */
export class Unreachable extends Error {}

/** After wrong tries an answer takes its turn, up to a minute. */
const patientMilliseconds = 130_000;
const timeoutMilliseconds = 15_000;

async function refusalOf(response: Response): Promise<Refused | Unreachable> {
  // Something between here and the box answers in its stead.
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) return new Unreachable();
  const problem: Problem = await response.json();
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new Refused(problem, Number.isFinite(seconds) ? seconds : undefined);
}

/** @throws Refused, Unreachable */
export async function callText(path: string): Promise<string> {
  let response: Response;
  try {
    response = await fetch(path, { signal: AbortSignal.timeout(timeoutMilliseconds) });
  } catch (error) {
    throw new Unreachable('no answer', { cause: error });
  }
  if (!response.ok) throw await refusalOf(response);
  return response.text();
}

/**
 * The answer's shape is taken from the same release of the same origin: the page is served by the program that it asks.
 * @throws Refused, Unreachable
 */
export async function call<T = null>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: { accept: 'application/json', ...(body ? { 'content-type': 'application/json' } : {}) },
      body: body ? JSON.stringify(body) : null,
      signal: AbortSignal.timeout(method === 'GET' ? timeoutMilliseconds : patientMilliseconds),
    });
  } catch (error) {
    throw new Unreachable('no answer', { cause: error });
  }
  if (!response.ok) throw await refusalOf(response);
  return JSON.parse((await response.text()) || 'null');
}
