/**
 * A run under load, from a card's first start to its first update, with every write to the card recorded; and what the box
 * promised meanwhile, each promise beside the length of the record when it was heard.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { built } from '../../../image/places.js';
import type { Machine } from '../machine.js';
import type { Rig } from '../rig.js';
import type { Note } from './notes.js';
import type { Recorded } from './try-cuts.js';

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
function listen(socket: string, log: string, notes: Note[]): () => void {
  const heard = connect(socket);
  heard.on('error', () => {}); // the machine's end
  createInterface({ input: heard }).on('line', (line) => {
    const note = noteOf(line, statSync(log).size);
    if (note) notes.push(note);
  });
  return () => void heard.destroy();
}

/** The agent gets an app of its configuration, whose socket the load then speaks to as the app would. */
async function startLoad(machine: Machine): Promise<void> {
  const load = readFileSync(built('test/image/power/load-child.js')).toString('base64');
  const { status, output } = await machine.run(
    `set -e
base64 -d <<<${load} >/run/load.mjs
node -e '
const fs = require("node:fs");
const config = JSON.parse(fs.readFileSync("/etc/webizen/agent.json"));
config.health = { intervalSeconds: 5, batchSeconds: 15 };
config.apps = [{ id: "${app}", command: ["/usr/bin/sleep", "infinity"], grants: ["storage"], quotaBytes: 2 ** 28 }];
fs.writeFileSync("/run/agent.json", JSON.stringify(config));
'
mount --bind /run/agent.json /etc/webizen/agent.json
systemctl restart webizen-agent.service
systemd-run --unit=power-load node /run/load.mjs /run/webizen /dev/virtio-ports/${port}`,
    { timeoutSeconds: 900 },
  );
  if (status !== 0) throw new Error(`the load cannot be started: ${output}`);
}

/** What was written lies in the scenario's folder afterwards. */
export async function record(rig: Rig): Promise<Recorded> {
  const { until, begin, say, home, architecture } = rig;
  const territory = rig.territory();
  const card = rig.freshCard({
    'webizen.json': JSON.stringify({ territory: 'home', claimCode: territory.claimCode() }),
  });
  const [overlay, log] = [path.join(home, 'written'), path.join(home, 'writes')];
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
  });
  const goods = (): number => machine.serial().match(/Finished webizen-good\.service/g)?.length ?? 0;
  try {
    await until(machine, 'slot marked good', async () => goods() > 0);
    const id = (await provider.boxes())[0]?.id ?? '';
    const quiet = listen(socket, log, notes);
    await startLoad(machine);
    const stored = (): number => notes.filter(({ kind }) => kind === 'stored').length;
    await until(machine, `${enough} writes acknowledged`, async () => stored() >= enough);
    territory.update(id, rig.release);
    await until(machine, 'new system kept', async () => {
      const os = (await provider.box(id)).reported?.os;
      if (os?.last && os.last.outcome !== 'done') throw new Error(`the update was ${JSON.stringify(os.last)}`);
      return os?.version === rig.release.version && os.last?.outcome === 'done';
    });
    await until(machine, 'slot B marked good', async () => goods() > 1);
    quiet();
    say(`${stored()} writes of ${notes.length} promises, ${Math.round(statSync(log).size / 1024 ** 2)} MiB written`);
  } finally {
    await machine.cut();
    rmSync(hidden, { recursive: true, force: true });
    rmSync(overlay);
  }
  const diskBytes = statSync(card).size;
  return { architecture, disk: card, diskBytes, log, notes, app, nextRootfs: rig.images.nextRootfs };
}
