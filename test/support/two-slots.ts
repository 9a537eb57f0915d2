/**
 * A machine with two systems that stands in a file and outlives its agent: what RAUC and the boot loader do, by the rules
 * of image/boot/grub.cfg. A slot that is started counts a try; it has three, unless it is marked good.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Refusal } from '#contract/problems.js';
import type { OsHost, Slot } from '../../agent/host/slots.js';
import type { Behaviour } from './os-release.js';

type Letter = 'A' | 'B';
interface Content {
  version: string | null;
  behaviour: Behaviour;
  isGood: boolean;
  tries: number;
  installs: number;
}
export interface Machine {
  boots: number;
  startedAt: number;
  booted: Letter;
  order: Letter[];
  slots: Record<Letter, Content>;
  /** Its kernel has no block device for what is streamed. */
  cannotStream?: boolean;
  /** Each slot that was started, and did not come up or did. */
  history: string[];
}

const nameOf = (letter: Letter): string => (letter === 'A' ? 'rootfs.0' : 'rootfs.1');
const fileOf = (folder: string): string => path.join(folder, 'machine.json');
export const machineIn = (folder: string): Machine => JSON.parse(readFileSync(fileOf(folder), 'utf8')) as Machine;

function save(folder: string, machine: Machine): void {
  writeFileSync(`${fileOf(folder)}.new`, JSON.stringify(machine));
  renameSync(`${fileOf(folder)}.new`, fileOf(folder));
}

/** As it comes from its maker: one system, started once. */
export function newMachine(folder: string, version = '1.0.0', more: { cannotStream?: boolean } = {}): void {
  const empty = { behaviour: {}, tries: 0, installs: 0 };
  const slots = { A: { ...empty, version, isGood: true }, B: { ...empty, version: null, isGood: false } };
  save(folder, { boots: 0, startedAt: 0, booted: 'A', order: ['A', 'B'], slots, history: [], ...more });
  start(folder);
}

/** Power on: the boot loader chooses, again and again while what it chose does not come up. */
export function start(folder: string): Machine {
  const machine = machineIn(folder);
  for (;;) {
    const chosen = machine.order.find((one) => machine.slots[one].isGood && machine.slots[one].tries < 3);
    if (!chosen) throw new Error('nothing starts any more');
    const slot = machine.slots[chosen];
    slot.tries += 1;
    machine.history.push(`${chosen} ${slot.version}`);
    machine.booted = chosen;
    if (!slot.behaviour.dead) break;
  }
  machine.boots += 1;
  machine.startedAt = Date.now();
  save(folder, machine);
  return machine;
}

function headOf(bundle: string): { compatible: string; version: string; behaviour: Behaviour } {
  try {
    return JSON.parse(bundle.replace(/^hsqs/, '').split('\n')[0] ?? '');
  } catch {
    throw new Refusal('os-bundle-refused', 'signature verification failed');
  }
}

const partBytes = 100_000;

/** As RAUC streams: the end, then what lies before it, a part at a time, which is held against the end when all is there. */
async function partsOf(url: string) {
  const cut = new Refusal('os-install-failed', 'Input/output error');
  async function part(first: number, end: number): Promise<Buffer> {
    const reply = await fetch(url, { headers: { range: `bytes=${first}-${end - 1}` } }).catch(() => undefined);
    if (reply?.status !== 206) throw cut;
    size = Number(reply.headers.get('content-range')?.split('/')[1]);
    return Buffer.from(await reply.arrayBuffer());
  }
  let size = 0;
  await part(0, 4);
  const end = await part(size - 8, size);
  const bodyEnd = size - 8 - Number(end.readBigUInt64BE());
  const signed = (await part(bodyEnd, size - 8)).subarray(1).toString();
  const bodies: Buffer[] = [];
  const next = async (): Promise<void> => {
    const first = bodies.length * partBytes;
    bodies.push(await part(first, Math.min(first + partBytes, bodyEnd)));
  };
  return {
    async head() {
      await next();
      return bodies[0]?.toString() ?? '';
    },
    async rest() {
      while (bodies.length * partBytes < bodyEnd) await next();
      if (createHash('sha256').update(Buffer.concat(bodies)).digest('hex') !== signed) throw cut;
    },
  };
}

/** @param at called before each effect, with its name */
export function twoSlots(folder: string, at: (name: string) => void = () => {}): OsHost {
  const change = (work: (machine: Machine) => void): void => {
    const machine = machineIn(folder);
    work(machine);
    save(folder, machine);
  };
  const letterOf = (slot: string): Letter => (slot === nameOf('A') ? 'A' : 'B');
  const other = (letter: Letter): Letter => (letter === 'A' ? 'B' : 'A');
  const slotOf = (letter: Letter, { version, isGood, installs }: Content): Slot => ({
    name: nameOf(letter),
    version: version ?? undefined,
    ...{ isGood, installs },
  });
  return {
    async slots() {
      const { booted, order, slots } = machineIn(folder);
      if (slots[booted].behaviour.isDeaf) throw new Refusal('os-unsupported', 'RAUC is not installed');
      const spare = other(booted);
      const first = order.find((one) => slots[one].isGood);
      return {
        compatible: 'webizen-test',
        booted: slotOf(booted, slots[booted]),
        other: slotOf(spare, slots[spare]),
        primary: first && nameOf(first),
      };
    },
    async install(bundle) {
      at('before install');
      const target = other(machineIn(folder).booted);
      const isStreamed = bundle.startsWith('http:');
      if (isStreamed && machineIn(folder).cannotStream) throw new Refusal('os-install-failed', "no family 'nbd'");
      const parts = isStreamed ? await partsOf(bundle) : undefined;
      const head = headOf(parts ? await parts.head() : readFileSync(bundle, 'utf8'));
      if (head.compatible !== 'webizen-test') throw new Refusal('os-bundle-refused', 'Compatible mismatch');
      change(({ slots }) => {
        slots[target] = { ...slots[target], version: null, isGood: false };
      });
      at('in the middle of install');
      await parts?.rest();
      change((machine) => {
        const { installs } = machine.slots[target];
        const { version, behaviour } = head;
        machine.slots[target] = { version, behaviour, isGood: true, tries: 0, installs: installs + 1 };
        machine.order = [target, other(target)];
      });
      at('after install');
    },
    async activate(slot) {
      at(`before activate ${slot}`);
      change((machine) => {
        const letter = letterOf(slot);
        machine.order = [letter, other(letter)];
        Object.assign(machine.slots[letter], { isGood: true, tries: 0 });
      });
    },
    async markGood(slot) {
      at(`before good ${slot}`);
      const { booted, slots } = machineIn(folder);
      if (slots[booted].behaviour.cannotKeep)
        throw new Refusal('os-slots-unreadable', 'the boot partition is read-only');
      change(({ slots }) => void Object.assign(slots[letterOf(slot)], { isGood: true, tries: 0 }));
    },
    async markBad(slot) {
      at(`before bad ${slot}`);
      change(({ slots }) => void Object.assign(slots[letterOf(slot)], { isGood: false }));
    },
  };
}
