/**
 * A level database that is a copy: what is written goes to where the records are first, and into the copy when it stands
 * there. Reads are level's own, so that they cost no way through the network and may be done at once (`getSync`).
 *
 * Whatever way a write takes (put, del, batch, chained batch, clear), it ends here: nothing is in the copy alone.
 */
import { AbstractLevel, type AbstractSnapshot } from 'abstract-level';
import { Level } from 'level';

/** Where a copy notes which commit it holds: beside the store's `version`, outside of every sublevel. */
export const placeKey = 'copied';

/** A write as level stores it. */
export type Change =
  | { type: 'put'; key: string | Uint8Array; value: string | Uint8Array }
  | { type: 'del'; key: string | Uint8Array };

export interface Through {
  /**
   * Writes them all or none where the records are; answers what the copy notes of it.
   * @throws whatever means that nothing of it is there, and never will be
   */
  write(changes: readonly Change[]): Promise<readonly Change[]>;
  /** What is there could not be written into the copy: it must not be read any more. */
  torn(error: unknown): void;
}

type Stored = Change & { keyEncoding: string; valueEncoding?: string };

/** What level offers to those who extend it (abstract-level, "Private API for implementors"). */
interface Implementor {
  _batch(operations: readonly Stored[], options: object): Promise<void>;
  _chainedBatch(): unknown;
}

const level = Level.prototype as unknown as Implementor;
const abstract = AbstractLevel.prototype as unknown as Implementor;

const formatOf = (text: string | Uint8Array): string => (typeof text === 'string' ? 'utf8' : 'buffer');

const storedOf = (change: Change): Stored =>
  change.type === 'put'
    ? { ...change, keyEncoding: formatOf(change.key), valueEncoding: formatOf(change.value) }
    : { ...change, keyEncoding: formatOf(change.key) };

const bounds = ['gt', 'gte', 'lt', 'lte'] as const;
const asBytes = { keyEncoding: 'buffer' } as const;
type ClearOptions = { [bound in (typeof bounds)[number]]?: string | Uint8Array } & {
  limit: number;
  reverse: boolean;
  snapshot?: AbstractSnapshot;
};

/** Keys that are cleared in one batch. */
const inBatch = 2000;

export class ThroughLevel extends Level<string, unknown> {
  #through: Through;
  #last: Promise<unknown> = Promise.resolve();

  constructor(location: string, through: Through, options: object = { valueEncoding: 'json' }) {
    super(location, options);
    this.#through = through;
  }

  /**
   * Into the copy alone: what stands where the records are already.
   * @internal for who keeps the copy
   */
  async copyIn(changes: readonly Change[], options: { sync?: boolean } = {}): Promise<void> {
    await level._batch.call(this, changes.map(storedOf), options);
  }

  /** One after the other, so that the copy is written in the order of the commits. */
  #write(changes: readonly Change[]): Promise<void> {
    const before = this.#last;
    const whole = async () => {
      await before;
      const noted = await this.#through.write(changes);
      try {
        await this.copyIn([...changes, ...noted]);
      } catch (error) {
        this.#through.torn(error);
        throw error;
      }
    };
    const done = whole();
    this.#last = done.catch(() => {});
    return done;
  }

  async _put(key: string | Uint8Array, value: string | Uint8Array): Promise<void> {
    await this.#write([{ type: 'put', key, value }]);
  }

  async _del(key: string | Uint8Array): Promise<void> {
    await this.#write([{ type: 'del', key }]);
  }

  async _batch(operations: readonly Change[]): Promise<void> {
    if (operations.length > 0) await this.#write(operations);
  }

  async _clear(options: ClearOptions): Promise<void> {
    // A key may be any bytes: as text they would come back as others.
    const range: { [bound in (typeof bounds)[number]]?: Buffer } = Object.fromEntries(
      bounds.flatMap((bound) => (options[bound] === undefined ? [] : [[bound, Buffer.from(options[bound] as string)]])),
    );
    const { limit, reverse, snapshot } = options;
    const whole = { limit, reverse, ...(snapshot && { snapshot }) };
    let dels: Change[] = [];
    const flush = async () => {
      const these = dels;
      dels = [];
      await this._batch(these);
    };
    for await (const key of this.keys<Buffer>({ ...whole, ...range, ...asBytes })) {
      dels.push({ type: 'del', key });
      if (dels.length === inBatch) await flush();
    }
    await flush();
  }

  _chainedBatch(): unknown {
    return abstract._chainedBatch.call(this); // which gathers, and writes by `_batch`
  }
}
