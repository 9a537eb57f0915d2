/** The console and the network: the captive portal, who may choose, and a card that was prepared. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { parseBootFile, withoutWifi } from '../../agent/factory/boot-file.js';
import { realHost } from '../../agent/host/host.js';
import { hexOf, openAir } from '../support/air.js';
import { testBox } from '../support/box.js';
import { ownFolder } from '../support/folder.js';
import { networkFeature, newClock, openNetworkRoom, pass, tried } from '../support/network-box.js';
import { setupCode, startOwnerConsole } from '../support/owner-console.js';
import { askOwner, setUpOwner } from '../support/owner-session.js';

const home = hexOf('Home');

interface Answer {
  status: number | undefined;
  location: string | undefined;
  text: string;
}
function ask(port: number, host: string, place: string, method = 'GET', address = '127.0.0.1'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: address, port, path: place, method, headers: { host } }, (reply) => {
      let text = '';
      reply.on('data', (chunk) => {
        text += chunk;
      });
      reply.on('end', () => resolve({ status: reply.statusCode, location: reply.headers.location, text }));
    });
    asked.on('error', reject).end();
  });
}

const probes = [
  ['connectivitycheck.gstatic.com', '/generate_204'],
  ['captive.apple.com', '/hotspot-detect.html'],
  ['www.msftconnecttest.com', '/connecttest.txt'],
  ['www.msftncsi.com', '/ncsi.txt'],
  ['detectportal.firefox.com', '/canonical.html'],
] as const;

t.test('the captive portal', async (t) => {
  let own: string | undefined = '127.0.0.1';
  let greeted = 0;
  const { room } = await someRoom(t);
  const served = await startOwnerConsole(t, {
    host: '0.0.0.0',
    network: {
      ...networkFeature(room),
      ownAddress: () => own,
      greet() {
        greeted += 1;
      },
    },
  });
  const { port } = served;
  for (const [host, place] of probes) {
    const { status, location, text } = await ask(port, host, place);
    t.same([status, location, text], [302, `http://127.0.0.1:${port}/`, ''], host);
  }
  t.equal(greeted, 0, 'a phone asks by itself');
  const led = await ask(port, '127.0.0.1', '/');
  t.equal(led.status, 200);
  t.match(led.text, '<div id="app">');
  t.equal(greeted, 1);
  t.equal((await ask(port, 'evil.example', '/v1/state')).status, 302, 'under a foreign name nothing is told');
  t.equal((await ask(port, 'evil.example', '/v1/setup/session', 'POST')).status, 421);
  own = '10.42.0.1';
  const [host, place] = probes[0];
  t.equal((await ask(port, host, place)).status, 421, 'from another network nobody is led there');
  t.equal((await ask(port, '10.42.0.1', '/')).status, 421, 'nor is its address one of ours there');
  own = undefined;
  t.equal((await ask(port, host, place)).status, 421, 'nor while it is not on the air');
});

async function someRoom(t: Parameters<typeof ownFolder>[0]) {
  const folder = await ownFolder(t);
  const air = openAir(folder);
  air.set({ stations: [{ ssid: home, password: 'right password', gives: true }] });
  const clock = newClock();
  const box = await openNetworkRoom(folder, { host: air.host, directory: air.directory, ticks: clock });
  t.teardown(() => box.room.stop());
  await box.room.start();
  return { ...box, air, clock };
}

t.test('who proved the label’s code chooses before there is an owner, and the owner after', async (t) => {
  const { room, air, clock } = await someRoom(t);
  const served = await startOwnerConsole(t, { network: networkFeature(room) });
  const { port } = served;
  const wish = { ssid: home, passphrase: 'right password', hidden: false };
  const put = (cookie?: string, body: unknown = wish) =>
    askOwner(port, '/v1/network/wifi', { method: 'PUT', body, ...(cookie && { cookie }) });
  await pass(clock, 65_000);
  t.equal((await put()).status, 401, 'nobody else does');
  t.equal((await askOwner(port, '/v1/network')).status, 401);
  t.match((await askOwner(port, '/v1/state')).json, { wifi: 'needed' });
  const setup = await askOwner(port, '/v1/setup/session', { method: 'POST', body: { code: setupCode } });
  const cookie = setup.cookie ?? '';
  t.match((await askOwner(port, '/v1/network', { cookie })).json, {
    wired: false,
    wifi: { seen: [{ ssid: home, name: 'Home', security: 'password' }], accessPoint: { name: 'Webizen-7k3f' } },
  });
  for (const body of [
    { ...wish, ssid: 'xyz' },
    { ...wish, ssid: '00'.repeat(33) },
    { ssid: home },
    { ...wish, more: 1 },
  ])
    t.equal((await put(cookie, body)).status, 400);
  t.match((await put(cookie, { ...wish, passphrase: 'short' })).json, { code: 'wifi-password-invalid' });
  t.equal((await askOwner(port, '/v1/network/wifi', { method: 'DELETE', cookie })).status, 401, 'but forgets nothing');
  t.equal((await put(cookie)).status, 202);
  t.match((await put(cookie)).json, { code: 'wifi-busy' });
  await tried(room, clock);
  t.equal(air.isUp(), home);
  t.match((await askOwner(port, '/v1/state')).json, { wifi: 'there' });

  const owner = await setUpOwner(served);
  t.equal((await put(cookie)).status, 401, 'once there is an owner, the code does not do');
  t.equal((await askOwner(port, '/v1/network/wifi', { method: 'DELETE', cookie: owner })).status, 204);
  t.equal(air.isUp(), undefined);
  t.match((await askOwner(port, '/v1/network/look', { method: 'POST', cookie: owner })).json, {
    wifi: { known: null },
  });
});

t.test('a card that was prepared brings its Wi-Fi, and does not keep the password', async (t) => {
  const box = await testBox(t, {});
  const air = openAir(box.folder);
  box.config.network = { profiles: air.directory };
  const host = { ...realHost, network: air.host };
  const bootFile = path.join(box.bootDir, 'webizen.json');
  const given = { territory: 'home', wifi: { ssid: 'Café ☕', passphrase: 'prepared word', country: 'AU' } };
  await writeFile(bootFile, JSON.stringify(given));
  await box.start(host);
  const [profile = ''] = air.profiles();
  t.match(profile, 'psk=prepared word\n');
  t.match(profile, /^autoconnect=true$/m);
  const [name = ''] = (await readdir(air.directory)).filter((one) => one.endsWith('-wifi.nmconnection'));
  t.equal((await stat(path.join(air.directory, name))).mode & 0o777, 0o600);
  t.same(JSON.parse(await readFile(bootFile, 'utf8')), { territory: 'home' });
  t.equal(await readFile(path.join(box.folder, 'run/country'), 'utf8'), 'AU\n');
  const paper = await readFile(path.join(box.bootDir, 'webizen-setup-code.txt'), 'latin1');
  t.match(paper, /[0-9A-Z]{5}-[0-9A-Z]{5}\r\n[\s\S]*Webizen-[0-9a-z]{4}\r\n[0-9a-z]{5}-[0-9a-z]{5}-[0-9a-z]{5}\r\n/);
  await box.stop();

  await writeFile(bootFile, JSON.stringify(given)); // as if it could not be cleared
  air.set({ stations: [{ ssid: home, password: undefined, gives: true }] });
  const again = await box.start(host);
  const room = again.rooms().network?.room;
  t.ok(room);
  t.match(room?.view().wifi?.known, { name: 'Café ☕' });
  t.equal(await readFile(path.join(box.bootDir, 'webizen-setup-code.txt'), 'latin1'), paper, 'the paper stays');
});

t.test('what webizen.json may say of Wi-Fi', async (t) => {
  const read = (wifi: unknown) => parseBootFile(Buffer.from(JSON.stringify({ wifi })));
  const ssid = 'Home';
  t.match(read({ ssid, open: true }).wifi, { ssid });
  t.match(read({ ssid, psk: 'A'.repeat(64), hidden: true, country: 'DE' }).wifi, { ssid });
  for (const wrong of [
    { ssid },
    { ssid, passphrase: 'right password', open: true },
    { ssid, passphrase: 'short' },
    { ssid, psk: 'A'.repeat(63) },
    { ssid: '', open: true },
    { ssid: '€'.repeat(11), open: true },
    { ssid, open: true, country: 'de' },
    { ssid, open: true, priority: 1 },
    [],
  ])
    t.throws(() => read(wrong), { code: 'boot-file-invalid' }, JSON.stringify(wrong));
  fc.assert(
    fc.property(fc.string(), (text) => {
      const bytes = Buffer.from(text);
      return withoutWifi(bytes) === bytes || typeof withoutWifi(bytes) === 'string';
    }),
  );
  const kept = { territory: 'home', claimCode: undefined };
  t.same(JSON.parse(String(withoutWifi(Buffer.from(JSON.stringify({ ...kept, wifi: { ssid, open: true } }))))), {
    territory: 'home',
  });
});
