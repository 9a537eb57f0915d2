/** What a promise is, and what it is tried with. */
import { randomBytes } from 'node:crypto';
import { Self } from '#contract/api.js';
import { check, describeFaults } from '#contract/parse.js';
import { type Answer, call, type Place, type Sent } from './http.js';
import { holds, Mismatch, NotGranted } from './outcome.js';
import { jsonOf, judge, type Specification } from './specification.js';

export interface Promised {
  /** group.name; stable. */
  id: string;
  /** What is promised, in one sentence. */
  says: string;
  /** @throws Mismatch, NotGranted, NotTried */
  keep(trial: Trial): Promise<void>;
}

export interface Trial {
  place: Place;
  specification: Specification;
  /** Ours alone; every key that a promise writes begins with it. */
  prefix: string;
  /**
   * Calls an operation of the specification, by its path and what goes into it; every answer is held against the
   * specification. @throws Mismatch, NotGranted
   */
  ask(id: string, path?: string, sent?: Sent): Promise<Answer>;
  /** As `ask`, and the answer has to be this refusal. @throws Mismatch, NotGranted */
  refused(code: string, id: string, path?: string, sent?: Sent): Promise<Answer>;
  /** As `ask`, and the answer has to have this status. @throws Mismatch, NotGranted */
  answered(status: number, id: string, path?: string, sent?: Sent): Promise<Answer>;
  self(): Promise<Self>;
  /** A key of ours, written down to be deleted in the end. */
  key(name: string): string;
  /** Deletes what was written; answers the keys that stay. */
  cleanUp(): Promise<string[]>;
}

export const pathOf = (key: string): string => `/v1/storage/${encodeURIComponent(key)}`;
export const json = (value: unknown): Sent => ({
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});

const seenOf = ({ status, text }: Answer): string => `${status} ${text}`.trim().slice(0, 300);

export function createTrial({ place, specification }: { place: Place; specification: Specification }): Trial {
  const prefix = `webizen-conformance/${randomBytes(6).toString('hex')}/`;
  const keys = new Set<string>();

  async function ask(id: string, path?: string, sent?: Sent) {
    const operation = specification.of(id);
    const answer = await call(place, operation.method, path ?? operation.path, sent);
    // Without a body there is no code to tell it by; HEAD is open to whoever may read.
    const { code = operation.method === 'HEAD' && answer.status === 403 ? 'grant-missing' : undefined } = judge(
      specification,
      operation,
      answer,
    );
    if (code === 'grant-missing') throw new NotGranted(operation.capability ?? '');
    return { answer, code };
  }

  return {
    place,
    specification,
    prefix,
    ask: async (...wish) => (await ask(...wish)).answer,
    async refused(expected, ...wish) {
      const { answer, code } = await ask(...wish);
      holds(code === expected, `refused as ${expected}`, seenOf(answer));
      return answer;
    },
    async answered(status, ...wish) {
      const { answer } = await ask(...wish);
      holds(answer.status === status, `status ${status}`, seenOf(answer));
      return answer;
    },
    async self() {
      const read = check(Self, jsonOf((await ask('getSelf')).answer));
      if (!read.ok) throw new Mismatch('what the calling app is', describeFaults(read.faults));
      return read.value;
    },
    key(name) {
      keys.add(`${prefix}${name}`);
      return `${prefix}${name}`;
    },
    async cleanUp() {
      const left: string[] = [];
      for (const key of keys) {
        const answer = await call(place, 'DELETE', pathOf(key)).catch(() => undefined);
        // 403: nothing could be written either. 400: it is no key.
        if (!answer || ![204, 400, 403, 404].includes(answer.status)) left.push(key);
      }
      return left;
    },
  };
}
