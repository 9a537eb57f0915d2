/** Picks evenly from a run of unknown length in bounded memory: the first and the last are always among the picked. */
export interface Picker<T> {
  add(item: T): void;
  /** In order, at most `limit`. */
  picked(): T[];
}

export function createPicker<T>(limit: number): Picker<T> {
  const most = Math.max(20_000, limit * 4);
  let kept: T[] = [];
  let stride = 1;
  let count = 0;
  let last: T | undefined;

  return {
    add(item) {
      if (count % stride === 0) kept.push(item);
      last = item;
      count += 1;
      if (kept.length < most) return;
      kept = kept.filter((_, index) => index % 2 === 0);
      stride *= 2;
    },
    picked() {
      if (count === 0 || last === undefined || limit < 1) return [];
      const all = (count - 1) % stride === 0 ? kept : [...kept, last];
      if (all.length <= limit) return all;
      if (limit === 1) return [last];
      return Array.from({ length: limit }, (_, index) => all[Math.round((index * (all.length - 1)) / (limit - 1))]!);
    },
  };
}
