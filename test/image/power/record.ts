/**
 * A run under load, from a card's first start to its first update, with every write to the card recorded; and what the box
 * promised meanwhile, each promise beside the length of the record when it was heard.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { built } from '../../../image/places.js';
import { copySparse } from '../card.js';
import { keep } from '../kept.js';
import type { Machine } from '../machine.js';
import type { Rig } from '../rig.js';
import type { Note } from './notes.js';
import type { Recorded } from './try-cuts.js';

const here = built('test/image/power');
const app = 'load';
const port = 'org.webizen.told';
const enough = 300; // writes acknowledged before the update begins, which goes on beside them

/** A card with a cache of its own: what the guest flushes is flushed, and the log says so. No zeroes: no card knows them. */
const recordedDrive = (overlay: string, log: string): string[] => [
  '-blockdev',
  [
    'driver=blklogwrites,node-name=card,log-sector-size=512',
    `file.driver=qcow2,file.file.driver=file,file.file.filename=${overlay},file.cache.no-flush=on`,
    `log.driver=file,log.filename=${log},log.cache.no-flush=on`,
  ].join(','),
  ...['-device', 'virtio-blk-pci,drive=card,write-cache=on,discard=off,write-zeroes=off'],
];

/** What the load says, a line each; see load-child.ts. */
export function noteOf(line: string, logBytes: number): Note | undefined {
  const [kind, first = '', second = ''] = line.split(' ');
  if (kind === 'stored') return { logBytes, kind, key: first, version: Number(second) };
  if (kind === 'sample') return { logBytes, kind, sequence: Number(first) };
  if (kind === 'ledger') return { logBytes, kind, length: Number(first) };
  return kind === 'member' ? { logBytes, kind } : undefined;
}

/** Notes are taken at the moment when they arrive; what is on its way a moment longer only promises less. */
async function listen(machine: Machine, socket: string, log: string, notes: Note[]): Promise<() => void> {
  for (;;) {
    const heard = connect(socket);
    const isOpen = await once(heard, 'connect').then(
      () => true,
      () => false,
    );
    if (machine.ended()) throw new Error('the machine ended before it could be listened to');
    if (!isOpen) {
      await new Promise((resolve) => setTimeout(resolve, 100)); // QEMU has not come to it
      continue;
    }
    heard.on('error', () => {}); // the machine's end
    createInterface({ input: heard }).on('line', (line) => {
      const note = noteOf(line, statSync(log).size);
      if (note) notes.push(note);
    });
    return () => void heard.destroy();
  }
}

/**
 * The agent gets an app of its configuration, whose socket the load then speaks to as the app would; at each start, in both
 * systems: an update is kept only where what ran before runs.
 */
const loadCredentials = (): Record<string, string> => ({
  'power.load': readFileSync(built('test/image/power/load-child.js'), 'utf8'),
  'power.prepare': `set -e
cp /run/credentials/@system/power.load /run/load.mjs
node -e '
const fs = require("node:fs");
const config = JSON.parse(fs.readFileSync("/etc/webizen/agent.json"));
config.health = { intervalSeconds: 5, batchSeconds: 15 };
config.apps = [{ id: "${app}", command: ["/usr/bin/sleep", "infinity"], grants: ["storage"], quotaBytes: 2 ** 28 }];
fs.writeFileSync("/run/agent.json", JSON.stringify(config));
'
mount --bind /run/agent.json /etc/webizen/agent.json
`,
  // Its name is short for QEMU's table.
  'systemd.extra-unit.l.service': `[Unit]
Description=The test's load
Before=webizen-agent.service
[Service]
ExecStartPre=/bin/bash /run/credentials/@system/power.prepare
ExecStart=/usr/bin/node /run/load.mjs /run/webizen /dev/virtio-ports/${port}
Restart=always
RestartSec=1
`,
});
const loadWords = 'systemd.wants=l.service';

/** Kept: the power can be cut in one recording as often as one likes, without a guest. */
export async function openRecording(rig: Rig): Promise<Recorded> {
  const { architecture, images } = rig;
  const from = [images.digest, ...['record.js', 'load-child.js'].map((one) => readFileSync(path.join(here, one)))];
  const kept = await keep(architecture, 'recorded', from, (place) => record(rig, place));
  const [disk, log] = [path.join(kept, 'disk'), path.join(kept, 'writes')];
  const notes = JSON.parse(readFileSync(path.join(kept, 'notes.json'), 'utf8'));
  return { architecture, disk, diskBytes: statSync(disk).size, log, notes, app, nextRootfs: images.nextRootfs };
}

/** The card as it was before the run, what was written to it, and what was promised. */
async function record(rig: Rig, place: string): Promise<void> {
  const { until, begin, say, expect } = rig;
  const territory = rig.territory();
  const card = rig.freshCard({
    'webizen.json': JSON.stringify({ territory: 'home', claimCode: territory.claimCode() }),
  });
  const [overlay, log] = [path.join(rig.home, 'written'), path.join(place, 'writes')];
  // The card itself stays as it was before the run.
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', card, overlay]);
  writeFileSync(log, '');
  const provider = await rig.serve(territory);
  const hidden = mkdtempSync(path.join(tmpdir(), 'wz-'));
  const socket = path.join(hidden, 'told');
  const more = ['-chardev', `socket,id=told,path=${socket},server=on,wait=off`];
  const notes: Note[] = [];
  begin();
  const machine = rig.start({
    ...{ name: 'recorded', card, drive: recordedDrive(overlay, log) },
    more: [...more, '-device', `virtserialport,chardev=told,name=${port}`],
    ...{ credentials: loadCredentials(), words: [loadWords] },
  });
  const times = (words: RegExp): number => machine.serial().match(words)?.length ?? 0;
  const boots = (): number => times(/Starting webizen-machine\.service/g);
  const goods = (): number => times(/Finished webizen-good\.service/g);
  try {
    const quiet = await listen(machine, socket, log, notes);
    const stored = (): number => notes.filter(({ kind }) => kind === 'stored').length;
    await until(machine, 'slot marked good', async () => goods() > 0);
    await until(machine, `${enough} writes acknowledged`, async () => stored() >= enough);
    const id = (await provider.boxes())[0]?.id ?? '';
    territory.update(id, rig.release);
    const ended = async () => {
      const { last } = (await provider.box(id)).reported?.os ?? {};
      return last ?? undefined;
    };
    await until(machine, 'restarted', async () => boots() > 1 || (await ended()));
    const last = await until(machine, 'the update has ended', ended);
    expect(last.outcome === 'done', `the new system is kept ${JSON.stringify(last)}`);
    await until(machine, 'slot B marked good', async () => goods() > 1);
    quiet();
    say(`${stored()} writes of ${notes.length} promises, ${Math.round(statSync(log).size / 1024 ** 2)} MiB written`);
  } finally {
    await machine.cut();
    rmSync(hidden, { recursive: true, force: true });
    rmSync(overlay);
  }
  copySparse(card, path.join(place, 'disk'));
  writeFileSync(path.join(place, 'notes.json'), JSON.stringify(notes));
}
