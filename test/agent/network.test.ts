/** The box's own network and the one that its owner chooses: when it opens, what is tried, what is kept. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { type Files, files } from '#common/files.js';
import { createNmcli, protectionOf, seenNetworks, terseFields, whyNot } from '../../agent/host/nmcli.js';
import { decide, firstStanding, quietChannel, type Seen } from '../../agent/network/decide.js';
import { accessPointFile, readStation, type Station, stationFile } from '../../agent/network/keyfile.js';
import { type Air, hexOf, openAir } from '../support/air.js';
import { ownFolder } from '../support/folder.js';
import { newClock, openNetworkRoom, ownPassword, pass, tried, until } from '../support/network-box.js';

const minute = 60_000;
const home = hexOf('Home');
const other = hexOf('Café ☕');
const stations = [
  { ssid: home, password: 'right password', gives: true },
  { ssid: other, password: undefined, gives: true },
  { ssid: hexOf('Empty'), password: 'right password', gives: false },
  { ssid: hexOf('Secret'), password: 'right password', gives: true, hidden: true },
];

async function someBox(test: Test, wish: { isOwned?: boolean; password?: string | null; files?: Files } = {}) {
  const folder = await ownFolder(test);
  const air = openAir(folder);
  air.set({ stations });
  const clock = newClock();
  const open = () => openNetworkRoom(folder, { ...wish, host: air.host, directory: air.directory, ticks: clock });
  const box = await open();
  test.teardown(() => box.room.stop());
  await box.room.start();
  const choose = async (room: typeof box.room, ssid: string, passphrase: string | null, hidden = false) => {
    await room.choose({ ssid, passphrase, hidden });
    await tried(room, clock);
  };
  return { ...box, folder, air, clock, open, choose };
}

/** As after a pulled plug: the machine joins what it joins, and another agent starts. */
async function replug(
  test: Test,
  box: { room: { stop(): Promise<void> }; air: Air; open: () => ReturnType<typeof openNetworkRoom> },
) {
  await box.room.stop();
  box.air.restart();
  const again = await box.open();
  test.teardown(() => again.room.stop());
  await again.room.start();
  return again;
}

t.test('an unowned box without a network opens its own after a minute', async (t) => {
  const { room, air, clock } = await someBox(t);
  await pass(clock, minute - 5000);
  t.equal(air.isUp(), undefined, 'not before');
  await pass(clock, 5000);
  await until(room, () => room.view().wifi?.accessPoint !== null);
  t.equal(air.isUp(), 'own');
  t.same(room.view().wifi?.accessPoint, { name: 'Webizen-7k3f' });
  t.equal(room.ownAddress(), '10.42.0.1');
  const [profile = ''] = air.profiles();
  t.match(profile, `psk=${ownPassword}\n`);
  t.match(profile, /^autoconnect=false$/m);
  t.match(profile, /^channel=(1|6|11)$/m);
  t.same(
    room.view().wifi?.seen.map(({ name, security }) => [name, security]),
    [
      ['Home', 'password'],
      ['Café ☕', 'open'],
      ['Empty', 'password'],
    ],
    'what was heard before it opened',
  );
});

