/** The records, the ledger and the lists of the store, held together: what changes one of them is one commit of all. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { keysRolled, makeEntry } from '#common/members/ledger.js';
import { signSuccession } from '#common/members/succession.js';
import type { PublicJwk } from '#contract/directory.js';
import type { LedgerEntry } from '#contract/ledger.js';
import type { StatusLists } from '#contract/member.js';
import type { AppIdPolicy, Decided, LevelPolicy, MemberRecord } from '#contract/member-register.js';
import { Refusal } from '#contract/problems.js';
import type { Panel, PanelName } from '#contract/resolution.js';
import { entryKey, type MemberSettings, type StatusListsRecord, type SuccessionRecord } from '../store/members.js';
import type { Store } from '../store/store.js';
import type { CaseBook } from './case-book.js';
import { certify, isOld } from './credentials.js';
import { lifetime, makeLists, remadeEvery } from './lists.js';
import { type DecisionLog, openLog, type RegisterTree } from './log.js';
import type { SigningKeys } from './signing-key.js';

export interface Sequenced extends StatusLists {
  sequence: number;
}

/** What was decided: how the ledger and the operator's events tell it, and what it makes of the register. */
export interface Decision {
  type: string;
  facts: LedgerEntry['facts'];
  text: string;
  /** The records as they are from now on; `entry` is the index that their histories name. */
  records?: (entry: number) => readonly MemberRecord[];
  succession?: SuccessionRecord;
  /** Of other rooms, in the same commit. */
  more?: readonly Operation[];
  settings?: MemberSettings;
}

export interface Register {
  all(): Iterable<MemberRecord>;
  find(member: string): MemberRecord | undefined;
  policy(): LevelPolicy;
  /** The settings with these levels for what they name. */
  withPolicy(change: LevelPolicy): MemberSettings;
  appIdPolicy(): AppIdPolicy;
  withAppIdPolicy(policy: AppIdPolicy): MemberSettings;
  panels(): MemberSettings['panels'];
  withPanel(of: PanelName, panel: Panel): MemberSettings;
  /** Oldest first. */
  successionsOf(app: string): readonly SuccessionRecord[];
  /** Of the last one; 0 where there is none. */
  lastSerial(): number;
  /** @throws Refusal `member-origin-unknown` */
  origin(): string;
  lists(): Promise<Sequenced>;
  log: DecisionLog;
  /** In milliseconds since 1970; 0 while there are none. */
  listsEnd(): number;
  /** One at a time: what `work` reads is what it changes. Nothing is decided where it answers nothing. */
  decide(work: () => Promise<Decision | undefined> | Decision | undefined): Promise<void>;
  /** The key that will sign is made, where there is none, and listed. */
  announce(): Promise<PublicJwk>;
  /** Another key signs from now on. @throws Refusal `member-origin-unknown` */
  roll(decided: Decided, wish: { compromised: boolean }): Promise<void>;
  /** Lists and credentials that are old, or from another address, are made anew. Answers when to look again. */
  refresh(): Promise<number>;
  servedAt(origin: string): Promise<void>;
  onChange(listener: (member: string) => void): () => void;
}

