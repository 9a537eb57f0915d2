/**
 * What an installed app, a maker in bad standing and a foreign territory try, on whole parts: a real provider, a real
 * agent, containers. Only the network outside is the test's own: nothing leaves the machine.
 */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import path from 'node:path';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import type { AttestationClaims } from '#contract/api.js';
import type { Capability } from '#contract/capabilities.js';
import type { AppOffer } from '#contract/installed.js';
import type { Manifest } from '#contract/manifest.js';
import { Refusal } from '#contract/problems.js';
import { type Host, realHost } from '../../agent/host/host.js';
import {
  appIs,
  desk,
  isWell,
  joined,
  openVendor,
  openWay,
  passphrase,
  say,
  type Vendor,
  type Way,
} from '../support/apps-way.js';
import { killed } from '../support/box.js';
import { type Probes, proberSource, type Seen } from '../support/prober.js';
import { packedBase } from '../support/var.js';

const base = await packedBase(t);
const daySeconds = 86_400;

/** The value once the app has stored it. */
async function stored({ box }: Way, id: string, key: string): Promise<string> {
  for (;;) {
    try {
      return box.agent!.rooms().storage.get(id, key).value.toString();
    } catch (error) {
      if (!(error instanceof Refusal && error.code === 'key-not-found')) throw error;
    }
    await systemClock.sleep(50); // a look, not an event
  }
}

const fromFile = (way: Way, archive: string): Promise<AppOffer> => desk(way).offerFile(createReadStream(archive));

t.test('an app in a container meets a refusal wherever it was not let', async (t) => {
  const shop = '93.184.215.14';
  const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  t.teardown(() => echo.close());
  await once(echo, 'listening');
  const names: Record<string, string[]> = {
    'shop.example': [shop],
    'loop.example': ['127.0.0.1'],
    'home.example': ['192.168.1.1'],
    'mapped.example': ['::ffff:10.0.0.1'],
    'cloud.example': ['169.254.169.254'],
    'mixed.example': [shop, '10.0.0.1'],
  };
  const dialled: string[] = [];
  const host: Host = {
    ...realHost,
    outside: {
      async resolve(name) {
        const found = names[name];
        if (!found) throw new Error('queryA ENOTFOUND');
        return found;
      },
      dial(address, port) {
        dialled.push(`${address}:${port}`);
        if (address !== shop) return new Socket().destroy(new Error('nothing else is outside'));
        return connect({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port, allowHalfOpen: true });
      },
    },
  };
  const way = await openWay(t, { base, host });
  const est = Number(new URL(way.provider.est).port);
  way.done('app', 'init', 'visits', '--id', 'example.visits');
  await say(way, await publishedOffer(way, 'visits', '1.0.0'), ['storage']);
  await appIs(way, 'example.visits', isWell);

  const tries: [string, string][] = [
    [`127.0.0.1:${est}`, 'egress-address'],
    [`127.0.0.1:${est + 1}`, 'egress-address'],
    [`[::1]:${est}`, 'egress-address'],
    ['192.168.1.1:443', 'egress-address'],
    ['0x7f000001:443', 'egress-address'],
    [`localhost:${est}`, 'egress-target-invalid'],
    ['/run/webizen/api.sock:443', 'egress-target-invalid'],
    [`loop.example:${est}`, 'egress-private'],
    ['loop.example:443', 'egress-private'],
    ['home.example:443', 'egress-private'],
    ['mapped.example:443', 'egress-private'],
    ['cloud.example:443', 'egress-private'],
    ['mixed.example:443', 'egress-private'],
    ['none.example:443', 'egress-unresolved'],
    ['shop.example:80', 'grant-missing'],
    ['other.example:443', 'grant-missing'],
    ['below.shop.example:443', 'grant-missing'],
  ];
  const granted: Capability[] = [
    ...(['storage', 'identity.attest'] as const),
    ...[...Object.keys(names), 'none.example', `loop.example:${est}`].map(
      (name): Capability => `network.egress:${name}`,
    ),
  ];
  const runtime = path.join(way.box.folder, 'run');
  const probes: Probes = {
    tunnels: tries.map(([authority]) => authority),
    absolute: ['http://shop.example/', `https://127.0.0.1:${est}/`, 'http://api/v1/self'],
    direct: [
      { host: '127.0.0.1', port: est },
      { host: shop, port: 443 },
    ],
    sockets: [
      path.join(runtime, 'admin.sock'),
      path.join(runtime, 'apps/example.visits/api.sock'),
      '/run/webizen/../example.visits/api.sock',
      way.podman.socketPath,
    ],
    held: 'shop.example:443',
    attest: { audience: 'https://shop.example', nonce: 'once' },
  };
  way.done('app', 'init', 'prober', '--id', 'example.prober');
  await writeFile(way.own.at('prober/app/main.mjs'), proberSource);
  const prober = await publishedOffer(way, 'prober', '1.0.0', (manifest) => ({
    ...manifest,
    capabilities: granted.map((capability) => ({ capability, reason: { en: 'Tries it.' } })),
    run: { ...manifest.run, environment: { PROBES: JSON.stringify(probes) } },
    health: { kind: 'ready', graceSeconds: 120 },
  }));
  t.match(await say(way, prober, granted), { state: 'done' });

  const seen = JSON.parse(await stored(way, 'example.prober', 'seen')) as Seen;
  t.same(
    seen.tunnels.map((code, at) => [probes.tunnels[at], code]),
    tries,
  );
  t.same(seen.absolute, Array(3).fill('target-absolute'));
  t.same(seen.direct, ['ECONNREFUSED', 'ENETUNREACH'], 'the container has no network but a loopback of its own');
  t.same(seen.sockets, Array(4).fill('ENOENT'));
  t.same(seen.beside, ['api.sock'], 'its own');
  t.equal(seen.id, 'example.prober');

  const { verifyAttestation } = (await import(path.resolve('sdk/examples/attestation/verify.mjs'))) as {
    verifyAttestation(token: string, wish: object): AttestationClaims;
  };
  const root = new X509Certificate(await readFile(path.join(way.provider.directory, 'ca/root.crt')));
  const claims = verifyAttestation(seen.token, { root, ...probes.attest });
  t.match(claims, { app: 'example.prober', release: prober, version: '1.0.0', territory: 'home' });
  t.throws(() => verifyAttestation(seen.token, { root, ...probes.attest, audience: 'https://other.example' }));

  t.equal(await stored(way, 'example.prober', 'held'), 'it goes through');
  const { grants } = way.box.agent!.rooms();
  await grants.set('example.prober', { give: [], take: ['network.egress:shop.example'] }, way.signer);
  t.equal(await stored(way, 'example.prober', 'again'), 'grant-missing', 'the tunnel was cut, and none is opened');
  t.same(dialled, [`${shop}:443`], 'nothing else was ever connected to');
});

