/** What boxes send within a day, written into a store as ingest writes it: a batch of a quarter of an hour, and its life. */
import type { Sample } from '#contract/health.js';
import { encodeBatch } from '#contract/health-codec.js';
import { ask, day, type Life, lifeOf, minute } from '../../provisioning/simulate/life.js';
import { measure } from '../../provisioning/simulate/measure.js';
import { chance } from '../../provisioning/simulate/random.js';
import { birthOf, conditionsAt, reportedOf } from '../../provisioning/simulate/tell.js';
import type { Carried, FleetStore, NewSample } from '../../provisioning/store/fleet.js';
import type { LifeRecord } from '../../provisioning/store/lives.js';

const epoch = 'e0e0e0e0e0e0e0e0';
export const batch = 15;
const boxesInRound = 50;
const nameOf = ({ index }: Life): string => `box-stored-${String(index).padStart(4, '0')}`;

export interface Written {
  samples: number;
  /** On the wire. */
  bytes: number;
  /** Microseconds of this process's CPU in the store. */
  cpu: number;
  boxes: readonly string[];
  from: number;
  to: number;
}

/** So many boxes for so many batches, all within the day before yesterday. */
export async function write(fleet: FleetStore, boxes: number, batches: number): Promise<Written> {
  const began = Math.floor(Date.now() / day) * day - 2 * day;
  const lives = Array.from({ length: boxes }, (_, index) => lifeOf(1, index));
  const told = lives.map((life) => ({
    birth: birthOf(life, { session: epoch, epoch, lastSequence: 0, at: began }),
    reported: reportedOf(life, began, conditionsAt(life, began)),
  }));
  const written: Written = { samples: 0, bytes: 0, cpu: 0, boxes: lives.map(nameOf), from: began, to: began + day };
  for (let turn = 0; turn < batches; turn += 1)
    for (let first = 0; first < boxes; first += boxesInRound) {
      const samples: NewSample[] = [];
      const carried: Carried[] = [];
      const records = new Map<string, LifeRecord>();
      for (const life of lives.slice(first, first + boxesInRound)) {
        const box = nameOf(life);
        const sent: Sample[] = [];
        for (let place = 1; place <= batch; place += 1) {
          const seq = turn * batch + place;
          const at = began + (seq - 1) * minute + chance(life.seed, ask.jitter, life.index, seq) * 20;
          sent.push({ seq, at: Math.round(at), values: measure(life, at) });
        }
        const bytes = encodeBatch({ epoch, samples: sent });
        written.bytes += bytes.length;
        carried.push({ first: samples.length, count: sent.length, bytes });
        samples.push(...sent.map((sample): NewSample => ({ box, epoch, ...sample })));
        const last = samples.at(-1)!;
        records.set(box, {
          lastSeen: last.at,
          tracks: { [epoch]: { contiguous: last.seq, above: [], lost: 0 } },
          version: turn + 1,
          ...told[life.index],
          health: { at: last.at, values: last.values },
        });
      }
      const before = process.cpuUsage();
      await fleet.commit({ samples, carried, lives: records, events: [], online: new Map(), fences: [] });
      const { user, system } = process.cpuUsage(before);
      written.cpu += user + system;
      written.samples += samples.length;
    }
  return written;
}