export async function openRegister({
  store,
  book,
  clock,
  signing,
  settings: opened,
  territory,
  listedAt,
  events,
}: {
  store: Store;
  book: CaseBook;
  clock: Clock;
  signing: SigningKeys;
  /** As the store has them. */
  settings: MemberSettings;
  territory: string;
  listedAt: () => string | undefined;
  events: { compose(event: { type: string; text: string }): { operation: Operation; tell(): void } };
}): Promise<Register> {
  const members = new Map<string, MemberRecord>();
  for await (const [id, record] of store.members.iterator()) members.set(id, record);
  const successions = await store.successions.values().all();
  const log = await openLog(store);
  let current = await store.memberLists.get('last');
  let settings = opened;
  let [last] = await store.memberLedger.values({ reverse: true, limit: 1 }).all();
  const listeners = new Set<(member: string) => void>();

  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  const reached = (): string | undefined => listedAt() ?? settings.origin;
  function origin(): string {
    const known = reached();
    if (known === undefined) throw new Refusal('member-origin-unknown');
    return new URL(known).origin;
  }

  const putLists = (value: StatusListsRecord): Operation => ({
    type: 'put',
    sublevel: store.memberLists,
    key: 'last',
    value,
  });
  const putRecord = (value: MemberRecord): Operation => ({
    type: 'put',
    sublevel: store.members,
    key: value.id,
    value,
  });

  const listsOf = (all: Iterable<MemberRecord>, tree: RegisterTree, key = signing.key()): Promise<StatusListsRecord> =>
    makeLists({ key, territory, origin: origin(), members: all, before: current, tree, now: clock.now() });

  const certified = async (member: MemberRecord, key = signing.key()): Promise<MemberRecord> => ({
    ...member,
    ...(await certify(member, { key, territory, origin: origin(), now: clock.now() })),
  });

  const putSuccession = (value: SuccessionRecord): Operation => ({
    type: 'put',
    sublevel: store.successions,
    key: String(value.succession.serial).padStart(16, '0'),
    value,
  });

  async function decideNow({ type, facts, text, settings: changed, ...wish }: Decision): Promise<void> {
    const before = last ?? { ledger: randomBytes(16).toString('hex') };
    const entry = await makeEntry({ after: before, at: clock.now(), type, facts, key: signing.key() });
    const step = book.step(entry);
    const records = wish.records?.(entry.index) ?? [];
    const after = new Map([...members, ...records.map((record) => [record.id, record] as const)]);
    const added = await log.with(entry);
    // Where nobody knows yet how the territory is reached, there is nobody either to show them to.
    const lists = reached() !== undefined || records.length > 0 ? await listsOf(after.values(), added.tree) : undefined;
    const { operation, tell } = events.compose({ type: 'member', text });
    const operations: Operation[] = [
      { type: 'put', sublevel: store.memberLedger, key: entryKey(entry.index), value: entry },
      ...added.operations,
      operation,
    ];
    operations.push(...records.map(putRecord), ...(wish.more ?? []));
    if (step) operations.push(step.operation);
    if (lists) operations.push(putLists(lists));
    if (wish.succession) operations.push(putSuccession(wish.succession));
    if (changed) operations.push({ type: 'put', sublevel: store.memberSettings, key: 'all', value: changed });
    await store.commit(operations);
    log.added(entry);
    step?.keep();
    last = entry;
    if (changed) settings = changed;
    if (wish.succession) successions.push(wish.succession);
    for (const record of records) members.set(record.id, record);
    if (lists) current = lists;
    for (const { id } of records) for (const listener of [...listeners]) listener(id);
    tell();
  }

  /** A clock that went back must not leave an old list standing. */
  function isFresh(lists: StatusListsRecord | undefined): lists is StatusListsRecord {
    if (lists?.register === undefined || lists.origin !== origin()) return false;
    const age = clock.now() - lists.madeAt;
    return age >= 0 && age < remadeEvery;
  }

  async function refreshNow(): Promise<StatusListsRecord> {
    const now = clock.now();
    const renewed = await Promise.all(
      [...members.values()]
        .filter((member) => member.standing !== 'expelled' && isOld(member, now))
        .map((member) => certified(member)),
    );
    const lists = isFresh(current) ? current : await listsOf(members.values(), await log.now());
    if (lists === current && renewed.length === 0) return lists;
    await store.commit([...renewed.map(putRecord), putLists(lists)]);
    for (const record of renewed) members.set(record.id, record);
    current = lists;
    return lists;
  }

  /** Everything that is still to be believed is signed anew by the key that takes over, in one commit with that. */
  async function rollNow({ reason, decidedBy, review }: Decided, compromised: boolean): Promise<void> {
    const roll = await signing.prepare({ compromised });
    const { key, record } = roll;
    const renewed = await Promise.all([...members.values()].map((member) => certified(member, key)));
    const resigned = await Promise.all(
      successions.map(async ({ succession }) => ({ succession, jws: await signSuccession({ key, succession }) })),
    );
    const from = record.former[0]?.jwk.kid ?? '';
    const facts = { from, kid: record.kid, compromised, reason, decidedBy, ...(review && { review }) };
    const before = last ?? { ledger: randomBytes(16).toString('hex') };
    const entry = await makeEntry({ after: before, at: clock.now(), type: keysRolled, facts, key });
    const added = await log.with(entry);
    const lists = await listsOf(members.values(), added.tree, key);
    const text = `the territory signs for its members with the key ${record.kid}: ${reason}`;
    const { operation, tell } = events.compose({ type: 'member', text });
    const changed = { ...settings, signing: record };
    await store.commit([
      { type: 'put', sublevel: store.memberLedger, key: entryKey(entry.index), value: entry },
      { type: 'put', sublevel: store.memberSettings, key: 'all', value: changed },
      ...added.operations,
      ...renewed.map(putRecord),
      ...resigned.map(putSuccession),
      putLists(lists),
      operation,
    ]);
    log.added(entry);
    await signing.adopt(roll);
    [last, settings, current] = [entry, changed, lists];
    successions.splice(0, successions.length, ...resigned);
    for (const member of renewed) members.set(member.id, member);
    tell();
    // One is enough: it is the lists that are new.
    const [one] = renewed;
    if (one) for (const listener of [...listeners]) listener(one.id);
  }

  return {
    all: () => members.values(),
    find: (member) => members.get(member),
    policy: () => settings.policy ?? {},
    withPolicy: (change) => ({ ...settings, policy: { ...settings.policy, ...change } }),
    appIdPolicy: () => settings.appIds ?? 'first',
    withAppIdPolicy: (policy) => ({ ...settings, appIds: policy }),
    panels: () => settings.panels,
    withPanel: (of, panel) => ({ ...settings, panels: { ...settings.panels, [of]: panel } }),
    successionsOf: (app) => successions.filter(({ succession }) => succession.apps.includes(app)),
    lastSerial: () => successions.at(-1)?.succession.serial ?? 0,
    origin,
    lists: async () => (current?.register === undefined ? await inTurn(refreshNow) : current),
    log,
    listsEnd: () => (current ? current.madeAt + lifetime : 0),
    announce: () => inTurn(signing.announce),
    roll: (decided, { compromised }) => inTurn(() => rollNow(decided, compromised)),
    decide: (work) =>
      inTurn(async () => {
        const decision = await work();
        if (decision) await decideNow(decision);
      }),
    refresh: () => inTurn(async () => (await refreshNow()).madeAt + remadeEvery - clock.now()),
    servedAt: (url) =>
      inTurn(async () => {
        if (settings.origin === url) return;
        const value = { ...settings, origin: url };
        await store.commit([{ type: 'put', sublevel: store.memberSettings, key: 'all', value }]);
        settings = value;
      }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