/** Published and fetched, so that the owner may decide about it. */
async function publishedOffer(way: Way, folder: string, version: string, change?: (manifest: Manifest) => Manifest) {
  const release = await way.publish(folder, version, change);
  await desk(way).offer(release);
  return release;
}

const problemOf = (offer: AppOffer): string | undefined => offer.problem?.code;

/** Nothing of it is begun, and what runs is what ran. */
async function refused(t: Test, way: Way, offer: AppOffer, code: string): Promise<void> {
  t.equal(problemOf(offer), code);
  await t.rejects(say(way, offer.release, []), { code });
}

t.test('nothing is installed that was taken back, is of another maker, or of one in bad standing', async (t) => {
  const away = await openVendor(t, { base, territory: 'away', name: 'Away', member: 'rival' });
  let shift = 0; // of the box's only clock
  const host: Host = { ...realHost, monotonic: () => realHost.monotonic() + shift };
  const way = await openWay(t, { base, host, others: [away.provider.listing] });
  const id = 'example.visits';
  way.done('app', 'init', 'visits', '--id', id);
  const first = await publishedOffer(way, 'visits', '1.0.0');
  await say(way, first, ['storage']);
  await appIs(way, id, isWell);
  const running = () => way.podman.run('ps', '--quiet', '--no-trunc');
  const container = running();
  const { members } = way.box.agent!.rooms().installed!;
  await members.refresh();

  const withdrawn = await way.publish('visits', '1.1.0');
  way.done('app', 'withdraw', withdrawn, '--reason', 'it loses data');
  const stopped = await way.publish('visits', '1.2.0');
  await way.operator('app', 'stop', stopped, '--reason', 'it spies');
  for (const [release, version] of [
    [withdrawn, '1.1.0'],
    [stopped, '1.2.0'],
  ] as const) {
    await refused(t, way, await desk(way).offer(release), 'release-withdrawn');
    await refused(t, way, await fromFile(way, way.own.at(`visits-${version}.wza`)), 'release-withdrawn');
  }
  t.equal(await desk(way).update(id), null);

  away.done('app', 'init', 'visits', '--id', id);
  await away.publish('visits', '9.0.0');
  const theirs = await fromFile(way, away.own.at('visits-9.0.0.wza'));
  t.match(theirs, { member: { id: 'rival', territory: 'away' } });
  await refused(t, way, theirs, 'app-bound-elsewhere');
  t.equal(await desk(way).update(id), null);

  // The box moves to where somebody else holds the id.
  const { membership } = way.box.agent!.rooms();
  async function move({ provider }: Vendor, territory: string): Promise<void> {
    const { code } = await provider.claim();
    await membership.transfer({ territory, ownJurisdiction: 'AU-NSW', claimCode: code }, way.signer);
    await way.box.until(({ link, territory: now }) => link.online && now === territory);
  }
  const kept = await stored(way, id, 'count');
  await move(away, 'away');
  const { entries } = await desk(way).browse({});
  t.match(entries, [{ app: id, version: '9.0.0', member: { id: 'rival' } }]);
  await refused(t, way, await desk(way).offer(entries[0]?.release ?? ''), 'app-bound-elsewhere');
  await t.rejects(desk(way).update(id), { code: 'app-bound-elsewhere' });
  t.match(desk(way).show(id), {
    ...{ release: first, state: 'running', waiting: null, change: null, succession: null },
    member: { id: 'acme', territory: 'home', standing: 'good' },
    foreign: { version: '9.0.0', problem: { code: 'app-bound-elsewhere' } },
  });
  t.equal(running(), container, 'the same container');
  t.equal(await stored(way, id, 'count'), kept, 'and its data');
  // Who comes after its maker, the maker's territory says, and no other.
  const why = ['--reason', 'it retires', '--decided-by', 'the board', '--review', 'write to the board'];
  const heir = await joined(t, { ...way, base, member: 'wattle', called: 'Wattle Software' });
  heir.done('app', 'init', 'visits', '--id', id);
  const early = await heir.sign('visits', '5.0.0');
  await refused(t, way, await fromFile(way, early), 'app-bound-elsewhere');
  await way.operator('member', 'succeed', 'acme', 'wattle', '--app', id, ...why);
  await refused(t, way, await fromFile(way, early), 'succession-undecided');
  t.match(desk(way).show(id)?.succession?.next, { version: '5.0.0' }, 'a file makes the box ask');
  await t.rejects(desk(way).update(id), { code: 'app-bound-elsewhere' });
  t.match(desk(way).show(id)?.succession, { territory: 'home', to: { id: 'wattle' }, from: { left: 'retiring' } });
  await way.operator('member', 'succeed', 'wattle', 'acme', '--app', id, ...why);
  await move(way, 'home');
  t.equal(await desk(way).update(id), null);
  t.match(desk(way).show(id), { release: first, foreign: null, succession: null }, 'turned back, nothing is asked');

  const before = await way.sign('visits', '1.3.0', undefined, '--staple');
  const decided = ['--reason', 'complaints', '--decided-by', 'the board', '--review', 'write to the board'];
  await way.operator('member', 'suspend', 'acme', ...decided);
  await members.refresh();
  t.match(desk(way).show(id), { member: { standing: 'suspended' }, state: 'running' });
  await killed(way.serving);
  await way.box.stop();
  await way.box.start(host);
  way.signer = await way.box.agent!.rooms().owner.unlock(passphrase);
  t.match(await appIs(way, id, isWell), { member: { standing: 'suspended' } }, 'what was learnt holds without anybody');
  await refused(t, way, await fromFile(way, before), 'member-suspended');
  t.match(desk(way).show(id), { release: first, member: { standing: 'suspended' } });
  t.ok(way.box.agent!.status().refusals.some(({ code }) => code === 'status-replayed'));

  const serving = await way.provider.spawn();
  t.teardown(() => killed(serving));
  await way.operator('member', 'reinstate', 'acme', ...decided);
  await way.box.agent!.rooms().installed!.members.refresh();
  t.match(desk(way).show(id), { member: { standing: 'good', freshness: 'fresh' } });
  const third = await way.sign('visits', '1.4.0');
  way.done('app', 'init', 'other', '--id', 'example.other');
  const other = await way.sign('other', '1.0.0');
  await killed(serving);
  t.equal(problemOf(await fromFile(way, other)), undefined, 'a fresh list serves without the provider');
  shift = 8 * daySeconds * 1000;
  await refused(t, way, await fromFile(way, other), 'status-stale');
  t.equal(problemOf(await fromFile(way, third)), undefined, 'what is installed may still be updated');
  shift = 31 * daySeconds * 1000;
  await refused(t, way, await fromFile(way, other), 'status-old');
  await refused(t, way, await fromFile(way, third), 'status-old');
  t.match(desk(way).show(id), { release: first, state: 'running', stopped: null, member: { freshness: 'old' } });
  t.equal(running(), container, 'the same container as in the beginning');
});
