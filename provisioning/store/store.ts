/**
 * The provider's one database: a sublevel a concern, and everything that must hold together in one synced batch.
 * The broker is never the store of record; this is.
 */
import path from 'node:path';
import { type Commits, createCommits, type Database, type Operation } from '#common/commits.js';
import { isDiskFull, openDatabase } from '#common/database.js';
import { Refusal } from '#contract/problems.js';
import { type AccountStore, accountSublevels } from './accounts.js';
import { type AgreementStore, agreementSublevels } from './agreements.js';
import { type BoxStore, boxSublevels } from './boxes.js';
import { type CatalogueStore, catalogueSublevels } from './catalogue.js';
import { type ClaimStore, claimSublevels } from './claims.js';
import { type CommandStore, commandSublevels } from './commands.js';
import { placeKey } from './control/through-level.js';
import { type LinkStore, linkSublevels } from './links.js';
import { type LifeStore, lifeSublevels } from './lives.js';
import { type MemberStore, memberSublevels } from './members.js';
import { type MessageStore, messageSublevels } from './messages.js';
import { type MoveStore, moveSublevels } from './moves.js';
import { type PaymentStore, paymentSublevels } from './payments.js';
import { type RevocationStore, revocationSublevels } from './revocations.js';
import { type RolloutStore, rolloutSublevels } from './rollouts.js';
import { type SampleStore, sampleSublevels } from './samples.js';
import { type SystemStore, systemSublevels } from './systems.js';
import { type WatchStore, watchSublevels } from './watch.js';

export interface Store
  extends AccountStore,
    AgreementStore,
    BoxStore,
    CatalogueStore,
    ClaimStore,
    CommandStore,
    LifeStore,
    LinkStore,
    MemberStore,
    MessageStore,
    MoveStore,
    PaymentStore,
    RevocationStore,
    RolloutStore,
    SampleStore,
    SystemStore,
    WatchStore {
  /** All of it is on the disk, or none of it. @throws Refusal `disk-full` */
  commit(operations: readonly Operation[]): Promise<void>;
  /** Told of what has just been committed, before `commit` answers. Answers the way to end it. */
  onCommitted(listener: (operations: readonly Operation[]) => void): () => void;
  /** Every entry as it is stored, of the moment of the call. */
  snapshot(): AsyncIterable<[string, Buffer]>;
  close(): Promise<void>;
}

/** A release's store opens under the release before it: expand now, contract one release later. */
export const storeVersion = 1;

/**
 * @param records where the records are, when that is not in this directory; closed with the store
 * @throws Refusal as `openDatabase`
 */
export async function openStore(directory: string, records?: Database): Promise<Store> {
  const db = records ?? (await openDatabase(path.join(directory, 'store'), storeVersion));
  const commits: Commits = createCommits(db);
  const listeners = new Set<(operations: readonly Operation[]) => void>();
  return {
    ...accountSublevels(db),
    ...agreementSublevels(db),
    ...boxSublevels(db),
    ...catalogueSublevels(db),
    ...claimSublevels(db),
    ...commandSublevels(db),
    ...lifeSublevels(db),
    ...linkSublevels(db),
    ...memberSublevels(db),
    ...messageSublevels(db),
    ...moveSublevels(db),
    ...paymentSublevels(db),
    ...revocationSublevels(db),
    ...rolloutSublevels(db),
    ...sampleSublevels(db),
    ...systemSublevels(db),
    ...watchSublevels(db),
    async commit(operations) {
      try {
        await commits.commit(operations);
      } catch (error) {
        throw isDiskFull(error) ? new Refusal('disk-full', undefined, { cause: error }) : error;
      }
      for (const listener of listeners) listener(operations);
    },
    onCommitted(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    snapshot: () => withoutPlace(db.iterator<string, Buffer>({ keyEncoding: 'utf8', valueEncoding: 'buffer' })),
    async close() {
      await commits.idle();
      await db.close();
    },
  };
}

/** Which commit a copy holds is no record. */
async function* withoutPlace(entries: AsyncIterable<[string, Buffer]>): AsyncGenerator<[string, Buffer]> {
  for await (const entry of entries) if (entry[0] !== placeKey) yield entry;
}
