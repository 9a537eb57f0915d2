/** What the data lie on, and the storage key until its owner has it. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { check } from '#contract/parse.js';
import { atRestOf, plainReasons, VolumeState } from '#contract/volume.js';
import { createLedger } from '../../agent/consent/ledger.js';
import { openStore } from '../../agent/store/store.js';
import { openVolume } from '../../agent/volume/volume.js';
import { ownFolder } from '../support/folder.js';
import { startOwnerConsole } from '../support/owner-console.js';
import { askOwner, setUpOwner } from '../support/owner-session.js';

const key = 'cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-vutrnlkj';
const sealed = { encrypted: true, opened: 'tpm2' } as const;

async function volumeIn(test: Test, state: unknown, found?: string) {
  const folder = await ownFolder(test);
  const [stateFile, keyFile] = [path.join(folder, 'state.json'), path.join(folder, 'storage-key')];
  await mkdir(path.join(folder, 'store'));
  if (state !== undefined) await writeFile(stateFile, JSON.stringify(state));
  if (found !== undefined) await writeFile(keyFile, found);
  const store = await openStore(path.join(folder, 'store'));
  test.teardown(() => store.close());
  const ledger = await createLedger({ store, clock: systemClock });
  return { folder, keyFile, open: () => openVolume({ stateFile, keyFile, files, ledger }) };
}

t.test('what the system says is what the agent says', async (t) => {
  for (const because of plainReasons) {
    const plain = { encrypted: false, because } as const;
    t.strictSame((await (await volumeIn(t, plain)).open())?.glance(), { state: plain, keyWaits: false });
    t.equal(atRestOf(plain), 'plain');
  }
  t.strictSame((await (await volumeIn(t, sealed)).open())?.glance(), { state: sealed, keyWaits: false });
  t.equal(atRestOf({ encrypted: true, opened: 'key-file' }), 'key-file');
  t.equal(await (await volumeIn(t, undefined)).open(), undefined, 'a machine that does not tell');
  await t.rejects((await volumeIn(t, { encrypted: 'perhaps' })).open(), /cannot use/);
  t.notOk(
    check(VolumeState, { encrypted: true, opened: null, because: 'tpm-refused' }).ok,
    'a locked box has no agent',
  );
});

t.test('what is no storage key is not shown as one', async (t) => {
  const { open } = await volumeIn(t, sealed, 'half a key');
  t.equal((await open())?.glance().keyWaits, false);
});

t.test('over the API: shown to the owner as often as they look, destroyed once its end is typed', async (t) => {
  const served = await startOwnerConsole(t, { volume: { state: sealed, key } });
  const ask = (place: string, wish: Parameters<typeof askOwner>[2]) => askOwner(served.port, place, wish);
  const noted = (last: string, cookie?: string) =>
    ask('/v1/storage-key/noted', { method: 'POST', body: { last }, cookie });
  t.equal((await ask('/v1/storage-key', { method: 'POST' })).code, 'sign-in-needed');
  t.equal((await noted('vutrnlkj')).code, 'sign-in-needed');
  const cookie = await setUpOwner(served);

  for (let time = 0; time < 2; time += 1) {
    const shown = await ask('/v1/storage-key', { method: 'POST', cookie });
    t.strictSame(shown.json, { key });
    t.equal(shown.headers['cache-control'], 'no-store');
  }
  t.equal((await noted('cbdefghi', cookie)).code, 'storage-key-mistyped');
  t.equal((await noted('x'.repeat(41), cookie)).status, 400);
  t.equal(await readFile(path.join(served.dataDir, 'storage-key'), 'utf8'), key, 'a wrong end destroys nothing');

  t.equal((await noted(' VUTR-nlkj ', cookie)).status, 204);
  t.notOk((await readdir(served.dataDir)).includes('storage-key'), 'the box has forgotten it');
  t.equal((await ask('/v1/storage-key', { method: 'POST', cookie })).code, 'storage-key-gone');
  t.equal((await noted('vutrnlkj', cookie)).code, 'storage-key-gone');
  const last = (await served.ledger.entries({ limit: 10 })).slice(-3);
  t.strictSame(
    last.map(({ type, signature }) => [type, signature !== undefined]),
    [
      ['storage-key.shown', true],
      ['storage-key.shown', true],
      ['storage-key.noted', true],
    ],
  );
});

t.test('without a volume that is told of there is nothing to ask', async (t) => {
  const served = await startOwnerConsole(t);
  const cookie = await setUpOwner(served);
  t.equal((await askOwner(served.port, '/v1/storage-key', { method: 'POST', cookie })).status, 404);
});
