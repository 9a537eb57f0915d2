/** A provider asks something of a box over its real broker, and the box answers: on both real sides. */
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { signCommand } from '#common/commands.js';
import { publicJwkOf } from '#common/jws.js';
import type { Command } from '#contract/commands.js';
import type { BoxDetail } from '#contract/operator.js';
import type { CommandPage, CommandView, FleetCommandResult, NewCommand } from '#contract/operator-commands.js';
import { type Host, realHost } from '../../agent/host/host.js';
import { killed, type TestBox, testBox } from '../support/box.js';
import { testSigner } from '../support/installing.js';
import { testMosquitto } from '../support/mosquitto.js';
import { askCommand, type TestProvider, testProvider } from '../support/provider.js';

interface Bench {
  provider: TestProvider;
  box: TestBox;
  id: string;
  ask(wish: NewCommand): Promise<CommandView>;
  /** Resolves once the command is as wanted. */
  answered(id: string, isSo?: (view: CommandView) => boolean): Promise<CommandView>;
}

async function bench(
  t: Test,
  { host, more = {}, kind }: { host?: Host; more?: Record<string, unknown>; kind?: string } = {},
): Promise<Bench> {
  const provider = await testProvider(t);
  if (kind === 'mosquitto') provider.useBroker((await testMosquitto(t, provider.directory)).outside);
  await provider.start();
  const { est, caSha256 } = provider;
  const { code: claim } = await provider.claim();
  const box = await testBox(t, { est, caSha256, claim, more, health: { intervalSeconds: 60, batchSeconds: 60 } });
  await box.start(host);
  await box.until(({ link }) => link.online);
  const { id } = await provider.until(({ state }) => state === 'online');
  const place = `/v1/boxes/${id}/commands`;
  return {
    ...{ provider, box, id },
    ask: (body) => provider.api<CommandView>(place, { method: 'POST', body }),
    async answered(command, isSo = ({ state }) => !['pending', 'sent', 'waits-for-owner'].includes(state)) {
      for (;;) {
        const { commands } = await provider.api<CommandPage>(place);
        const found = commands.find((one) => one.id === command);
        if (found && isSo(found)) return found;
        await realHost.clock.sleep(50); // a look: an answer may have come just before the stream is open
      }
    },
  };
}

for (const kind of ['aedes', 'mosquitto'])
  t.test(`${kind}: refresh, live view, intervals, a new key and diagnostics are asked for and answered`, async (t) => {
    const { provider, box, id, ask, answered } = await bench(t, { kind });
    const { provider: asked, ledger } = box.agent!.rooms();
    const { signer, jwk } = await testSigner();
    await ledger.appendKey(jwk, 'owner.set', signer);

    const refresh = await ask({ kind: 'refresh' });
    t.match(refresh, { state: 'pending', by: 'admin', kind: 'refresh' });
    t.match(await answered(refresh.id), { state: 'done', answer: { text: /sent/ } });

    const seen = provider.happened(({ type }) => type === 'live');
    const live = await ask({ kind: 'live', parameters: { seconds: 5 } });
    t.match(await answered(live.id), { state: 'done' });
    t.match(await seen, { box: id, values: { 'system.uptime': Number } }, 'shown as it comes');

    const wished = { sampleSeconds: 30, batchSeconds: 120 };
    const intervals = await ask({ kind: 'set-intervals', parameters: wished });
    t.match(await answered(intervals.id), { state: 'done' });
    t.match(asked.intervals(), wished);
    t.match(await provider.api<CommandPage>(`/v1/boxes/${id}/commands`), { intervals: wished });

    const { serial } = box.agent!.status().certificate!;
    const key = await ask({ kind: 'rotate-key' });
    t.match(await answered(key.id), { state: 'done' });
    t.not(box.agent!.status().certificate!.serial, serial);

    const bundle = await ask({ kind: 'diagnostics' });
    await answered(bundle.id, ({ state }) => state === 'waits-for-owner');
    await asked.owner.allow(bundle.id, signer);
    const sent = await answered(bundle.id);
    t.match(sent, { state: 'done', diagnosticsBytes: Number });
    const file = path.join(box.folder, 'bundle.json.gz');
    const args = ['box', 'diagnostics', id, bundle.id, '--dir', provider.directory, '--out', file];
    t.match(await askCommand('webizen-provider', args), { status: 0 });
    t.match(JSON.parse(gunzipSync(await readFile(file)).toString()), {
      format: 'webizen-diagnostics-1',
      status: { box: id },
      machine: { uptime: String },
    });
    const types = (await ledger.export()).entries.map(({ type }) => type);
    t.equal(types.filter((type) => type === 'command').length, 5, 'the owner reads all five');
  });

t.test('what nobody asked for is neither taken nor shown', async (t) => {
  const { provider, box, id, ask, answered } = await bench(t);
  for (const wish of [
    { kind: 'live', parameters: { seconds: 301 } },
    { kind: 'set-intervals', parameters: { sampleSeconds: 1, batchSeconds: 1 } },
    { kind: 'reboot', parameters: { now: true } },
  ] as const)
    await t.rejects(ask(wish), /command-parameters/, wish.kind);
  await t.rejects(provider.api('/v1/boxes/box-000000000000/commands'), /box-unknown/);
  t.match(await answered((await ask({ kind: 'update', parameters: { what: 'os', version: '2' } })).id), {
    state: 'refused',
    answer: { code: 'command-unsupported' },
  });
  const { commands } = await provider.api<CommandPage>(`/v1/boxes/${id}/commands`);
  t.equal(commands.length, 1);
  t.match(box.agent!.status().refusals, []);
});