t.test('a wrong password brings the own network back, with the reason; the right one is kept', async (t) => {
  const box = await someBox(t);
  const { room, air, clock, choose } = box;
  await pass(clock, minute);
  await until(room, () => room.view().wifi?.accessPoint !== null);
  await choose(room, home, 'wrong password');
  t.equal(air.isUp(), 'own');
  t.match(room.view().wifi?.last, { name: 'Home', problem: { code: 'wifi-password-wrong' } });
  t.equal(room.view().wifi?.known, null);

  const again = await replug(t, box);
  await pass(clock, 5000);
  t.match(again.room.view().wifi?.last?.problem, { code: 'wifi-password-wrong' }, 'a restart forgets it not');
  await pass(clock, minute);
  await until(again.room, () => again.room.view().wifi?.accessPoint !== null);
  await choose(again.room, hexOf('Empty'), 'right password');
  t.equal(air.isUp(), 'own');
  t.match(again.room.view().wifi?.last, { name: 'Empty', problem: { code: 'wifi-no-address' } });

  await choose(again.room, home, 'right password');
  t.equal(air.isUp(), home);
  t.match(again.room.view(), { wired: false, wifi: { known: { name: 'Home' }, isJoined: true, accessPoint: null } });
  t.equal(again.room.view().wifi?.last?.problem, null);
  t.equal(again.room.ownAddress(), undefined);
  t.equal(air.profiles().length, 1, 'nothing is left of what was tried');

  const third = await replug(t, { ...box, room: again.room });
  t.equal(air.isUp(), home, 'a restart leads there by itself');
  await pass(clock, 30 * minute);
  t.equal(air.isUp(), home);
  t.match(third.room.view().wifi, { isJoined: true, known: { ssid: home } });
});

t.test('from one Wi-Fi to another, and back where the other does not work', async (t) => {
  const { room, air, clock, choose } = await someBox(t, { isOwned: true });
  await pass(clock, 5000);
  await choose(room, other, null);
  t.equal(air.isUp(), other);
  await choose(room, home, 'wrong password');
  t.equal(air.isUp(), other, 'it is back where it was');
  t.match(room.view().wifi, {
    known: { ssid: other },
    isJoined: true,
    last: { problem: { code: 'wifi-password-wrong' } },
  });
  await choose(room, hexOf('Secret'), 'right password');
  t.equal(air.isUp(), other, 'a hidden one is not found without being asked for');
  await choose(room, hexOf('Secret'), 'right password', true);
  t.equal(air.isUp(), hexOf('Secret'));
  t.match(air.profiles().join(), /^hidden=true$/m);
});

t.test('what is not found at first is looked for once more', async (t) => {
  const { room, air, clock, choose } = await someBox(t);
  await pass(clock, minute);
  air.faults.missed = 1;
  await choose(room, home, 'right password');
  t.equal(air.isUp(), home);
  t.equal(room.view().wifi?.last?.problem, null);
});

t.test('where neither the new nor the old works, the own network opens at once', async (t) => {
  const { room, air, clock, choose } = await someBox(t, { isOwned: true });
  await pass(clock, 5000);
  await choose(room, other, null);
  air.set({ stations: [] });
  await choose(room, home, 'right password');
  t.equal(air.isUp(), 'own');
  t.match(room.view().wifi?.last?.problem, { code: 'wifi-not-found' });
});

t.test('an owned box waits ten minutes, and goes back to its network when that is there again', async (t) => {
  const { room, air, clock, choose } = await someBox(t, { isOwned: true });
  await pass(clock, 5000);
  await choose(room, home, 'right password');
  air.set({ up: null, stations: [] });
  await pass(clock, 9 * minute);
  t.equal(air.isUp(), undefined);
  await pass(clock, 2 * minute);
  await until(room, () => room.view().wifi?.accessPoint !== null);
  await pass(clock, 11 * minute);
  await until(room, () => room.view().wifi?.accessPoint !== null);
  t.equal(air.isUp(), 'own', 'looked for, and not found');
  air.set({ stations });
  for (let looks = 0; looks < 4; looks += 1) {
    room.greet(); // somebody is reading there
    await pass(clock, 4 * minute);
    t.equal(air.isUp(), 'own', 'nobody is cut off for it');
  }
  await pass(clock, 6 * minute);
  await until(room, () => room.view().wifi?.isJoined === true);
  t.equal(air.isUp(), home);
  t.equal(air.profiles().length, 1);
});

t.test('a cable goes before all else', async (t) => {
  const { room, air, clock } = await someBox(t);
  air.set({ wired: true });
  await pass(clock, 30 * minute);
  t.equal(air.isUp(), undefined, 'no network of its own beside it');
  air.set({ wired: false });
  await pass(clock, 2 * minute);
  await until(room, () => room.view().wifi?.accessPoint !== null);
  air.set({ wired: true });
  await pass(clock, 5000);
  await until(room, () => room.view().wifi?.accessPoint === null);
  t.equal(air.isUp(), undefined);
  t.same(air.profiles(), []);
});

