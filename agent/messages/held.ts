/** The messages that are kept of each app, in their order, and the bytes that they count for. */

interface Counted {
  app: string;
  id: string;
  bytes: number;
}

export interface Held<T extends Counted> {
  of(app: string): ReadonlyMap<string, T>;
  apps(): Iterable<[app: string, its: ReadonlyMap<string, T>]>;
  /** Of all apps together. */
  all(): T[];
  bytesOf(app: string): number;
  totalBytes(): number;
  /** In the place of the one with its id, where there is one. */
  keep(one: T): void;
  /** Harmless when it is not kept any more. */
  lose(one: T): void;
  forget(app: string): void;
}

export function createHeld<T extends Counted>(): Held<T> {
  const held = new Map<string, { its: Map<string, T>; bytes: number }>();
  const none: ReadonlyMap<string, T> = new Map();
  let total = 0;

  return {
    of: (app) => held.get(app)?.its ?? none,
    *apps() {
      for (const [app, { its }] of held) yield [app, its];
    },
    all: () => [...held.values()].flatMap(({ its }) => [...its.values()]),
    bytesOf: (app) => held.get(app)?.bytes ?? 0,
    totalBytes: () => total,
    keep(one) {
      const known = held.get(one.app) ?? { its: new Map<string, T>(), bytes: 0 };
      held.set(one.app, known);
      const more = one.bytes - (known.its.get(one.id)?.bytes ?? 0);
      known.its.set(one.id, one);
      known.bytes += more;
      total += more;
    },
    lose({ app, id, bytes }) {
      const known = held.get(app);
      if (!known?.its.delete(id)) return;
      known.bytes -= bytes;
      total -= bytes;
    },
    forget(app) {
      total -= held.get(app)?.bytes ?? 0;
      held.delete(app);
    },
  };
}
