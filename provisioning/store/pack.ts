/**
 * Samples of one box, epoch and day, as they lie in either store: the bytes of a batch as boxes send it
 * (contract/health-codec.ts). What a box has sent is kept as it came, where it is all new and all of one day.
 */
import type { Sample } from '#contract/health.js';
import { decodeBatch, decodeCompact, encodeBatch, isCompact, placesOfCompact } from '#contract/health-codec.js';
import type { StoredSample } from '#contract/operator.js';
import type { Carried, NewSample } from './fleet.js';
import { createPicker } from './thin.js';

export interface Pack {
  box: string;
  /** Of its first and its last sample in time; both of the same day. */
  at: number;
  until: number;
  epoch: string;
  /** The lowest sequence: no other pack of the epoch has it. */
  seq: number;
  count: number;
  bytes: Buffer;
}

export interface Place {
  epoch: string;
  seq: number;
  at: number;
}

export const dayMilliseconds = 86_400_000;
export const dayOf = (at: number): number => at - (at % dayMilliseconds);

/** With the most names that a sample may have, as many values as one batch may hold. */
const mostInPack = 120;

function packOf(samples: readonly NewSample[], bytes?: Buffer): Pack {
  const [first] = samples;
  if (!first) throw new Error('a pack holds at least one sample');
  let [at, until, lowest] = [first.at, first.at, first.seq];
  for (const sample of samples) {
    at = Math.min(at, sample.at);
    until = Math.max(until, sample.at);
    lowest = Math.min(lowest, sample.seq);
  }
  const { box, epoch } = first;
  const encoded =
    bytes ?? encodeBatch({ epoch, samples: samples.map(({ seq, at: when, values }) => ({ seq, at: when, values })) });
  return { box, at, until, epoch, seq: lowest, count: samples.length, bytes: encoded };
}

/** @param carried ascending */
export function packsOf(samples: readonly NewSample[], carried: readonly Carried[] = []): Pack[] {
  const packs: Pack[] = [];
  const groups = new Map<string, NewSample[]>();
  let next = 0;
  const gather = (until: number) => {
    for (; next < until; next += 1) {
      const sample = samples[next]!;
      const key = `${sample.box} ${sample.epoch} ${dayOf(sample.at)}`;
      const group = groups.get(key);
      if (group) group.push(sample);
      else groups.set(key, [sample]);
    }
  };
  for (const { first, count, bytes } of carried) {
    const pack = packOf(samples.slice(first, first + count), bytes);
    if (dayOf(pack.at) !== dayOf(pack.until)) continue;
    gather(first);
    packs.push(pack);
    next = first + count;
  }
  gather(samples.length);
  for (const group of groups.values()) {
    group.sort((one, other) => one.seq - other.seq);
    for (let first = 0; first < group.length; first += mostInPack)
      packs.push(packOf(group.slice(first, first + mostInPack)));
  }
  return packs;
}

function read(bytes: Uint8Array, isWanted?: (place: { seq: number; at: number }) => boolean) {
  const isShort = isCompact(bytes);
  const parsed = isShort ? decodeCompact(bytes, isWanted) : decodeBatch(bytes);
  if (!parsed.ok) throw new Error(`a stored batch cannot be read: ${parsed.faults[0]?.message}`);
  const { epoch, samples } = parsed.value;
  return { epoch, samples: isShort || !isWanted ? samples : samples.filter(isWanted) };
}

/** @throws Error where the bytes are none that were written here */
export const unpack = (bytes: Uint8Array): { epoch: string; samples: Sample[] } => read(bytes);

/** @throws Error as `unpack` */
export const samplesIn = (bytes: Uint8Array): Sample[] => read(bytes).samples;

/** @throws Error as `unpack` */
export function placesIn(bytes: Uint8Array): Place[] {
  const { epoch, places } = placesOfCompact(bytes) ?? placesOfOther(bytes);
  return places.map(({ seq, at }) => ({ epoch, seq, at }));
}

function placesOfOther(bytes: Uint8Array) {
  const { epoch, samples } = read(bytes);
  return { epoch, places: samples };
}

export const bySequence = (one: Place, other: Place): number =>
  one.epoch < other.epoch ? -1 : one.epoch > other.epoch ? 1 : one.seq - other.seq;

const inOrder = (one: Place, other: Place): number => one.at - other.at || bySequence(one, other);

/** At most `limit` of those in `[from, to]`, evenly, oldest first; the values of no other are made. */
export function pick(
  packs: readonly Uint8Array[],
  { from, to, limit }: { from: number; to: number; limit: number },
): StoredSample[] {
  const found: (Place & { pack: number })[] = [];
  for (const [pack, bytes] of packs.entries())
    for (const place of placesIn(bytes)) if (place.at >= from && place.at <= to) found.push({ ...place, pack });
  const picker = createPicker<(typeof found)[number]>(limit);
  for (const place of found.sort(inOrder)) picker.add(place);
  const picked = picker.picked();
  const wanted = new Map<number, Set<number>>();
  for (const { pack, seq } of picked) wanted.set(pack, (wanted.get(pack) ?? new Set()).add(seq));
  const values = new Map<number, Map<number, Sample['values']>>();
  for (const [pack, sequences] of wanted) {
    const { samples } = read(packs[pack]!, ({ seq }) => sequences.has(seq));
    values.set(pack, new Map(samples.map((sample) => [sample.seq, sample.values])));
  }
  return picked.map(({ at, pack, seq }) => ({ at, values: values.get(pack)?.get(seq) ?? {} }));
}
