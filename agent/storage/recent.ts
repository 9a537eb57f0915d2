/**
 * What was read last, opened and ready: an app reads the same few small values again and again, and each read of the
 * database holds up the agent's one thread about twice as long as the rest of the request.
 *
 * It holds only what no write under way touches: the writer lets a place go before its group is on its way to the disk,
 * and none is kept again before the group has landed. So what is had from here is always what the database would answer.
 */
export interface Value {
  etag: string;
  contentType: string;
  modifiedAt: number;
  /** Shared between readers: never written to. */
  value: Buffer;
}

export interface Recent<V> {
  get(place: string): V | undefined;
  keep(place: string, value: V): void;
  forget(place: string): void;
  /** All whose place begins so. */
  forgetBelow(prefix: string): void;
}

/** What one value costs beside its bytes and its place: the objects around them, measured. */
export const overheadBytes = 400;

export function createRecent<V extends object>({
  budgetBytes,
  sizeOf,
}: {
  budgetBytes: number;
  /** Of one without its place, in bytes. */
  sizeOf: (value: V) => number;
}): Recent<V> {
  // A map keeps the order of insertion, and what is read moves to its end: the first was read the longest ago.
  const values = new Map<string, V>();
  let bytes = 0;

  const costOf = (place: string, value: V): number => place.length + sizeOf(value) + overheadBytes;

  function forget(place: string): void {
    const value = values.get(place);
    if (!value) return;
    values.delete(place);
    bytes -= costOf(place, value);
  }

  return {
    forget,
    forgetBelow(prefix) {
      for (const place of [...values.keys()]) if (place.startsWith(prefix)) forget(place);
    },
    get(place) {
      const value = values.get(place);
      if (!value) return undefined;
      values.delete(place);
      values.set(place, value);
      return value;
    },
    keep(place, value) {
      forget(place);
      values.set(place, value);
      bytes += costOf(place, value);
      for (const oldest of values.keys()) {
        if (bytes <= budgetBytes) break;
        forget(oldest);
      }
    },
  };
}
