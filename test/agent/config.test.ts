import fc from 'fast-check';
import t from 'tap';
import { Refusal } from '#contract/problems.js';
import { parseConfig } from '../../agent/config.js';

const right = {
  dataDir: '/var/lib/webizen',
  runtimeDir: '/run/webizen',
  territory: { est: 'https://provider.example:8440', caSha256: 'ab'.repeat(32) },
  claimCodeFile: '/etc/webizen/claim',
  health: { intervalSeconds: 60, batchSeconds: 900 },
  apps: [{ id: 'visits', command: ['/bin/true'], grants: ['storage', 'health.read'], quotaBytes: 1024 }],
};

function refusalOf(text: string): Refusal {
  try {
    parseConfig(text);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

t.test('a right configuration is read, with health and apps left to their defaults', async (t) => {
  t.match(parseConfig(JSON.stringify(right)), { health: { intervalSeconds: 60 }, apps: [{ id: 'visits' }] });
  const { health: _health, apps: _apps, claimCodeFile: _file, ...least } = right;
  t.match(parseConfig(JSON.stringify(least)), { health: { intervalSeconds: 60, batchSeconds: 900 }, apps: [] });
});

t.test(
  'the EST address is taken with or without its well-known path, the fingerprint as openssl prints it',
  async (t) => {
    const territory = {
      est: 'https://provider.example:8440/.well-known/est',
      caSha256: 'AB:'.repeat(32).slice(0, -1),
    };
    const config = parseConfig(JSON.stringify({ ...right, territory }));
    t.equal(config.territory?.est.href, 'https://provider.example:8440/');
    t.equal(config.territory?.caSha256, 'ab'.repeat(32));
  },
);

t.test('every fault is named at once, by its path in the file', async (t) => {
  const refusal = refusalOf(
    JSON.stringify({
      dataDir: 'relative',
      runtimeDir: `/${'long/'.repeat(30)}`,
      territory: { est: 'http://provider.example', caSha256: 'zz', extra: 1 },
      health: { intervalSeconds: 0 },
      apps: [
        { id: 'Not An Id', command: [], grants: ['root'], quotaBytes: -1 },
        { id: 'twice', command: ['a'], grants: [], quotaBytes: 1 },
        { id: 'twice', command: ['a'], grants: [], quotaBytes: 1 },
      ],
      surplus: true,
    }),
  );
  t.equal(refusal.code, 'config-invalid');
  for (const path of [
    '/dataDir: must be an absolute path',
    '/runtimeDir: is too long',
    '/territory/est: must be an https address',
    '/territory/caSha256: must be',
    '/territory/extra: is not a known field',
    '/health/intervalSeconds',
    '/apps/0/id',
    '/apps/0/command',
    '/apps/0/grants/0: must be one of "storage", "health.read"',
    '/apps/0/quotaBytes',
    '/apps/2/id: "twice" stands twice',
    '/surplus: is not a known field',
  ])
    t.match(refusal.message, path);
});

t.test('a file that is not JSON is called unreadable', async (t) => {
  t.equal(refusalOf('{ "dataDir": ').code, 'config-unreadable');
});

t.test('whatever stands in the file, it is read or refused with a code', async () => {
  const refused = (text: string): boolean => {
    try {
      parseConfig(text);
      return true;
    } catch (error) {
      return error instanceof Refusal;
    }
  };
  fc.assert(fc.property(fc.string(), refused));
  fc.assert(fc.property(fc.json(), refused));
  const keys = fc.constantFrom(...Object.keys(right));
  fc.assert(fc.property(keys, fc.jsonValue(), (key, value) => refused(JSON.stringify({ ...right, [key]: value }))));
});
