/**
 * The small values that were read last, parsed and ready: an app reads the same few again and again, and each read of the
 * database holds up the agent's one thread about twice as long as the rest of the request.
 *
 * It holds only what no write under way touches: the writer lets a place go before its group is on its way to the disk,
 * and none is kept again before the group has landed. So a value from here is always the one the database would answer.
 */
export interface Value {
  etag: string;
  contentType: string;
  modifiedAt: number;
  /** Shared between readers: never written to. */
  value: Buffer;
}

export interface Recent {
  get(place: string): Value | undefined;
  keep(place: string, value: Value): void;
  forget(place: string): void;
}

/** What one value costs beside its bytes and its place: the objects around them, measured. */
export const overheadBytes = 400;

export function createRecent({ budgetBytes }: { budgetBytes: number }): Recent {
  // A map keeps the order of insertion, and what is read moves to its end: the first was read the longest ago.
  const values = new Map<string, Value>();
  let bytes = 0;

  const sizeOf = (place: string, { value }: Value): number => place.length + value.length + overheadBytes;

  function forget(place: string): void {
    const value = values.get(place);
    if (!value) return;
    values.delete(place);
    bytes -= sizeOf(place, value);
  }

  return {
    forget,
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
      bytes += sizeOf(place, value);
      for (const oldest of values.keys()) {
        if (bytes <= budgetBytes) break;
        forget(oldest);
      }
    },
  };
}
