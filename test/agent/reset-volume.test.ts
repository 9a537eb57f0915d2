/** A reset where the volume can be made anew: it is asked for once, on the boot partition, before anything is opened. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { Refusal } from '#contract/problems.js';
import { parseConfig } from '../../agent/config.js';
import { openGround } from '../../agent/ground.js';
import { type Host, realHost } from '../../agent/host/host.js';
import { ownFolder } from '../support/folder.js';

async function box(t: Test, state: unknown, more: Partial<Host> = {}) {
  const folder = await ownFolder(t);
  const [dataDir, bootDir] = [path.join(folder, 'data'), path.join(folder, 'boot')];
  for (const place of [dataDir, bootDir]) await mkdir(place, { mode: 0o700 });
  const volume = { stateFile: path.join(folder, 'state.json'), keyFile: path.join(folder, 'storage-key') };
  await writeFile(volume.stateFile, JSON.stringify(state));
  const runtimeDir = path.join(folder, 'run');
  const config = parseConfig(JSON.stringify({ dataDir, runtimeDir, bootDir, volume, mayReboot: true }));
  const stopping = new AbortController();
  let reboots = 0;
  const host: Host = {
    ...realHost,
    async reboot() {
      reboots += 1;
      stopping.abort(new Error('the machine restarts'));
    },
    ...more,
  };
  await mkdir(path.join(dataDir, 'factory'), { mode: 0o700 });
  await writeFile(path.join(dataDir, 'secret'), 'of the owner');
  await writeFile(path.join(bootDir, 'webizen-reset'), '');
  const open = async (signal = stopping.signal) => {
    const { ground, refusals } = await openGround(config, host, { log: pino({ level: 'silent' }), signal });
    const types = (await ground.ledger.entries({ limit: 10 })).map(({ type }) => type);
    await ground.store.close();
    return { types, codes: refusals.list().map(({ code }) => code) };
  };
  return { dataDir, bootDir, open, reboots: () => reboots };
}

for (const state of [
  { encrypted: true, opened: 'tpm2' },
  { encrypted: false, because: 'in-use' },
])
  t.test(`asked for, and gone on with after the restart: ${JSON.stringify(state)}`, async (t) => {
    const { dataDir, bootDir, open, reboots } = await box(t, state);
    await t.rejects(open(), /the machine restarts/);
    t.equal(reboots(), 1);
    t.ok((await readdir(bootDir)).includes('webizen-new-volume'));
    t.strictSame(
      (await readdir(dataDir)).toSorted(),
      ['factory', 'reset.json'],
      'what was the owner’s is gone already',
    );
    t.match(JSON.parse(await readFile(path.join(dataDir, 'reset.json'), 'utf8')), {
      phase: 'wiped',
      volumeAsked: true,
    });
    // Whatever the system has made of it: a second restart would be one too many.
    const { types } = await open(new AbortController().signal);
    t.strictSame(types, ['reset']);
    t.equal(reboots(), 1);
    t.notOk((await readdir(dataDir)).includes('reset.json'), 'it is over');
  });

for (const state of [
  { encrypted: false, because: 'no-tpm' },
  { encrypted: true, opened: 'key-file' },
  { encrypted: 'perhaps' },
])
  t.test(`a reset as ever where no TPM could take it: ${JSON.stringify(state)}`, async (t) => {
    const { bootDir, open, reboots } = await box(t, state);
    t.strictSame((await open()).types, ['reset']);
    t.equal(reboots(), 0);
    t.strictSame(await readdir(bootDir), []);
  });

t.test('a machine that does not restart is reset all the same, and asked for nothing later', async (t) => {
  const { bootDir, open } = await box(
    t,
    { encrypted: true, opened: 'tpm2' },
    { reboot: () => Promise.reject(new Refusal('host-cannot-reboot')) },
  );
  const { types, codes } = await open();
  t.strictSame(types, ['reset']);
  t.strictSame(codes, ['host-cannot-reboot']);
  t.strictSame(await readdir(bootDir), []);
});