t.test('what falls over is opened again, and what cannot be opened is tried again', async (t) => {
  const { room, air, clock, refused } = await someBox(t);
  air.faults.isDeaf = true; // it opens also where nothing is heard
  air.faults.mayOpen = false;
  await pass(clock, 1.5 * minute);
  t.match(refused.at(-1), { code: 'wifi-not-joined' });
  t.ok(refused.length < 4, 'not at each look');
  air.faults.mayOpen = true;
  await pass(clock, 1.5 * minute);
  await until(room, () => room.view().wifi?.accessPoint !== null);
  air.set({ up: null });
  await pass(clock, 10_000);
  await until(room, () => air.isUp() === 'own');
  t.equal(air.isUp(), 'own');
});

t.test('a stop in the middle is no refusal, and asks the machine for nothing more', async (t) => {
  const { room, air, clock, refused } = await someBox(t);
  const isAsked = new Promise<void>((resolve) => {
    air.host.up = (_profile, _link, signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        air.done.length = 0;
        resolve();
      });
  });
  await pass(clock, minute - 5000);
  clock.advance(5000);
  await isAsked;
  await room.stop();
  t.same(refused, []);
  t.same(air.done, []);
});

t.test('a box that cannot keep how a try came out goes back to what it had all the same', async (t) => {
  const isFull = new Error('ENOSPC');
  let mayWrite = true;
  const { room, air, clock, choose } = await someBox(t, {
    isOwned: true,
    files: {
      ...files,
      async write(file, ...more) {
        if (!mayWrite && file.endsWith('outcome.json')) throw isFull;
        await files.write(file, ...more);
      },
    },
  });
  await pass(clock, 5000);
  await choose(room, other, null);
  mayWrite = false;
  await choose(room, home, 'wrong password');
  t.equal(air.isUp(), other);
  t.match(room.view().wifi?.last?.problem, { code: 'wifi-password-wrong' });
  t.equal(air.profiles().length, 1, 'nothing is left of what was tried');
});

t.test('nothing opens without a device, or without a password that somebody can read', async (t) => {
  const without = await someBox(t, { password: null });
  await pass(without.clock, 5 * minute);
  t.equal(without.air.isUp(), undefined);
  const { room, air, clock } = await someBox(t);
  air.set({ hasWifi: false });
  await pass(clock, 5 * minute);
  t.same(room.view(), { wired: false, wifi: null });
  await t.rejects(room.choose({ ssid: home, passphrase: 'right password', hidden: false }), { code: 'wifi-missing' });
  await t.rejects(room.look(), { code: 'wifi-missing' });
});

t.test('what cannot be tried is refused before anything is touched', async (t) => {
  const { room, air, clock } = await someBox(t);
  await pass(clock, 5000);
  await room.look();
  const wish = { ssid: home, passphrase: 'right password', hidden: false };
  await t.rejects(room.choose({ ...wish, passphrase: null }), { code: 'wifi-password-needed' });
  for (const passphrase of ['short', 'x'.repeat(64), 'with\nline break', 'Schlüssel mit ü'])
    await t.rejects(room.choose({ ...wish, passphrase }), { code: 'wifi-password-invalid' }, passphrase);
  await room.choose({ ...wish, passphrase: 'f'.repeat(64) });
  await t.rejects(room.choose(wish), { code: 'wifi-busy' });
  await t.rejects(room.forget(), { code: 'wifi-busy' });
  await tried(room, clock);
  await t.rejects(room.forget(), { code: 'wifi-unknown' });
  t.match(room.view().wifi?.last?.problem, { code: 'wifi-password-wrong' });
  t.equal(air.isUp(), 'own', 'and who is left without a network has the own one at once');
});

