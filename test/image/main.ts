/**
 * `make image-test`: from flash to enrolled and healthy without a hand, in QEMU, against a real provider; the plug is
 * pulled, and the box comes back as the same; then it updates itself to the next system and keeps that, and the plug is
 * pulled once more. Runs in a network namespace of its own (see the Makefile).
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import path from 'node:path';
import { buildImage } from '../../image/build.js';
import { makeBundle } from '../../image/bundle.js';
import { readLock } from '../../image/lock.js';
import { type Architecture, architectures, built } from '../../image/places.js';
import { openPublisher } from '../../image/publisher.js';
import { openTools } from '../../image/tools.js';
import { type Machine, makeCard, onBootPartition, start, writeOnBootPartition } from './machine.js';
import { makeTerritory } from './territory.js';

/** Documentation's own (RFC 5737): no machine that a guest could mean otherwise. */
const host = '198.51.100.1';
const [base, setupPort, cardGiB] = [8440, 8080, 6];
/** Emulated and beside other work; a real board takes a tenth. */
const patienceMilliseconds = 20 * 60_000;

const name = process.argv[2];
const architecture = architectures.find((one) => one === name) as Architecture;
if (!architecture) throw new Error(`cannot boot ${name}: it is ${architectures.join(' or ')}`);
const home = built('image-test', architecture);
rmSync(home, { recursive: true, force: true });
mkdirSync(home, { recursive: true });
execFileSync('ip', ['link', 'set', 'lo', 'up']);
execFileSync('ip', ['address', 'add', `${host}/32`, 'dev', 'lo']);

const times: Record<string, number> = {};
let began = Date.now();
const passed = (what: string): void => {
  times[what] = Math.round((Date.now() - began) / 100) / 10;
  process.stdout.write(`${what} ${times[what]} s\n`);
};
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const expect = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`it does not hold: ${what}`);
  say(`holds: ${what}`);
};

/** Asks each second. @throws Error with the end of the serial line when the machine ends or patience does */
async function until<T>(machine: Machine, what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
  const from = Date.now();
  let reason: unknown;
  for (;;) {
    const answer = await ask().catch((error: unknown) => {
      reason = error;
    });
    if (answer !== undefined && answer !== false) {
      passed(what);
      return answer;
    }
    const late = Date.now() - from > patienceMilliseconds;
    if (late || machine.ended())
      throw new Error(
        `${late ? 'waited in vain for' : 'the machine ended before'} ${what}:\n${machine.serial().slice(-3000)}`,
        { cause: reason },
      );
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

/** As a phone in the same network asks; the box has made its certificate itself. */
const asPhone = (name: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: setupPort, headers: { host: name }, rejectUnauthorized: false };
    get(options, (reply) => resolve(reply.resume())).on('error', reject);
  });

/** By the name that every box has, from which it leads to the one of its own once it has that. */
async function setupPage(): Promise<boolean> {
  const first = await asPhone('webizen.local');
  const own = /^https:\/\/(webizen-[a-z0-9]+\.local)\/$/.exec(first.headers.location ?? '')?.[1];
  const page = own === undefined ? first : await asPhone(own);
  return page.statusCode === 200 && /^text\/html/.test(page.headers['content-type'] ?? '');
}

const territory = makeTerritory(path.join(home, 'territory'), host, base);
const imageOf = (version: string): Promise<string> =>
  buildImage({
    ...{ architecture, out: path.join(home, version), alliance: territory.alliance, version, complete: false },
    tell: (step) => step && say(`image ${version}: ${step}`),
  });
const image = await imageOf('1.0.0');
const next = await imageOf('1.1.0');
const publisher = await openPublisher(undefined);
const tools = openTools(readLock(architecture));
const bundle = makeBundle(next, { architecture, version: '1.1.0', publisher, tools });
for (const name of ['image', 'rootfs.ext4']) rmSync(path.join(next, name));
passed('images and update made');

