/**
 * Who the makers of apps are, and how they stand, as this box can prove it.
 *
 * What is said of a member is its territory's word: a credential signed by a key of that territory, and two status
 * lists, of which the newest that was ever verified holds, offline and across reboots (`status.ts`). Lists that grow old
 * take away in steps what may be done anew (contract/member.ts); nothing that runs is stopped because nobody could be asked.
 */
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import { unverifiedTerritory, verifyCredential } from '#common/members/credential.js';
import { standingOf, verifyStatusLists } from '#common/members/status-list.js';
import { verifySuccession } from '#common/members/succession.js';
import type { Moment } from '#common/pki/path.js';
import type { DirectoryTerritory, PublicJwk } from '#contract/directory.js';
import type { AppMember } from '#contract/installed.js';
import { MemberCredential, type Standing, StandingNews, type StatusLists } from '#contract/member.js';
import { parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Profile } from '#contract/profile.js';
import type { AppSuccessions, Succession } from '#contract/succession.js';
import { fetchConsistency, fetchStatus, fetchSuccessions, type Reach } from './fetch.js';
import { type Fork, openHeldRegisters, type Prove } from './register.js';
import { freshnessOf, openHeldLists } from './status.js';

/** Each includes the ones behind it. */
export type May = 'install' | 'update' | 'run' | 'nothing';

export interface Judgement {
  member: AppMember;
  credential: MemberCredential;
  may: May;
  /** Why no more than that. */
  problem: Refusal | null;
}

/** With the key that signed it. */
export type SignedSuccession = Succession & { kid: string };

export interface Members {
  /**
   * Verifies the credential, takes what lists came with it, and says what the member may now.
   * @throws Refusal `credential-malformed`, `credential-foreign`, `credential-forged`, `credential-early`
   */
  judge(credential: string, stapled?: StatusLists): Promise<Judgement>;
  /** As `judge`, of a credential that was verified when it came; undefined when it is none. */
  see(credential: string): Judgement | undefined;
  /** By that territory's keys of now. @throws Refusal `succession-malformed`, `succession-foreign`, `succession-forged` */
  successionsBy(territory: string, statements: readonly string[]): Promise<SignedSuccession[]>;
  /** Whether this key signs for the territory's members, or did and is still believed. */
  isBelieved(territory: string, kid: string): boolean;
  /**
   * What a territory says of who came after an app's maker, unverified; undefined when it says nothing, or is not known.
   * @throws Refusal as `getChecked`, `est-protocol`
   */
  askSuccessions(territory: string, app: string): Promise<AppSuccessions | undefined>;
  /** Whether the box belongs to it. */
  isOwn(territory: string): boolean;
  /** Asks the providers for their lists. @throws Refusal of the first that could not be used, when all were asked */
  refresh(): Promise<void>;
  /**
   * News from the provider (`StandingNews`), as it came: what it says is not believed, only asked after, and no oftener
   * than every few seconds.
   */
  hear(news: Uint8Array): void;
  /** Told of the territory whose lists are new. Answers the way to end it. */
  onChange(listener: (territory: string) => void): () => void;
  /** Refreshes each day. */
  start(): void;
  stop(): Promise<void>;
}

const refreshMilliseconds = 24 * 3_600_000;
/** Between two questions that news gives rise to. */
const betweenMilliseconds = 5000;
const againMilliseconds = 3_600_000;
const order: readonly May[] = ['nothing', 'run', 'update', 'install'];
const least = (one: May, other: May): May => (order.indexOf(one) < order.indexOf(other) ? one : other);

/** Those that the directory names; those of the last profile where it names none. */
export function memberKeysOf(
  territory: string,
  sources: { listed(id: string): DirectoryTerritory | undefined; profile(): Profile | undefined },
): readonly PublicJwk[] {
  const listed = sources.listed(territory)?.memberKeys ?? [];
  if (listed.length > 0) return listed;
  const profile = sources.profile();
  return profile?.territory.id === territory ? (profile.memberKeys ?? []) : [];
}

function unverified(credential: string): MemberCredential | undefined {
  const read = parseJson(MemberCredential, Buffer.from(credential.split('.')[1] ?? '', 'base64url'));
  return read.ok ? read.value : undefined;
}

