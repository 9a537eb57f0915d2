/**
 * The territory's members, as others see them, and what an operator decides about them.
 *
 * Each decision is one synced commit: the record, its entry in the ledger, and the status lists that follow from it,
 * under a higher sequence. So no cut leaves a member suspended in one of them and not in another, and no list that was
 * seen is ever followed by one with a lower number.
 */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { Files } from '#common/files.js';
import type { Capability } from '#contract/capabilities.js';
import type { PublicJwk } from '#contract/directory.js';
import type { StatusLists } from '#contract/member.js';
import type { AppIdPolicy, Decided, LevelPolicy, MemberLedgerExport, MemberRecord } from '#contract/member-register.js';
import { Refusal } from '#contract/problems.js';
import { type AppSuccessions, mostSuccessions } from '#contract/succession.js';
import type { Store } from '../store/store.js';
import { type AppIds, createActs, type MemberActs } from './acts.js';
import { createAuthenticator, type Shown } from './authenticate.js';
import { openCaseBook } from './case-book.js';
import { type Cases, createCases } from './cases.js';
import { createFreshness, type Freshness } from './freshness.js';
import type { DecisionLog } from './log.js';
import { allowsAt, usualPolicy } from './policy.js';
import { openRegister, type Sequenced } from './register.js';
import { openSigningKeys } from './signing-key.js';

/** What the rest of the provider asks. */
export interface Members {
  keys(): readonly PublicJwk[];
  status(): Promise<StatusLists>;
  lists(): Promise<Sequenced>;
  /** Of what was decided, with the proofs that it only grows. */
  log: DecisionLog;
  /** All that ever signed for members. */
  everKeys(): readonly PublicJwk[];
  find(member: string): MemberRecord | undefined;
  /** @throws Refusal `member-unknown` */
  credentialOf(member: string): string;
  /**
   * Whether this is a member in good standing, with its key, now.
   * @throws Refusal `credential-…`, `proof-…`, `member-unknown`, `member-suspended`, `member-expelled`
   */
  authenticate(shown: Shown): Promise<MemberRecord>;
  /** Whose key this is, however it stands: for what a member has a right to also then. @throws Refusal as `authenticate` */
  identify(shown: Shown): Promise<MemberRecord>;
  /** By its vetting level and the territory's table; says nothing of its standing. */
  mayAsk(member: string, capability: Capability): boolean;
  /** Undefined for an app that never passed to another. */
  successionsOf(app: string): AppSuccessions | undefined;
  /** Told of each decision, once it is on the disk. Answers the way to end it. */
  onChange(listener: (member: string) => void): () => void;
}

/** What an operator asks, beside the decisions. */
export interface MemberDesk extends Members, MemberActs, Freshness {
  cases: Cases;
  list(): MemberRecord[];
  /** @throws Refusal `member-unknown` */
  show(member: string): MemberRecord;
  policy(): LevelPolicy;
  appIdPolicy(): AppIdPolicy;
  /** The key that is to take over is made and listed, so that alliance and boxes know it before it signs anything. */
  announceKey(): Promise<PublicJwk>;
  /**
   * It takes over; without one, or where the present one was compromised, a new one does. What a compromised key has
   * signed is believed no more. Answers the keys that are. @throws Refusal `member-origin-unknown`
   */
  rollKey(wish: Decided & { compromised: boolean }): Promise<readonly PublicJwk[]>;
  /** When the status lists run out, in milliseconds since 1970. */
  listsEnd(): number;
  ledger(): Promise<MemberLedgerExport>;
}

export async function openMembers({
  store,
  files,
  clock,
  directory,
  territory,
  listedAt,
  events,
  appIds,
}: {
  store: Store;
  files: Files;
  clock: Clock;
  directory: string;
  territory: string;
  /** Where the alliance's directory says that the territory is reached. */
  listedAt: () => string | undefined;
  events: {
    compose(event: { type: string; text: string }): { operation: Operation; tell(): void };
    record(event: { type: string; text: string }): void;
  };
  appIds: AppIds;
}): Promise<MemberDesk> {
  const settings = (await store.memberSettings.get('all')) ?? {};
  const signing = await openSigningKeys({ files, directory, clock, record: settings.signing });
  const { keys } = signing;
  const book = await openCaseBook(store);
  const register = await openRegister({ store, book, clock, signing, settings, territory, listedAt, events });
  const { find } = register;

  function show(member: string): MemberRecord {
    const record = find(member);
    if (!record) throw new Refusal('member-unknown', member);
    return record;
  }

  const acts = createActs({ store, register, book, clock, signing, territory, show, appIds });
  return {
    ...acts,
    ...createFreshness({ register, clock, events, endInterim: acts.endInterim }),
    keys,
    announceKey: register.announce,
    async rollKey({ compromised, ...decided }) {
      await register.roll(decided, { compromised });
      return keys();
    },
    lists: register.lists,
    log: register.log,
    everKeys: signing.ever,
    async status() {
      const { suspension, revocation, register: head } = await register.lists();
      return { suspension, revocation, ...(head !== undefined && { register: head }) };
    },
    find,
    show,
    list: () => [...register.all()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    credentialOf: (member) => show(member).credential,
    successionsOf(app) {
      const its = register.successionsOf(app);
      const last = its.at(-1)?.succession;
      return (
        last && {
          statements: its.slice(-mostSuccessions).map(({ jws }) => jws),
          credential: show(last.to.member).credential,
        }
      );
    },
    ...createAuthenticator({ territory, keys, find, clock }),
    cases: createCases({ store, register, book, clock, signing, territory, show }),
    mayAsk(member, capability) {
      const record = find(member);
      return record !== undefined && allowsAt(register.policy(), record.level, capability);
    },
    policy: () => ({ ...usualPolicy, ...register.policy() }),
    appIdPolicy: register.appIdPolicy,
    listsEnd: register.listsEnd,
    ledger: async () => ({
      format: 'webizen-member-ledger-1',
      territory,
      keys: [...signing.ever()],
      entries: await store.memberLedger.values().all(),
    }),
    onChange: register.onChange,
  };
}