const card = path.join(home, 'card');
// A PC's kernel looks for a screen unless it is told; and where the host is busy, an emulated timer looks broken to it.
const words = architecture === 'amd64' ? 'console=ttyS0 no_timer_check ' : '';
const here = { architecture, home, port: setupPort };
makeCard(path.join(image, 'image'), card, cardGiB, {
  'webizen.json': JSON.stringify({ territory: 'home', claimCode: territory.claimCode() }),
  'EFI/debian/more.cfg': `set more="${words}systemd.journald.forward_to_console=1"\n`,
});
const provider = await territory.serve();
let machine: Machine | undefined;
const isHeard = async (since: number): Promise<boolean> => {
  const [found] = await provider.boxes();
  return found?.state === 'online' && (found.lastSeen ?? 0) > since;
};
try {
  began = Date.now();
  machine = start({ ...here, name: 'first', card });
  const first = machine;
  await until(first, 'systemd', async () => /systemd\[1\]: /.test(first.serial()));
  await until(first, 'setup page', setupPage);
  const { id } = await until(first, 'enrolled', async () => (await provider.boxes())[0]);
  await until(first, 'online', async () => (await provider.boxes())[0]?.state === 'online');
  const box = await until(first, 'health report', async () => {
    const [found] = await provider.boxes();
    return found?.health ? found : undefined;
  });
  say(`values ${JSON.stringify(box.health?.values)}`);
  expect((box.conditions ?? []).length === 0, `nothing is amiss ${JSON.stringify(box.conditions ?? [])}`);
  await until(first, 'slot marked good', async () => /Finished webizen-good\.service/.test(first.serial()));
  expect(
    /[A-Z0-9-]{8}/.test(onBootPartition(card, 'webizen-setup-code.txt')),
    'the setup code stands on the boot partition',
  );
  const seen = box.lastSeen ?? 0;
  await first.cut();

  say('the plug is pulled, what the boot loader keeps is lost, and the plug is put back in');
  writeOnBootPartition(card, 'EFI/debian/grubenv', '');
  began = Date.now();
  machine = start({ ...here, name: 'second', card });
  const second = machine;
  await until(second, 'online again', () => isHeard(Math.max(seen, began)));
  const boxes = await provider.boxes();
  expect(boxes.length === 1 && boxes[0]?.id === id, 'it is the same box');
  await until(second, 'slot marked good again', async () => /Finished webizen-good\.service/.test(second.serial()));

  began = Date.now();
  territory.update(id, { bundle, compatible: `webizen-${architecture}`, version: '1.1.0', publisher });
  const reported = async () => (await provider.box(id)).reported?.os;
  await until(second, 'new system kept', async () => {
    const os = await reported();
    if (os?.last && os.last.outcome !== 'done') throw new Error(`the update was ${JSON.stringify(os.last)}`);
    return os?.version === '1.1.0' && os.last?.outcome === 'done';
  });
  await second.cut();

  say('the plug is pulled from the new system, and put back in');
  began = Date.now();
  machine = start({ ...here, name: 'third', card });
  const third = machine;
  await until(
    third,
    'online with the new system',
    async () => (await isHeard(began)) && (await reported())?.version === '1.1.0',
  );
  await until(third, 'slot B marked good', async () => /Finished webizen-good\.service/.test(third.serial()));
  await third.cut();
  expect(/^GOOD=B$/m.test(onBootPartition(card, 'EFI/debian/good.env')), 'slot B is the one that is known to work');
  const environment = onBootPartition(card, 'EFI/debian/grubenv');
  expect(
    /^ORDER=B A$/m.test(environment) && /^B_TRY=0$/m.test(environment),
    'slot B starts, and no try of it is counted',
  );
  const { partitiontable } = JSON.parse(execFileSync('sfdisk', ['--json', card], { encoding: 'utf8' }));
  expect(partitiontable.partitions[3].size * 512 > (cardGiB - 3) * 1024 ** 3, '/data has grown to the card');
} finally {
  await machine?.cut();
  await provider.stop();
  writeFileSync(path.join(home, 'times.json'), `${JSON.stringify(times, null, 2)}\n`);
  for (const file of [path.join(image, 'image'), bundle]) rmSync(file, { force: true });
}
say('the image boots, enrols, comes back and updates itself');
