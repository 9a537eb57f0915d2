/** A publisher signs a system, a provider selects it, and a whole agent updates itself to it, or goes back. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { BoxDetail } from '#contract/operator.js';
import type { CommandPage } from '#contract/operator-commands.js';
import { type Host, realHost } from '../../agent/host/host.js';
import { type TestBox, testBox } from '../support/box.js';
import { ownFolder } from '../support/folder.js';
import { type Behaviour, streamedBundle, testBundle } from '../support/os-release.js';
import { askCommand, type Finished, type TestProvider, testProvider } from '../support/provider.js';
import { machineIn, newMachine, start, twoSlots } from '../support/two-slots.js';

t.setTimeout(300_000);

/** So much faster the machine's own time goes: the gate wants half a minute, and ends after a quarter of an hour. */
const haste = { well: 10, ill: 60 };

async function bench(t: Test) {
  const provider: TestProvider = await testProvider(t);
  await provider.start();
  const { est, caSha256 } = provider;
  const { code: claim } = await provider.claim();
  /** Where it is, the app of this box does not start. */
  const bad = path.join(await ownFolder(t), 'bad');
  const command = ['/bin/sh', '-c', `test ! -e ${bad} && exec sleep 600`];
  const more = {
    os: { keysFile: '' },
    mayReboot: true,
    apps: [{ id: 'example.clock', command, grants: [], quotaBytes: 1024 }],
    owner: { host: '127.0.0.1', port: 0, mdns: false },
  };
  const box: TestBox = await testBox(t, {
    est,
    caSha256,
    claim,
    more,
    health: { intervalSeconds: 60, batchSeconds: 60 },
  });
  const publisher = path.join(box.folder, 'publisher');
  const machine = path.join(box.folder, 'machine');
  await mkdir(machine);
  newMachine(machine);
  const cli = (...args: string[]): Promise<Finished> => askCommand('webizen-provider', ['os', ...args]);
  const keysFile = path.join(publisher, 'keys.json');
  t.match(await cli('keys', '--out', publisher), { status: 0 });
  Object.assign(box.config, { os: { keysFile } });

  async function host(): Promise<Host> {
    const { boots, startedAt, booted, slots } = machineIn(machine);
    const isIll = slots[booted].behaviour.ill !== undefined;
    if (isIll) await writeFile(bad, '');
    else await rm(bad, { force: true });
    return {
      ...realHost,
      os: twoSlots(machine),
      monotonic: () => (Date.now() - startedAt) * (isIll ? haste.ill : haste.well),
      kernel: async (file) =>
        file === '/proc/sys/kernel/random/boot_id' ? `00000000-${boots}` : realHost.kernel(file),
      async reboot() {
        // Behind the answer: the machine goes down a moment later.
        setImmediate(() => void again());
      },
    };
  }
  let going: Promise<unknown> = Promise.resolve();
  function again(): void {
    going = box.stop().then(async () => {
      start(machine);
      await box.start(await host());
    });
  }
  t.teardown(() => going);
  await box.start(await host());
  await box.until(({ link }) => link.online);
  const { id } = await provider.until(({ state }) => state === 'online');
  return {
    ...{ provider, box, id, machine, cli },
    async release(version: string, behaviour: Behaviour = {}, made = testBundle): Promise<string> {
      const [bundle, release] = [path.join(box.folder, `${version}.raucb`), path.join(box.folder, `${version}.jws`)];
      await writeFile(bundle, made(version, behaviour, 2_000_000).bytes);
      const about = ['--bundle', bundle, '--compatible', 'webizen-test', '--version', version, '--notes', 'Better.'];
      t.match(await cli('sign', '--key', path.join(publisher, 'current.key'), ...about, '--out', release), {
        status: 0,
      });
      t.ok((await readFile(release, 'utf8')).length > 100);
      const given = ['--dir', provider.directory, '--release', release, '--bundle', bundle, '--keys', keysFile];
      const published = await cli('publish', ...given);
      t.match(published, { status: 0 });
      const [digest = ''] = /[0-9a-f]{64}/.exec(published.stdout) ?? [];
      t.match(await cli('schedule', digest, '--dir', provider.directory), { status: 0 });
      return digest;
    },
    async tell(version: string): Promise<void> {
      const place = `/v1/boxes/${id}/commands`;
      await provider.api(place, { method: 'POST', body: { kind: 'update', parameters: { what: 'os', version } } });
      for (;;) {
        const { commands } = await provider.api<CommandPage>(place);
        const [newest] = commands;
        if (newest?.state === 'done') return;
        if (newest?.answer) t.fail(newest.answer.text);
        await realHost.clock.sleep(50); // a look
      }
    },
    /** What the provider was told, once it is so. */
    async reported(holds: (os: NonNullable<NonNullable<BoxDetail['reported']>['os']>) => boolean) {
      for (;;) {
        const { reported } = await provider.api<BoxDetail>(`/v1/boxes/${id}`);
        if (reported?.os && holds(reported.os)) return reported.os;
        await realHost.clock.sleep(50); // a look
      }
    },
  };
}

