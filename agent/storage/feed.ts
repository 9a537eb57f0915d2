/**
 * What changed lately in the apps' storage, for those who watch it. Each watcher takes the next change when it has room
 * for it: whoever writes waits for nobody, and a slow watcher costs no more memory than a quick one. So many of an app's
 * changes are kept; who stands before the oldest of them is told that it has lost some.
 */
import { randomBytes } from 'node:crypto';

/** `etag` is null after a delete. */
export interface StorageChange {
  key: string;
  etag: string | null;
}

export interface Watch {
  /** Whether it goes on after `since` without a gap. */
  readonly isResumed: boolean;
  /** Where it stands: what to give as `since` to go on from here. */
  cursor(): string;
  /** The next change with the prefix; `lost`: some are gone, and it stands behind the newest now; undefined: none yet. */
  next(): StorageChange | 'lost' | undefined;
  end(): void;
}

export interface Feed {
  tell(app: string, changes: readonly StorageChange[]): void;
  /** `listener` is told when there is something to take. */
  watch(app: string, wish: { prefix: string; since: string | undefined }, listener: () => void): Watch;
  forget(app: string): void;
}

/** Of one app. */
export const keptChanges = 1000;
export const keptBytes = 64 * 1024;
/** What one costs beside its key, about. */
const overheadBytes = 64;

interface Recent {
  /** Cursors are good for as long as these changes are kept, and not across a restart. */
  epoch: string;
  changes: StorageChange[];
  /** The number of the oldest kept. */
  first: number;
  bytes: number;
  listeners: Set<() => void>;
}

const sizeOf = ({ key }: StorageChange): number => key.length + overheadBytes;

export function createFeed(): Feed {
  const apps = new Map<string, Recent>();

  function recentOf(app: string): Recent {
    const recent = apps.get(app) ?? {
      ...{ epoch: randomBytes(6).toString('hex'), changes: [], first: 0, bytes: 0, listeners: new Set() },
    };
    apps.set(app, recent);
    return recent;
  }

  function tell(app: string, changes: readonly StorageChange[]): void {
    const recent = apps.get(app);
    if (!recent) return; // nobody has watched yet
    for (const change of changes) {
      recent.changes.push(change);
      recent.bytes += sizeOf(change);
    }
    let gone = 0;
    while (recent.changes.length - gone > keptChanges || recent.bytes > keptBytes)
      recent.bytes -= sizeOf(recent.changes[gone++]!);
    if (gone > 0) recent.changes = recent.changes.slice(gone);
    recent.first += gone;
    for (const listener of recent.listeners) listener();
  }

  return {
    tell,
    watch(app, { prefix, since }, listener) {
      const recent = recentOf(app);
      const end = (): number => recent.first + recent.changes.length;
      const [, epoch, digits = ''] = /^([0-9a-f]{12})\.(\d{1,15})$/.exec(since ?? '') ?? [];
      const wanted = Number(digits);
      const isResumed = epoch === recent.epoch && wanted >= recent.first && wanted <= end();
      let at = isResumed ? wanted : end();
      recent.listeners.add(listener);
      return {
        isResumed,
        cursor: () => `${recent.epoch}.${at}`,
        next() {
          if (at < recent.first) {
            at = end();
            return 'lost';
          }
          while (at < end()) {
            const change = recent.changes[at++ - recent.first]!;
            if (change.key.startsWith(prefix)) return change;
          }
          return undefined;
        },
        end: () => void recent.listeners.delete(listener),
      };
    },
    forget: (app) => void apps.delete(app),
  };
}
