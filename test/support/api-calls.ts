/** Calls and checks that the tests of the API share. */

import type { Test } from 'tap';
import { check } from '#contract/parse.js';
import { Problem, type ProblemCode, problem } from '#contract/problems.js';
import { type Answer, type ApiBox, allGrants, call, startApiBox, type TestApp } from './api-box.js';

export type Tap = Pick<Test, 'equal' | 'match' | 'ok' | 'same' | 'teardown'>;

export const quotaBytes = 8 * 1024 * 1024;
export const app = (id: string, more: Partial<TestApp> = {}): TestApp => ({
  id,
  grants: allGrants,
  quotaBytes,
  ...more,
});
export const key = (text: string) => `/v1/storage/${encodeURIComponent(text)}`;
export const put = (socket: string, name: string, body: string | Buffer, headers = {}) =>
  call(socket, 'PUT', key(name), { body, headers });
export const batch = (socket: string, operations: unknown) =>
  call(socket, 'POST', '/v1/storage:batch', {
    headers: { 'content-type': 'application/json' },
    body: typeof operations === 'string' ? operations : JSON.stringify({ operations }),
  });

/** A refusal in full: problem details with the code's own status, sentence and remedy. */
export function refused(t: Tap, answer: Answer, code: ProblemCode, detail?: RegExp): void {
  const { status, title, remedy } = problem(code);
  t.equal(answer.code, code, code);
  t.equal(answer.status, status);
  t.match(answer.headers['content-type'], /^application\/problem\+json/);
  const parsed = check(Problem, answer.json);
  t.ok(parsed.ok);
  if (!parsed.ok) return;
  t.equal(parsed.value.title, title);
  t.equal(parsed.value.remedy, remedy);
  if (detail) t.match(parsed.value.detail ?? '', detail);
}
export async function box(t: Tap, ...parameters: Parameters<typeof startApiBox>): Promise<ApiBox> {
  const started = await startApiBox(...parameters);
  t.teardown(() => started.stop());
  return started;
}