export async function createMembers(wish: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  clock: Clock & { trusted(): boolean; moment(): Moment };
  /** Of that territory, newest first; see `memberKeysOf`. */
  keys: (territory: string) => readonly PublicJwk[];
  /** The box's own territory; undefined where it has none. */
  own: () => string | undefined;
  /** Undefined where its provider is not known. */
  reach: (territory: string) => Promise<Reach | undefined>;
  /** Asks which keys a territory has now, where it signs with one that is not known. */
  relearn?: (territory: string) => Promise<void>;
  onRefused: (refusal: Refusal) => void;
  /** See `openHeldRegisters`. */
  onFork: (fork: Fork) => Promise<void>;
}): Promise<Members> {
  const { clock, keys, own, onRefused } = wish;
  const held = await openHeldLists(wish);
  const registers = await openHeldRegisters(wish);
  const listeners = new Set<(territory: string) => void>();
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let hearing: Promise<void> | undefined;
  /** Seconds that the next question may wait; undefined when nothing was heard. */
  let heard: number | undefined;

  /** What is wrong with the register takes nothing from what the lists say. */
  function onlyRefused(error: unknown): void {
    if (!(error instanceof Refusal)) throw error;
    onRefused(error);
  }

  const proverOf =
    (territory: string): Prove =>
    async (from, to) => {
      const reach = await wish.reach(territory);
      if (!reach) throw new Refusal('register-unproven', territory);
      return await fetchConsistency({ reach, at: clock.moment(), signal: stopping.signal, from, to });
    };

  /** @throws Refusal `status-foreign`, `status-forged`, `status-malformed`, `status-replayed` */
  async function take(territory: string, lists: StatusLists): Promise<void> {
    const read = await verifyStatusLists(lists, { keys: keys(territory), territory });
    if (!read.ok) throw new Refusal(`status-${read.fault}`, territory);
    const { changed, replayed } = await held.take(territory, read);
    if (changed) for (const listener of [...listeners]) listener(territory);
    if (lists.register !== undefined)
      await registers.take(territory, lists.register, proverOf(territory)).catch(onlyRefused);
    if (replayed.length > 0) throw new Refusal('status-replayed', `${territory}: ${replayed.join(', ')}`);
  }

  async function verified(jwt: string, territory: string): Promise<{ credential: MemberCredential; expired: boolean }> {
    const ring = keys(territory);
    let read = await verifyCredential(jwt, { keys: ring, territory, at: clock.now() });
    // The box knows only that it is no earlier than this: a credential that begins later may well have begun.
    if (!read.ok && read.fault === 'early' && read.credential && !clock.trusted())
      read = await verifyCredential(jwt, { keys: ring, territory, at: Date.parse(read.credential.validFrom) });
    if (read.ok) return { credential: read.credential, expired: false };
    if (read.fault === 'expired' && read.credential) return { credential: read.credential, expired: true };
    throw new Refusal(`credential-${read.fault}`, territory);
  }

  function standingNow(credential: MemberCredential): { standing: Standing; madeAt: number | undefined } {
    const lists = held.of(credential.credentialSubject.territory);
    if (!lists) return { standing: 'good', madeAt: undefined };
    try {
      return { standing: standingOf(credential, lists), madeAt: lists.madeAt };
    } catch {
      return { standing: 'good', madeAt: undefined }; // its place lies beyond the list: nothing is known of it
    }
  }

  function judged(credential: MemberCredential, expired: boolean): Judgement {
    const { member: id, territory, name, class: kind, vettingLevel, since } = credential.credentialSubject;
    const { standing, madeAt } = standingNow(credential);
    const freshness = freshnessOf(madeAt, clock.now());
    const limits: [May, Refusal | null][] = [
      standing === 'expelled' ? ['nothing', new Refusal('member-expelled', name)] : ['install', null],
      standing === 'suspended' ? ['run', new Refusal('member-suspended', name)] : ['install', null],
      expired ? ['run', new Refusal('credential-expired', name)] : ['install', null],
      madeAt === undefined ? ['run', new Refusal('status-missing', territory)] : ['install', null],
      freshness === 'old' ? ['run', new Refusal('status-old', territory)] : ['install', null],
      freshness === 'stale' ? ['update', new Refusal('status-stale', territory)] : ['install', null],
    ];
    const may = limits.map(([limit]) => limit).reduce(least);
    return {
      member: {
        id,
        territory,
        name,
        class: kind,
        vettingLevel,
        since: Date.parse(since),
        standing,
        checkedAt: madeAt ?? null,
        freshness,
      },
      credential,
      may,
      problem: limits.find(([limit, refusal]) => refusal && limit === may)?.[1] ?? null,
    };
  }

  const isExpired = ({ validUntil }: MemberCredential): boolean => Date.parse(validUntil) <= clock.now();

  async function refreshOne(territory: string): Promise<void> {
    const reach = await wish.reach(territory);
    if (!reach) return;
    const lists = await fetchStatus({ reach, at: clock.moment(), signal: stopping.signal });
    await take(territory, lists).catch(async (error: unknown) => {
      if (!wish.relearn || !(error instanceof Refusal) || error.code !== 'status-foreign') throw error;
      await wish.relearn(territory); // it may have another key since
      await take(territory, lists);
    });
    await registers.settle(territory, proverOf(territory)).catch(onlyRefused);
  }

  async function refresh(): Promise<void> {
    const mine = own();
    const wanted = new Set([...(mine === undefined ? [] : [mine]), ...held.territories()]);
    const ends = await Promise.allSettled([...wanted].map(refreshOne));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** One at a time; what is heard meanwhile is asked after once more. */
  async function askSoon(): Promise<void> {
    for (let spread = heard; spread !== undefined && !stopping.signal.aborted; spread = heard) {
      heard = undefined;
      await clock.sleep(Math.random() * spread * 1000, stopping.signal);
      // Where it cannot be asked now, the daily look or the next connection makes up for it.
      await refresh().catch((error: unknown) => {
        if (!stopping.signal.aborted && error instanceof Refusal) onRefused(error);
      });
      await clock.sleep(betweenMilliseconds, stopping.signal);
    }
    hearing = undefined;
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const pause = await refresh().then(
        () => refreshMilliseconds,
        (error: unknown) => {
          if (!stopping.signal.aborted)
            onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error }));
          return againMilliseconds;
        },
      );
      await clock.sleep(pause * (0.9 + Math.random() / 10), stopping.signal);
    }
  }

  return {
    async judge(jwt, stapled) {
      const territory = unverifiedTerritory(jwt);
      if (territory === undefined) throw new Refusal('credential-malformed');
      const { credential, expired } = await verified(jwt, territory);
      if (stapled)
        await take(territory, stapled).catch((error: unknown) => {
          if (!(error instanceof Refusal)) throw error;
          onRefused(error); // what is held goes on to count
        });
      return judged(credential, expired);
    },
    see(jwt) {
      const credential = unverified(jwt);
      return credential && judged(credential, isExpired(credential));
    },
    successionsBy: (territory, statements) =>
      Promise.all(
        statements.map(async (jws) => {
          const read = await verifySuccession(jws, { keys: keys(territory), territory });
          if (!read.ok) throw new Refusal(`succession-${read.fault}`, territory);
          return { ...read.succession, kid: read.kid };
        }),
      ),
    async askSuccessions(territory, app) {
      const reach = await wish.reach(territory);
      return reach && fetchSuccessions({ reach, app, at: clock.moment(), signal: stopping.signal });
    },
    isBelieved: (territory, kid) => keys(territory).some((one) => one.kid === kid),
    isOwn: (territory) => own() === territory,
    refresh,
    hear(news) {
      const read = parseJson(StandingNews, news);
      const mine = own();
      if (!read.ok || mine === undefined || stopping.signal.aborted) return;
      const lists = held.of(mine);
      const { sequence, spreadSeconds } = read.value;
      if (lists && Math.min(lists.suspension.sequence, lists.revocation.sequence) >= sequence) return;
      heard = Math.min(heard ?? Number.POSITIVE_INFINITY, spreadSeconds);
      hearing ??= askSoon();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      await Promise.all([running, hearing]);
    },
  };
}