t.test('forgotten is forgotten, and a box that was reset knows nothing of the owner before', async (t) => {
  const box = await someBox(t, { isOwned: true });
  const { room, air, clock, choose, folder } = box;
  await pass(clock, 5000);
  await choose(room, home, 'right password');
  await room.forget();
  t.equal(air.isUp(), undefined);
  t.same(air.profiles(), []);
  await choose(room, home, 'right password');
  await room.stop();
  await rm(path.join(folder, 'network'), { recursive: true }); // as a reset does
  await writeFile(path.join(air.directory, 'someone-elses.nmconnection'), '[connection]\nuuid=1\n');
  air.restart();
  t.equal(air.isUp(), home, 'the machine still knows it');
  const fresh = await box.open();
  t.teardown(() => fresh.room.stop());
  await fresh.room.start();
  t.equal(air.isUp(), undefined);
  t.same(air.profiles(), ['[connection]\nuuid=1\n'], 'what is not the box’s own stays');
});

t.test('decisions', async (t) => {
  const calm: Seen = {
    now: 0,
    wired: false,
    wifi: false,
    mayOpen: true,
    isKnown: false,
    owned: false,
    guestAt: undefined,
  };
  t.equal(decide(firstStanding, calm).act, undefined);
  t.test('never beside a network, never without being allowed', async (t) => {
    const seen = fc.record({
      now: fc.integer({ min: 0, max: 1e9 }),
      wired: fc.boolean(),
      wifi: fc.boolean(),
      mayOpen: fc.boolean(),
      isKnown: fc.boolean(),
      owned: fc.boolean(),
      guestAt: fc.option(fc.integer({ min: 0, max: 1e9 }), { nil: undefined }),
    });
    const time = fc.option(fc.integer({ min: 0, max: 1e9 }), { nil: undefined });
    const standing = fc.record({ offlineSince: time, openSince: time, failedAt: time });
    fc.assert(
      fc.property(standing, seen, (before, now) => {
        const { act } = decide(before, now);
        if (act === 'open') return now.mayOpen && !now.wired && !now.wifi && before.openSince === undefined;
        if (act === 'close') return now.wired && before.openSince !== undefined;
        return act !== 'look-for-known' || (now.isKnown && !now.wired && before.openSince !== undefined);
      }),
    );
    t.pass();
  });
  t.equal(quietChannel([]), 1);
  t.equal(quietChannel([{ channel: 1, signal: 60 }]), 6);
  t.equal(quietChannel([1, 6, 36].map((channel) => ({ channel, signal: 60 }))), 11);
});

t.test('what nmcli says', async (t) => {
  const escaped = (text: string) => text.replace(/[\\:]/g, (sign) => `\\${sign}`);
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (fields) => {
      t.same(terseFields(fields.map(escaped).join(':')), fields);
    }),
    { numRuns: 50 },
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const { ssid } of seenNetworks(text)) if (!/^([0-9a-f]{2}){1,32}$/.test(ssid)) return false;
      return true;
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 32 }), (bytes) => {
      const ssid = Buffer.from(bytes).toString('hex');
      const found = seenNetworks(`${ssid.toUpperCase()}:6:71:WPA2 WPA3\n`);
      return bytes.every((byte) => byte === 0) ? found.length === 0 : found[0]?.ssid === ssid;
    }),
  );
  const several = [
    '486F6D65:36:40:WPA2',
    '486F6D65:1:80:WPA2',
    ':6:99:WPA2',
    '4F66666963:11:55:WPA2 802.1X',
    'nonsense',
  ];
  t.same(seenNetworks(several.join('\n')), [
    { ssid: home, channel: 1, signal: 80, protection: 'wpa-psk' },
    { ssid: '4f66666963', channel: 11, signal: 55, protection: undefined },
  ]);
  const kinds = {
    '': 'open',
    '--': 'open',
    WPA3: 'sae',
    'WPA1 WPA2': 'wpa-psk',
    OWE: 'owe',
    WEP: undefined,
    'OWE-TM': 'open',
  };
  for (const [said, kind] of Object.entries(kinds)) t.equal(protectionOf(said), kind, said);
  const reasons = {
    'Error: Connection activation failed: Secrets were required, but not provided.': 'wifi-password-wrong',
    'Error: Connection activation failed: The Wi-Fi network could not be found': 'wifi-not-found',
    'Error: Connection activation failed: IP configuration could not be reserved (no available address, timeout, etc.)':
      'wifi-no-address',
    'Error: Timeout expired (60 seconds)': 'wifi-not-joined',
  };
  for (const [said, code] of Object.entries(reasons)) t.equal(whyNot(said).code, code);
});

