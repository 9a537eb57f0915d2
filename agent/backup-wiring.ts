/** Backup and restore, wired: what of the box is its owner's, and what stays its own when its owner's things come back. */
import path from 'node:path';
import { Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { type BackupFound, type OwnersConcern, ownersConcerns } from '#contract/backup.js';
import { Grant } from '#contract/installed.js';
import { check } from '#contract/parse.js';
import type { Refusal } from '#contract/problems.js';
import { releaseOf } from './apps/installed.js';
import type { InstalledApps } from './apps-wiring.js';
import { type BackupRoom, createBackup } from './backup/backup.js';
import { bookConcern, openBackupBook } from './backup/book.js';
import { createDisks } from './backup/disks.js';
import { judgeLedgers, type LedgerSide } from './backup/ledgers.js';
import { type Staged, stagePlaces } from './backup/stage.js';
import { createRestore, type RestoreMarker, type RestoreRoom } from './backup/switch.js';
import type { Changes } from './changes/changes.js';
import type { Config } from './config.js';
import { createLedger, type Decision, type Ledger } from './consent/ledger.js';
import type { Owner } from './consent/owner-key.js';
import type { MembershipRoom } from './enrolment/membership.js';
import type { Ground } from './ground.js';
import type { Host } from './host/host.js';
import { openSettings } from './owner/settings.js';
import { openStore, type Store, storeVersion } from './store/store.js';
import type { TrustedTime } from './time/trusted-time.js';

const batchBytes = 1024 * 1024;
const isOwners = (concern: string | undefined): boolean => ownersConcerns.some((one) => one === concern);
const concernOf = (key: Buffer): string | undefined => /^!([^!]+)!/.exec(key.toString('latin1'))?.[1];

/** Whole rows, as they lie there. */
async function copyRows(
  from: Database,
  to: Database,
  isMeant: (concern: string | undefined) => boolean,
): Promise<void> {
  const raw = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
  let waiting: { type: 'put'; key: Buffer; value: Buffer }[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    await to.batch<Buffer, Buffer>(waiting, { ...raw, sync: true });
    waiting = [];
    size = 0;
  };
  for await (const [key, value] of from.iterator<Buffer, Buffer>(raw)) {
    if (!isMeant(concernOf(key))) continue;
    waiting.push({ type: 'put', key, value });
    size += key.length + value.length;
    if (size >= batchBytes) await flush();
  }
  await flush();
}

const sideOf = async (ledger: Ledger): Promise<LedgerSide> => ({
  last: (await ledger.entries({ limit: 1, newestFirst: true }))[0],
  at: async (index) => (await ledger.entries({ after: index - 1, limit: 1 }))[0],
});

const GrantRow = Type.Object({ app: Type.String(), grant: Grant });
const AppRow = Type.Object({
  id: Type.String(),
  current: Type.Union([Type.Null(), Type.Object({ jws: Type.String() })]),
});

async function rowsIn(db: Database, concern: OwnersConcern): Promise<Map<string, unknown>> {
  const sublevel = db.sublevel<string, unknown>(concern, { valueEncoding: 'json' });
  return new Map(await sublevel.iterator().all());
}

/** What comes back with an older backup, and what goes with what is younger: nobody is to find out by chance. */
async function differences(here: Database, back: Database): Promise<Decision[]> {
  const how = 'restored';
  const decisions: Decision[] = [];
  const grants = async (db: Database) =>
    [...(await rowsIn(db, 'grants'))].flatMap(([key, value]) => {
      const read = check(GrantRow, value);
      return read.ok ? [[key, read.value] as const] : [];
    });
  const [grantsHere, grantsBack] = [new Map(await grants(here)), new Map(await grants(back))];
  for (const [key, { app, grant }] of grantsBack)
    if (!grantsHere.has(key))
      decisions.push({ by: 'box', type: 'grant.given', facts: { app, capability: grant.capability, how } });
  for (const [key, { app, grant }] of grantsHere)
    if (!grantsBack.has(key))
      decisions.push({ by: 'box', type: 'grant.taken', facts: { app, capability: grant.capability, how } });
  const versions = async (db: Database) =>
    [...(await rowsIn(db, 'installed'))].flatMap(([id, value]) => {
      const read = check(AppRow, value);
      return read.ok && read.value.current ? [[id, versionIn(read.value.current)] as const] : [];
    });
  const [appsHere, appsBack] = [new Map(await versions(here)), new Map(await versions(back))];
  for (const [app, version] of appsBack)
    if (appsHere.get(app) !== version)
      decisions.push({ by: 'box', type: 'app.restored', facts: { app, version, before: appsHere.get(app) ?? '' } });
  for (const [app, version] of appsHere)
    if (!appsBack.has(app)) decisions.push({ by: 'box', type: 'app.gone', facts: { app, version, how } });
  return decisions;
}

function versionIn(held: { jws: string }): string {
  try {
    return releaseOf({ release: '', credential: '', source: 'catalogue', ...held }).manifest.version;
  } catch {
    return '';
  }
}

/** Before the store is opened for anything else; the store that was staged becomes what the box goes on with. */
async function merge(
  { dataDir }: Config,
  { files }: Host,
  clock: TrustedTime,
  { id, takesOwner }: RestoreMarker,
  { head, keys }: Staged,
): Promise<void> {
  const here = await openStore(dataDir);
  try {
    const back = await openStore(stagePlaces(dataDir).folder);
    try {
      await copyRows(here.db, back.db, (concern) => !isOwners(concern));
      const ledgerHere = await createLedger({ store: here, clock });
      const before = ledgerHere.head();
      const already = await createLedger({ store: back, clock });
      const [newest] = await already
        .entries({ limit: 1000, newestFirst: true })
        .then((entries) => entries.filter(({ type, facts }) => type === 'restored' && facts.restoring === id));
      if (!newest) await joinLedgers(here, back, { ledgerHere, ledgerBack: already, takesOwner });
      const ledger = await createLedger({ store: back, clock, isTimeKnown: clock.trusted });
      const isKept = before !== undefined && before.ledger === ledger.head()?.ledger;
      const { box, at: madeAt } = head;
      const facts: Record<string, string | number> = { restoring: id, backup: head.id, madeAt, box: box.name };
      if (box.id !== null) facts.boxId = box.id;
      if (box.territory !== null) facts.territory = box.territory;
      if (!isKept && before) facts.dropped = `${before.ledger}:${before.length}:${before.hash}`;
      const more = isKept ? await differences(here.db, back.db) : [];
      if (!newest)
        await ledger.decide(() => ({ decisions: [{ by: 'box', type: 'restored', facts }, ...more], operations: [] }));
      const book = back.db.sublevel<string, unknown>(bookConcern, { valueEncoding: 'json' });
      const now = clock.now();
      const rows: [string, unknown][] = [['restored', { at: now, backupAt: madeAt, box: box.name }]];
      if ((await book.get('keys')) === undefined) rows.push(['keys', { ...keys, at: now }]);
      await back.commit(rows.map(([key, value]): Operation => ({ type: 'put', sublevel: book, key, value })));
    } finally {
      await back.close();
    }
  } finally {
    await here.close();
  }
  // Whoever has the backup's passphrase wrote its recovery code down when it was made.
  if (takesOwner)
    await (await openSettings({ directory: path.join(dataDir, 'console'), files })).change({ recoverySaved: true });
}

async function joinLedgers(
  here: Store,
  back: Store,
  { ledgerHere, ledgerBack, takesOwner }: { ledgerHere: Ledger; ledgerBack: Ledger; takesOwner: boolean },
): Promise<void> {
  const verdict = await judgeLedgers(await sideOf(ledgerHere), await sideOf(ledgerBack));
  if (verdict === 'other' && !takesOwner) throw new Error('the ledger has gone another way meanwhile');
  if (verdict !== 'kept') return;
  for (const concern of ['ledger', 'ledgerMeta']) await back.db.sublevel(concern).clear();
  await copyRows(here.db, back.db, (concern) => concern === 'ledger' || concern === 'ledgerMeta');
}

export const restoreOf = (
  config: Config,
  host: Host,
  clock: TrustedTime,
  onRefused: (refusal: Refusal) => void,
): RestoreRoom =>
  createRestore({
    dataDir: config.dataDir,
    files: host.files,
    merge: (marker, staged) => merge(config, host, clock, marker, staged),
    onRefused,
  });

export async function openBackup(
  { config, host, clock, store, ledger, freeBytes, onRefused }: Ground,
  wish: {
    restoring: RestoreRoom;
    owner: Owner;
    boxName: () => string;
    membership: MembershipRoom;
    installed: InstalledApps | undefined;
    changes: () => Changes;
    restart: (() => void) | undefined;
  },
): Promise<BackupRoom> {
  const { dataDir } = config;
  const { restoring, owner, membership, installed } = wish;

  async function judge(): Promise<BackupFound['ledger']> {
    const back = await openStore(stagePlaces(dataDir).folder);
    try {
      return await judgeLedgers(await sideOf(ledger), await sideOf(await createLedger({ store: back, clock })));
    } finally {
      await back.close();
    }
  }

  const room = createBackup({
    ...{ dataDir, clock, freeBytes, onRefused, judge, storeVersion },
    files: host.files,
    db: store.db,
    places: { owner: path.join(dataDir, 'owner.json'), keys: path.join(dataDir, 'storage-keys') },
    apps: () => installed?.installer.kept() ?? [],
    ledger: ledger.head,
    box() {
      const { box, territory } = membership.view().current;
      return { name: wish.boxName(), id: box, territory: territory?.id ?? null };
    },
    book: await openBackupBook({ db: store.db, ledger }),
    disks:
      config.backup &&
      createDisks({
        directory: config.backup.disks,
        host,
        own: () => ({ box: wish.boxName(), ledger: ledger.head()?.ledger ?? '' }),
      }),
    restoring,
    isOwned: owner.isSet,
    busyWith: () =>
      wish
        .changes()
        .list()
        .find(({ kind, endedAt }) => endedAt === null && kind.startsWith('app-'))?.kind,
    append: (decision, signer) => ledger.append(decision, signer),
  });
  return {
    ...room,
    async restore(id, signer) {
      await room.restore(id, signer);
      wish.restart?.();
    },
  };
}
