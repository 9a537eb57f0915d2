/** What a watch of the storage tells, and how it goes on after it was cut. */
import { beginningOf } from './http.js';
import { holds, Mismatch, NotGranted, same } from './outcome.js';
import { jsonOf, problemOf, shaped } from './specification.js';
import { etagOf, put } from './storage.js';
import { type Promised, pathOf, type Trial } from './trial.js';

interface Told {
  id: string | undefined;
  type: string;
  data: { type?: unknown; key?: unknown; etag?: unknown };
}

const lineOf = (text: string, name: string): string | undefined =>
  new RegExp(`^${name}: ?(.*)$`, 'm').exec(text)?.[1]?.trimEnd();

/** What has come in full. A message without data is no event. */
function toldIn(trial: Trial, text: string): Told[] {
  const messages = text.split(/\r?\n\r?\n/).slice(0, -1);
  return messages.flatMap((message) => {
    const data = lineOf(message, 'data');
    if (data === undefined) return [];
    const read = jsonOf({ text: data });
    shaped(trial.specification.schema('StorageWatchEvent'), read, 'an event');
    return [{ id: lineOf(message, 'id'), type: lineOf(message, 'event') ?? '', data: read as Told['data'] }];
  });
}

/** Reads until the key `last` is told; `meanwhile` is done once the first event is there. @throws Mismatch, NotGranted */
async function watched(
  trial: Trial,
  wish: { name: string; since?: string; last: string; meanwhile: () => Promise<unknown> },
): Promise<Told[]> {
  const last = trial.key(wish.last);
  const path = `/v1/storage:watch?${new URLSearchParams({ prefix: trial.key(wish.name) })}`;
  const headers = wish.since === undefined ? {} : { 'last-event-id': wish.since };
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  let doing: Promise<unknown> | undefined;
  function isEnough(text: string): boolean {
    try {
      const told = toldIn(trial, text);
      if (told.length > 0 && !doing) {
        doing = wish.meanwhile();
        doing.catch(fail);
      }
      return told.some(({ data }) => data.key === last);
    } catch (error) {
      fail(error);
      return true;
    }
  }
  const answer = await Promise.race([beginningOf(trial.place, path, isEnough, headers), failed]);
  await doing; // a change may be told before the call that made it is answered
  if (answer.status !== 200) {
    const code = problemOf(trial.specification, answer);
    if (code === 'grant-missing') throw new NotGranted('storage');
    throw new Mismatch('a stream', `${answer.status} ${code}`);
  }
  const type = answer.headers['content-type'] ?? 'none';
  holds(type.startsWith('text/event-stream'), 'Content-Type: text/event-stream', type);
  const told = toldIn(trial, answer.text);
  for (const { type, data, id } of told) {
    same('event and type in the data', type, data.type);
    holds(id !== undefined && id !== '', 'an id with each event', id ?? 'none');
  }
  return told;
}

const said = (told: readonly Told[]): unknown[] => told.map(({ data: { type, key } }) => [type, ...(key ? [key] : [])]);

export const watch: Promised[] = [
  {
    id: 'watch.changes',
    says: 'a watch begins with ready, then tells what is written and deleted below its prefix, with the ETag',
    async keep(trial) {
      const etags: string[] = [];
      const told = await watched(trial, {
        name: 'watch/',
        last: 'watch/last',
        async meanwhile() {
          await put(trial, 'beside', 'x');
          for (const value of ['x', 'y']) etags.push(etagOf(await put(trial, 'watch/a', value)));
          await trial.answered(204, 'deleteValue', pathOf(trial.key('watch/a')));
          etags.push(etagOf(await put(trial, 'watch/last', 'x')));
        },
      });
      const key = trial.key('watch/a');
      const wanted = [['ready'], ['put', key], ['put', key], ['delete', key], ['put', trial.key('watch/last')]];
      same('events', said(told), wanted);
      same(
        'ETags',
        told.flatMap(({ data }) => data.etag ?? []),
        etags,
      );
    },
  },
  {
    id: 'watch.resume',
    says: 'with Last-Event-ID a watch goes on behind that event, and tells what was missed',
    async keep(trial) {
      const write = (name: string) => () => put(trial, `resume/${name}`, 'x');
      const first = await watched(trial, { name: 'resume/', last: 'resume/a', meanwhile: write('a') });
      await write('b')();
      const since = first.at(-1)?.id ?? '';
      const told = await watched(trial, { name: 'resume/', last: 'resume/c', since, meanwhile: write('c') });
      same('events', said(told), [['ready'], ['put', trial.key('resume/b')], ['put', trial.key('resume/c')]]);
    },
  },
  {
    id: 'watch.reset',
    says: 'a watch that cannot go on behind Last-Event-ID begins with reset, and tells what changes from then on',
    async keep(trial) {
      const meanwhile = () => put(trial, 'reset/a', 'x');
      const told = await watched(trial, { name: 'reset/', last: 'reset/a', since: 'conformance', meanwhile });
      same('events', said(told), [['reset'], ['put', trial.key('reset/a')]]);
    },
  },
];