t.test('a system that is well is kept, one on which the box cannot work is left again', async (t) => {
  const { box, machine, cli, provider, release, tell, reported } = await bench(t);
  const runs = () => machineIn(machine).slots[machineIn(machine).booted].version;
  await reported(({ version }) => version === '1.0.0');
  await release('1.1.0');
  await tell('1.1.0');
  t.match(await reported(({ last }) => last?.outcome === 'done'), { version: '1.1.0', next: null });
  t.equal(runs(), '1.1.0');
  await box.until(({ link }) => link.online);
  t.match((await readFile(path.join(box.folder, 'run', 'os-good'))).length, 0);

  // Its boot loader finds nothing to start.
  await release('1.2.0', { dead: true });
  await tell('1.2.0');
  const told = await reported(({ last }) => last?.version === '1.2.0');
  t.match(told, { version: '1.1.0', last: { outcome: 'rolled-back', code: 'os-not-booted' } });
  t.equal(runs(), '1.1.0');
  await box.until(({ link }) => link.online);

  // An app that ran does not run on it.
  await release('1.3.0', { ill: 'its app' });
  await tell('1.3.0');
  const back = await reported(({ last }) => last?.version === '1.3.0');
  t.match(back, { version: '1.1.0', last: { outcome: 'rolled-back', code: 'os-unhealthy', detail: /example\.clock/ } });
  t.equal(runs(), '1.1.0');
  await box.until(({ link, apps }) => link.online && apps[0]?.state === 'running');
  await box.agent!.rooms().updates!.ask();
  const { stdout } = await cli('list', '--dir', provider.directory);
  t.match(stdout, /1\.2\.0 .*0 done, 1 failed/);
  t.match(stdout, /1\.3\.0 .*paused: 1 of 1 failed.*0 done, 1 failed/);
  t.match(stdout, /1\.1\.0 .*1 run it.*1 done, 0 failed/);
});

t.test('a bundle that says how it ends is streamed from the provider, and where that cannot be, fetched', async (t) => {
  const { box, machine, release, tell, reported, provider } = await bench(t);
  await reported(({ version }) => version === '1.0.0');
  await release('1.1.0', {}, streamedBundle);
  await tell('1.1.0');
  t.match(await reported(({ last }) => last?.outcome === 'done'), { version: '1.1.0', next: null });
  const [streamed] = box.agent!.rooms().changes.list();
  t.match(box.agent!.rooms().changes.data(streamed!.id), { signature: /^[0-9a-f]{64}$/ });
  await box.until(({ link }) => link.online);

  // A catalogue that has rotted under the release: found in the part that has, and by the digest of the whole.
  await release('1.2.0', {}, streamedBundle);
  const { sha256 } = streamedBundle('1.2.0', {}, 2_000_000).bundle;
  const shelf = path.join(provider.directory, 'systems', `${sha256}.raucb`);
  const bytes = await readFile(shelf);
  await writeFile(shelf, bytes.fill(0, 1_500_000, 1_500_001));
  await tell('1.2.0');
  t.match(await reported(({ last }) => last?.version === '1.2.0'), {
    version: '1.1.0',
    last: { outcome: 'failed', code: 'os-bundle-mismatch' },
  });
  t.equal(machineIn(machine).slots[machineIn(machine).booted].version, '1.1.0');
  const all = box.agent!.rooms().changes.list();
  t.ok(all.some(({ problem }) => problem?.code === 'os-not-streamed'));
});