t.test('many boxes are asked the same, as many as were meant', async (t) => {
  const { provider, id, answered } = await bench(t);
  const ask = (boxes: number, filter: object = { search: id }) =>
    provider.api<FleetCommandResult>('/v1/fleet/commands', {
      method: 'POST',
      body: { filter, boxes, command: { kind: 'refresh' } },
    });
  await t.rejects(ask(2), /fleet-count-differs/);
  await t.rejects(ask(1, { state: ['revoked'] }), /fleet-count-differs/);
  t.same((await provider.api<CommandPage>(`/v1/boxes/${id}/commands`)).commands, []);
  t.same(await ask(1), { asked: 1, refused: [] });
  const [one] = (await provider.api<CommandPage>(`/v1/boxes/${id}/commands`)).commands;
  t.match(await answered(one!.id), { kind: 'refresh', state: 'done' });
});

t.test('a key that was rolled is followed, one that was stolen is not', async (t) => {
  const { provider, box, id, ask, answered } = await bench(t);
  const file = path.join(provider.directory, 'commands', 'keys.json');
  const stolen = createPrivateKey(JSON.parse(await readFile(file, 'utf8')).key);
  const { kid } = await publicJwkOf(stolen);
  const roll = (...more: string[]) =>
    askCommand('webizen-provider', ['command-key', 'roll', '--dir', provider.directory, ...more]);
  t.match(await roll(), { status: 0 });
  t.match(await answered((await ask({ kind: 'refresh' })).id), { state: 'done' });
  t.match(await roll('--compromised'), { status: 0 });
  t.match(await answered((await ask({ kind: 'refresh' })).id), { state: 'done' });
  const now = Date.now();
  const command: Command = {
    ...{ territory: 'test', box: id, id: 'a'.repeat(16), sequence: now + 1e6, kind: 'restart-agent' },
    ...{ parameters: {}, issuedAt: now, expiresAt: now + 60_000, by: 'A thief' },
  };
  const { room } = box.agent!.rooms().provider;
  room.heard(command.id, Buffer.from(await signCommand({ key: stolen, kid, payload: command })));
  await room.idle();
  t.match(box.agent!.status().refusals.at(-1), { code: 'command-foreign' });
});

t.test('the owner and the machine have their say about a restart, and its answer comes after it', async (t) => {
  let boot = '11111111-1111-1111-1111-111111111111';
  const reboots: number[] = [];
  const host: Host = {
    ...realHost,
    kernel: async (file) => (file.endsWith('boot_id') ? boot : realHost.kernel(file)),
    async reboot() {
      reboots.push(Date.now());
      boot = '22222222-2222-2222-2222-222222222222';
      void box.stop().then(() => box.start(host));
    },
  };
  const { box, ask, answered } = await bench(t, { host, more: { mayReboot: true } });
  const { signer, jwk } = await testSigner();
  await box.agent!.rooms().ledger.appendKey(jwk, 'owner.set', signer);
  const asked = await ask({ kind: 'reboot' });
  await answered(asked.id, ({ state }) => state === 'waits-for-owner');
  await box.agent!.rooms().provider.owner.allow(asked.id, signer);
  t.match(await answered(asked.id), { state: 'done', answer: { text: /started again/ } });
  t.equal(reboots.length, 1);
  const restart = await ask({ kind: 'restart-agent' });
  t.match(await answered(restart.id), { state: 'done', answer: { text: /agent has started again/ } });
  t.equal(reboots.length, 1);
});

t.test('what was asked survives a provider that is killed, and is asked under the same sequence', async (t) => {
  const { provider, box, id, answered } = await bench(t);
  await provider.stop();
  await box.until(({ link }) => !link.online);
  const cli = (...args: string[]) => askCommand('webizen-provider', [...args, '--dir', provider.directory]);
  t.match(await cli('box', 'command', id, 'refresh', '--by', 'Ana'), { status: 0, stdout: /refresh/ });
  const child = await provider.spawn();
  const before = await provider.api<CommandPage>(`/v1/boxes/${id}/commands`);
  t.match(before.commands, [{ kind: 'refresh', by: 'Ana' }]);
  await killed(child);
  await provider.start();
  await box.until(({ link }) => link.online);
  const after = await answered(before.commands[0]!.id);
  t.match(after, { state: 'done', sequence: before.commands[0]!.sequence });
  await provider.stop();
  const again = await provider.spawn();
  t.match(await provider.api<BoxDetail>(`/v1/boxes/${id}`), { id });
  t.match((await provider.api<CommandPage>(`/v1/boxes/${id}/commands`)).commands, [{ id: after.id, state: 'done' }]);
  again.kill('SIGTERM');
  await once(again, 'exit');
});

t.test('an owner who wants little told is told what is told, and the provider that it is little', async (t) => {
  const { provider, box, id } = await bench(t);
  const { signer, jwk } = await testSigner();
  const rooms = box.agent!.rooms();
  await rooms.ledger.appendKey(jwk, 'owner.set', signer);
  t.match(await rooms.provider.owner.view(), { reporting: 'full', sample: { values: { 'system.uptime': Number } } });
  await rooms.provider.owner.report('minimum', signer);
  t.match(await rooms.provider.owner.view(), {
    reporting: 'minimum',
    sample: null,
    reported: { apps: [], reporting: 'minimum' },
  });
  const told = async () => (await provider.api<BoxDetail>(`/v1/boxes/${id}`)).reported?.reporting;
  while ((await told()) !== 'minimum') await realHost.clock.sleep(20); // a look: a report is no event
  const { lastSequence } = box.agent!.status().health;
  await rooms.sampler.sampleNow();
  t.equal(box.agent!.status().health.lastSequence, lastSequence, 'measured for the owner, and numbered for nobody');
  t.ok(box.agent!.status().health.latest);
});
