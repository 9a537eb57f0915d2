/** Many boxes in the store of a provider that does not run, put there quickly: what a fleet looks like after months. */
import type { Condition } from '#contract/conditions.js';
import { openStore } from '../../provisioning/store/store.js';
import { boxRecord, lifeRecord } from './fleet-facts.js';
import { randomFrom } from './random.js';

const places = ['Ōtaki', 'Te Horo', 'Levin', 'Foxton Beach', 'Shannon', 'Manakau', 'Waikanae', 'Paraparaumu'];
const models = ['Raspberry Pi 4 Model B Rev 1.5', 'Raspberry Pi 5 Model B Rev 1.0', 'Raspberry Pi 3 Model B Plus'];
const agents = ['0.9.0', '0.9.1', '0.10.0'];
const families = ['Nguyen', 'Walker', 'Tūhoe', 'Patel', 'Smith', 'Jones', 'Rangi', 'Fraser', 'Novak', 'Silva'];
const streets = ['Rose St', 'Mill Rd', 'Te Roto Rd', 'Tasman Rd', 'Queen St', 'Marine Parade'];
const amiss: readonly Pick<Condition, 'kind' | 'severity'>[] = [
  { kind: 'disk-filling', severity: 'attention' },
  { kind: 'hot', severity: 'attention' },
  { kind: 'under-voltage', severity: 'trouble' },
  { kind: 'wifi-weak', severity: 'info' },
  { kind: 'sd-wearing', severity: 'attention' },
];

/** Ids ascend with the number. */
export const boxName = (number: number): string => `box-${String(number).padStart(8, '0')}`;

export interface FilledBox {
  id: string;
  label: string;
  place: string;
  box: ReturnType<typeof boxRecord>;
  life: ReturnType<typeof lifeRecord>;
}

/** The same for the same number. Three of a hundred have something amiss, one of 500 is revoked. */
export function filledBox(number: number, now: number): FilledBox {
  const random = randomFrom(number + 1);
  const one = <T>(values: readonly T[], share = random()): T => values[Math.floor(share * values.length)]!;
  const conditions = random() < 0.03 ? [one(amiss)] : [];
  const health = {
    'system.cpu.utilization': 0.04 + random() * 0.2,
    'system.memory.utilization': 0.2 + random() * 0.5,
    'system.filesystem.utilization': conditions[0]?.kind === 'disk-filling' ? 0.93 : 0.1 + random() * 0.6,
  };
  const agent = one(agents, random() ** 0.4);
  const life = lifeRecord(now - Math.floor(random() * 300_000), {
    agent,
    model: one(models, random() ** 2),
    conditions,
  });
  return {
    id: boxName(number),
    label: `${one(families)}, ${1 + Math.floor(random() * 90)} ${one(streets)}`,
    place: one(places, random() ** 1.7),
    box: boxRecord(now - Math.floor(random() * 20) * 86_400_000, {
      serial: `TUI-${String(number).padStart(6, '0')}`,
      days: 25,
      ...(number % 500 === 499 && { gone: 'revoked' as const }),
    }),
    life: { ...life, health: { at: life.lastSeen, values: health } },
  };
}

/** @param directory of the territory */
export async function fillFleet(directory: string, count: number, now: number): Promise<void> {
  const store = await openStore(directory);
  try {
    for (let from = 0; from < count; from += 1000) {
      const boxes = Array.from({ length: Math.min(1000, count - from) }, (_, index) => filledBox(from + index, now));
      await store.commit(
        boxes.flatMap(({ id: key, label, place, box, life }) => [
          { type: 'put' as const, sublevel: store.boxes, key, value: box },
          { type: 'put' as const, sublevel: store.lives, key, value: life },
          { type: 'put' as const, sublevel: store.abouts, key, value: { label, place, at: now } },
        ]),
      );
    }
  } finally {
    await store.close();
  }
}
