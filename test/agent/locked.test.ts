/** A box whose data do not open: its page says why, takes the storage key to the boot partition, and restarts the machine. */
import { EventEmitter, once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { parseConfig } from '../../agent/config.js';
import { realHost } from '../../agent/host/host.js';
import { openLockedConsole } from '../../agent/locked-wiring.js';
import { built } from '../../image/places.js';
import { ownFolder } from '../support/folder.js';
import { heading, launch, looker, openPage, press, sizes } from '../support/owner-pages.js';

const key = 'cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-vutrnlkj';
const keyName = 'webizen-storage-key.txt';
const refused = { encrypted: true, opened: null, because: 'tpm-refused' };

async function box(t: Test, state: unknown) {
  const folder = await ownFolder(t);
  const bootDir = path.join(folder, 'boot');
  await mkdir(bootDir);
  const stateFile = path.join(folder, 'state.json');
  await writeFile(stateFile, typeof state === 'string' ? state : JSON.stringify(state));
  await writeFile(path.join(bootDir, 'webizen-setup-code.txt'), 'AAAAA-BBBBB\r\n\r\nWebizen-7K3F\r\npassword\r\n');
  const config = parseConfig(
    JSON.stringify({
      ...{ dataDir: path.join(folder, 'nothing'), runtimeDir: path.join(folder, 'run'), bootDir },
      volume: { stateFile, keyFile: path.join(folder, 'storage-key') },
      owner: { host: '127.0.0.1', port: 0, mdns: false },
    }),
  );
  const events = new EventEmitter();
  const restarted = once(events, 'restarted');
  const host = { ...realHost, reboot: async () => void events.emit('restarted') };
  const log = pino({ level: 'silent' });
  const page = await openLockedConsole(config, host, { log, assetsDir: built('owner') });
  const url = `http://127.0.0.1:${await page.start()}`;
  t.teardown(() => page.stop());
  const send = (text: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/storage-key`, { method: 'POST', body: new URLSearchParams({ key: text }), headers });
  return { bootDir, url, send, restarted };
}

t.test('a key however it was typed lies on the boot partition before the machine restarts', async (t) => {
  const { bootDir, url, send, restarted } = await box(t, refused);
  t.match(await (await fetch(url)).text(), /webizen-7k3f/, 'by the name that its owner knows');
  const wrong = await send(key.slice(0, -1));
  t.equal(wrong.status, 400);
  t.match(await wrong.text(), /storage-key-malformed/);
  t.equal((await send(key, { origin: 'http://elsewhere.example' })).status, 403, 'no other site sends one');
  t.equal((await send('x'.repeat(5000))).status, 413);
  t.match(await (await send('"><script>')).text(), /&#34;&#62;&#60;script&#62;/, 'what was typed is text');
  t.equal((await fetch(`${url}/act/reset`, { method: 'POST' })).status, 404);
  t.notOk((await readdir(bootDir)).includes(keyName), 'nothing of these is kept');

  const taken = await send(` ${key.toUpperCase().replaceAll('-', '  ')}\r\n`);
  t.equal(taken.status, 200);
  t.equal((await readFile(path.join(bootDir, keyName), 'utf8')).trim(), key);
  await restarted;
  t.equal((await send(key)).status, 409, 'the machine restarts');
});

t.test('what no key would open asks for none', async (t) => {
  for (const state of [{ encrypted: false, because: 'unknown' }, 'torn']) {
    const { bootDir, url, send } = await box(t, state);
    t.notMatch(await (await fetch(url)).text(), /<form/);
    t.equal((await send(key)).status, 404);
    t.notOk((await readdir(bootDir)).includes(keyName));
  }
});

const browser = await launch(t);

for (const size of ['phone', 'desktop'] as const)
  t.test(`why, and what to do, on the ${size}`, async (t) => {
    const { url, restarted } = await box(t, { ...refused, because: 'wrong-key' });
    const page = await openPage(browser, url, sizes[size]);
    const look = looker(t, page, size, 'locked');
    await heading(page, 'Your box cannot open its data.');
    await page.getByText('does not fit').waitFor();
    await look('1-locked');
    await page.getByRole('textbox', { name: 'Storage key' }).fill('cbdefghi');
    await press(page, 'Restart with this key');
    await page.getByText('storage-key-malformed').waitFor();
    t.equal(await page.getByRole('textbox', { name: 'Storage key' }).inputValue(), 'cbdefghi', 'to be mended');
    await look('2-malformed');
    await page.getByRole('textbox', { name: 'Storage key' }).fill(key);
    await press(page, 'Restart with this key');
    await heading(page, 'Your box restarts with the key.');
    await look('3-restarts');
    await restarted;
  });