t.test('nmcli is asked without a password among its arguments, and its word is told', async (t) => {
  const folder = await ownFolder(t);
  const [program, log, answer] = ['nmcli', 'log', 'answer'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(program, `#!/bin/sh\necho "$LC_ALL $*" >>${log}\n. ${answer}\n`, { mode: 0o755 });
  const says = (script: string) => writeFile(answer, script);
  const kernel: Record<string, string> = { '/sys/class/net/lo0/device/uevent': '' };
  const host = createNmcli({
    program,
    kernel: async (file) => kernel[file],
    list: async (directory) => (directory === '/sys/class/net' ? ['lo', 'lo0'] : ['address', 'phy80211']),
  });
  const { signal } = new AbortController();
  t.same(await host.links(), [{ name: 'lo0', kind: 'wifi', addresses: [] }], 'what has no device is none');
  await says('echo 486F6D65:6:70:WPA2');
  t.match(await host.look('wlan0', signal), [{ ssid: home, channel: 6 }]);
  await says('case "$*" in *"rescan no") echo 486F6D65:6:70:WPA2;; *) exit 1;; esac');
  t.match(await host.look('wlan0', signal), [{ ssid: home }], 'what was heard before, where it cannot look');
  await says('exit 10');
  await t.rejects(host.look('wlan0', signal), { code: 'wifi-missing' });
  await says('exit 0');
  await host.up('some-uuid', 'wlan0', signal);
  await host.load();
  await says(
    'echo "Error: Connection activation failed: Secrets were required, but not provided." >&2; echo Hint: >&2; exit 4',
  );
  await t.rejects(host.up('some-uuid', 'wlan0', signal), { code: 'wifi-password-wrong', detail: /^Error: / });
  await host.down('some-uuid');
  await says('exit 8');
  await t.rejects(host.load(), { code: 'network-unavailable' });
  await t.rejects(
    createNmcli({ program: '/nowhere/nmcli', kernel: async () => undefined, list: async () => [] }).load(),
    {
      code: 'network-unavailable',
    },
  );
  const aborting = new AbortController();
  await says('exec sleep 60');
  const waits = host.up('some-uuid', 'wlan0', aborting.signal);
  aborting.abort();
  await t.rejects(waits, { name: 'AbortError' }, 'the agent is stopped meanwhile');
  const asked = (await readFile(log, 'utf8')).trim().split('\n');
  t.ok(
    asked.every((line) => line.startsWith('C ')),
    'in words that can be read by a program',
  );
  t.ok(asked.includes('C --wait 60 connection up uuid some-uuid ifname wlan0'));
});

t.test('profiles as files', async (t) => {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const secret = fc.string({
    unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)),
    minLength: 8,
    maxLength: 63,
  });
  const profile: fc.Arbitrary<Station> = fc.record({
    uuid: fc.uuid(),
    ssid: fc.uint8Array({ minLength: 1, maxLength: 32 }).map(hex),
    protection: fc.constantFrom('wpa-psk' as const, 'sae' as const),
    secret,
    hidden: fc.boolean(),
    isConfirmed: fc.boolean(),
  });
  fc.assert(
    fc.property(profile, (station) => {
      t.same(readStation(stationFile(station)), station);
    }),
    { numRuns: 100 },
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      readStation(text);
    }),
  );
  const own = accessPointFile({ uuid: 'x', ssid: home, password: 'p', channel: 6, address: '10.42.0.1/24' });
  t.equal(readStation(own), undefined, 'the own network is none to join');
});
