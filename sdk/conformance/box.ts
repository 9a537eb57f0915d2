/** What the box is, and what the calling app is. */
import { beginningOf, call } from './http.js';
import { holds, same } from './outcome.js';
import { jsonOf, readSpecification } from './specification.js';
import { json, type Promised, pathOf } from './trial.js';

/** Paths with something in them; what has none here and needs one is left to the storage's own promises. */
const wishes: Record<string, { path: string } | undefined> = {
  getValue: { path: pathOf('webizen-conformance') },
  headValue: { path: pathOf('webizen-conformance') },
};

export const box: Promised[] = [
  {
    id: 'box.facts',
    says: 'GET /v1/box tells what the box is, to every app',
    async keep({ answered, specification }) {
      const told = jsonOf(await answered(200, 'getBox'));
      const api = typeof told === 'object' && told && 'api' in told ? String(told.api) : '';
      const [major] = specification.version.split('.');
      holds(api.split('.')[0] === major, `version ${major} of the API`, api);
    },
  },
  {
    id: 'box.specification',
    says: 'GET /v1/openapi.json is a specification that has every operation of the published one',
    async keep({ answered, specification }) {
      const theirs = readSpecification(jsonOf(await answered(200, 'getOpenapi')));
      const names = theirs?.operations.map(({ method, path }) => `${method} ${path}`) ?? [];
      const missing = specification.operations
        .map(({ method, path }) => `${method} ${path}`)
        .filter((name) => !names.includes(name));
      holds(missing.length === 0, 'every operation', `without ${missing.join(', ')}`);
    },
  },
  {
    id: 'self.facts',
    says: 'GET /v1/self tells what the calling app is and may',
    keep: async ({ answered }) => void (await answered(200, 'getSelf')),
  },
  {
    id: 'self.grants',
    says: 'what /v1/self does not name is refused as grant-missing, and what it names is not',
    async keep({ place, self, specification }) {
      const { grants } = await self();
      for (const { id, method, path, capability, answers } of specification.operations) {
        if (capability === null || path.includes('{') !== (wishes[id] !== undefined)) continue;
        const sent = method === 'POST' ? json({}) : {};
        const isStream = answers.get(200)?.type === 'text/event-stream';
        const { status } = isStream
          ? await beginningOf(place, path, () => true)
          : await call(place, method, wishes[id]?.path ?? path, sent);
        const granted = grants.some((grant) => grant === capability);
        const expected = granted ? 'anything but 403' : '403';
        holds((status === 403) !== granted, `${method} ${path}, ${capability}: ${expected}`, status);
      }
    },
  },
  {
    id: 'self.usage',
    says: 'usedBytes of /v1/self counts the bytes of keys and values',
    async keep({ answered, self, key }) {
      const name = key('usage');
      const before = (await self()).storage.usedBytes;
      await answered(201, 'putValue', pathOf(name), { body: 'x'.repeat(100) });
      same('usedBytes', (await self()).storage.usedBytes, before + Buffer.byteLength(name) + 100);
      await answered(204, 'deleteValue', pathOf(name));
      same('usedBytes after the value is deleted', (await self()).storage.usedBytes, before);
    },
  },
  {
    id: 'ready.said',
    says: 'PUT /v1/self/ready is taken, also a second time',
    async keep({ answered }) {
      await answered(204, 'putReady');
      await answered(204, 'putReady');
    },
  },
  {
    id: 'self.logs',
    says: 'GET /v1/self/logs is the end of what the app printed, as text of 128 KiB at most',
    async keep({ answered }) {
      const { headers, bytes } = await answered(200, 'getLogs');
      const type = headers['content-type'] ?? 'none';
      holds(/^text\/plain; ?charset=utf-8$/i.test(type), 'Content-Type: text/plain; charset=utf-8', type);
      holds(bytes.length <= 128 * 1024, '128 KiB at most', bytes.length);
    },
  },
  {
    id: 'health.latest',
    says: 'GET /v1/health has the newest sample, or null',
    keep: async ({ answered }) => void (await answered(200, 'getHealth')),
  },
];
