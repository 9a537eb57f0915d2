/** Reads a stream in counted pieces: what a tar is cut by. */

/** The source ended in the middle of something. */
export class EndedEarly extends Error {
  override readonly name = 'EndedEarly';
}

export interface Bytes {
  /** Exactly so many; undefined where the source has ended already. @throws EndedEarly */
  take(count: number): Promise<Buffer | undefined>;
  /** The next so many, in the pieces that they come in. @throws EndedEarly */
  flow(count: number, sink: (piece: Uint8Array) => void | Promise<void>): Promise<void>;
  /** Says to the source that no more is wanted. */
  close(): Promise<void>;
}

export function createBytes(source: AsyncIterable<Uint8Array>): Bytes {
  const iterator = source[Symbol.asyncIterator]();
  let held: Uint8Array = new Uint8Array();
  let ended = false;

  async function next(): Promise<boolean> {
    while (held.length === 0 && !ended) {
      const { done, value } = await iterator.next();
      if (done) ended = true;
      else held = value;
    }
    return held.length > 0;
  }

  function cut(most: number): Uint8Array {
    const piece = held.subarray(0, most);
    held = held.subarray(piece.length);
    return piece;
  }

  async function flow(count: number, sink: (piece: Uint8Array) => void | Promise<void>): Promise<void> {
    for (let left = count; left > 0; ) {
      if (held.length === 0 && !(await next())) throw new EndedEarly(`${left} bytes are missing`);
      const piece = cut(left);
      left -= piece.length;
      const taken = sink(piece);
      if (taken) await taken;
    }
  }

  return {
    flow,
    async take(count) {
      if (held.length === 0 && !(await next())) return undefined;
      const whole = Buffer.allocUnsafe(count);
      let at = 0;
      await flow(count, (piece) => {
        whole.set(piece, at);
        at += piece.length;
      });
      return whole;
    },
    async close() {
      if (ended) return;
      ended = true;
      await iterator.return?.();
    },
  };
}
