/**
 * Which territory the box belongs to: elected at run time, left again, and never without a valid identity between.
 *
 * What alters it is a change (steps.ts); this is what owner, configuration and voucher begin, and what others see.
 */
import type { Files } from '#common/files.js';
import type { Change } from '#contract/changes.js';
import type { DirectoryTerritory } from '#contract/directory.js';
import type { Election, Membership } from '#contract/membership.js';
import { isProblemCode, Refusal } from '#contract/problems.js';
import type { Profile } from '#contract/profile.js';
import type { Changes } from '../changes/changes.js';
import type { StepKind } from '../changes/run.js';
import type { OwnerSigner } from '../consent/ledger.js';
import type { Identity, Operational } from '../identity/identity.js';
import type { Credentials } from '../link/session.js';
import type { TrustedTime } from '../time/trusted-time.js';
import { electedBy } from './election.js';
import { createEnrolment, type Enrolment } from './enrolment.js';
import { type Elected, openPlaces } from './places.js';
import { createSteps, type Opened, type StepParts } from './steps.js';
import { viewOf } from './view.js';

export interface Memberships {
  view(): Membership;
  /**
   * The owner's choice, for a box that belongs to no territory, or to one that a voucher chose: the same one is confirmed
   * at once (answers null), another one is a transfer. Answers the id of the change.
   * @throws Refusal `territory-unknown`, `territory-suspended`, `foreign-not-accepted`, `claim-malformed`,
   *   `already-member`, `change-under-way`
   */
  elect(election: Election, signer: OwnerSigner): Promise<string | null>;
  /** To another territory: the old one stays until the new one has proved itself. @throws Refusal as `elect`, `not-a-member` */
  transfer(election: Election, signer: OwnerSigner): Promise<string>;
  /** Takes back the enrolment or transfer that is under way. @throws Refusal `not-waiting`, `change-past-return` */
  abandon(signer: OwnerSigner): Promise<void>;
  /** Told whenever `view` answers otherwise. Answers the way to end it. */
  onChange(listener: () => void): () => void;
}

/** Reset and hand-over: resolves when it is certain to happen; the agent ends behind it and starts as a new box. */
export type Reset = (wish: { kind: 'reset' | 'hand-over'; signer?: OwnerSigner }) => Promise<void>;

export interface MembershipRoom extends Memberships {
  kinds: Record<string, StepKind>;
  /** After the changes have started: begins what configuration or voucher ask for, and clears what nobody names. */
  start(): Promise<void>;
  /** Resolves when the box is enrolled. */
  enrolled(): Promise<void>;
  /** Of the current membership. */
  enrolment(): Enrolment | undefined;
  /** Where the current provider is found; undefined before the box is enrolled. */
  origin(): URL | undefined;
  /** What a session with the current provider needs. */
  access(fresh: boolean): Promise<{ profile: Profile; credentials: Credentials }>;
  /** Enrolled by a voucher, and no owner has confirmed it: only its identity is reported. */
  awaitsOwner(): boolean;
  /** A new key and certificate now. Answers its serial, once it is in use. @throws Refusal why it was given up */
  renewNow(): Promise<string>;
  /** Renews when it is time, for as long as the agent runs. */
  keepRenewing(): Promise<void>;
}

const group = 'membership';
const weekSeconds = 7 * 86_400;
const keptAbandoned = 3;
const day = 86_400_000;
const enrolSteps = ['elect', 'reach', 'key', 'ask', 'prove', 'adopt'];
const transferSteps = ['elect', 'announce', 'reach', 'key', 'ask', 'prove', 'birth', 'switch', 'depart'];

export async function createMembership(
  wish: Omit<StepParts, 'places' | 'opened' | 'forget' | 'amend' | 'beginFarewell' | 'changed' | 'claimCodeFile'> & {
    dataDir: string;
    files: Files;
    clock: TrustedTime;
    signal: AbortSignal;
    /** From the configuration file. */
    preset: { est: URL; caSha256: string; claimCodeFile: string | undefined } | undefined;
    /** From webizen.json on the boot partition. */
    boot: { territory?: string | undefined; claimCode?: string | undefined };
    /** `signedAt`: of the directory that is held, 0 without one. */
    directory: { find(id: string): DirectoryTerritory | undefined; signedAt(): number };
    openIdentity: (directory: string) => Promise<Identity>;
    changes: () => Changes;
    /** Where what waits for the provider counts from. */
    outbox: { renumber(epoch: string): Promise<void> };
    onRenewed: (identity: Operational) => void;
  },
): Promise<MembershipRoom> {
  const { dataDir, files, clock, signal, preset, boot, directory, changes, ledger, factory } = wish;
  const places = await openPlaces({ dataDir, files });
  const members = new Map<string, Opened>();
  const listeners = new Set<() => void>();
  let wake = new AbortController();

  /** The configuration has the last word on a membership that it chose itself. */
  function configured(stored: Elected | undefined): Elected | undefined {
    if (!preset || (stored && stored.electedBy !== 'configuration')) return stored;
    const fresh: Elected = {
      at: clock.now(),
      electedBy: 'configuration',
      est: preset.est.href,
      pins: [preset.caSha256],
      territory: null,
      ownJurisdiction: null,
      foreignAccepted: false,
    };
    return { ...(stored ?? fresh), est: fresh.est, pins: fresh.pins };
  }

  async function opened(id: string): Promise<Opened | undefined> {
    const known = members.get(id);
    if (known) return known;
    const elected = configured(await places.elected(id));
    if (!elected) return undefined;
    const enrolment = await createEnrolment({
      est: new URL(elected.est),
      pins: elected.pins,
      profileFile: places.profileFile(id),
      identity: await wish.openIdentity(places.directory(id)),
      files,
      clock,
      signal,
      onRefused: wish.onRefused,
      onRenewed: wish.onRenewed,
    });
    const made = members.get(id) ?? { elected, enrolment };
    members.set(id, made);
    return made;
  }

  async function amend(id: string, elected: Elected): Promise<void> {
    await places.keep(id, elected);
    const member = members.get(id);
    if (member) members.set(id, { ...member, elected });
  }

  const at = (id: string | null): Opened | undefined => (id === null ? undefined : members.get(id));
  const current = (): Opened | undefined => at(places.pointer().current);

  function changed(): void {
    wake.abort();
    wake = new AbortController();
    for (const listener of [...listeners]) listener();
  }

  const kinds = createSteps({
    places,
    opened,
    forget: (id) => members.delete(id),
    amend,
    ledger,
    claimCodeFile: preset?.claimCodeFile,
    factory,
    proveLink: wish.proveLink,
    link: wish.link,
    async beginFarewell(data) {
      const steps = [{ kind: 'farewell' }];
      await changes().begin({ kind: 'farewell', steps, data, deadlineSeconds: weekSeconds });
    },
    changed,
    onRefused: wish.onRefused,
  });

  async function begin(kind: 'enrol' | 'transfer', id: string, { elected }: Opened): Promise<string> {
    const from = places.pointer().current;
    return changes().begin({
      kind,
      group,
      steps: (kind === 'enrol' ? enrolSteps : transferSteps).map((step) => ({ kind: step })),
      data: {
        membership: id,
        electedBy: elected.electedBy,
        ...(elected.claimCode === undefined ? {} : { withCode: true }),
        ...(elected.territory ? { territory: elected.territory.id } : {}),
        ...(kind === 'transfer' && from !== null ? { from } : {}),
      },
    });
  }

  /** The folder of an election that was taken back while its code was on the way: its key serves the same code again. */
  async function abandoned(elected: Elected): Promise<string | undefined> {
    const { current, candidate } = places.pointer();
    for (const id of await places.list()) {
      if (id === current || id === candidate || elected.claimCode === undefined) continue;
      const other = await places.elected(id).catch(() => undefined);
      const same = other?.claimCode === elected.claimCode && other.territory?.id === elected.territory?.id;
      if (same && !(await opened(id))?.enrolment.current()) return id;
    }
    return undefined;
  }

  async function choose(kind: 'enrol' | 'transfer', elected: Elected): Promise<string> {
    const busy = changes().underWay(group);
    if (busy) throw new Refusal('change-under-way', `${busy.kind} ${busy.id}`);
    const again = await abandoned(elected);
    if (again !== undefined) await places.keep(again, elected);
    const id = again ?? (await places.make(elected));
    members.delete(id);
    const made = await opened(id);
    if (!made) throw new Error(`cannot read membership ${id} back`);
    return begin(kind, id, made);
  }

  /** Into the ledger, by the owner's own key. */
  async function decide(type: string, { territory, ownJurisdiction, foreignAccepted }: Elected, signer: OwnerSigner) {
    const { id = '', name = '', jurisdiction = '', law = '', provider = '' } = territory ?? {};
    const own = ownJurisdiction ?? '';
    const facts = { territory: id, name, jurisdiction, law, provider, ownJurisdiction: own, foreign: foreignAccepted };
    await ledger.append({ by: 'owner', type, facts }, signer);
  }

  /** It is no earlier than when the directory was signed: a box without the time may know its release's alone. */
  const atLeast = (): number => Math.max(clock.now(), directory.signedAt());

  const electedNow = (election: Election): Elected =>
    electedBy('owner', election, directory.find(election.territory), atLeast());

  async function confirm(id: string, elected: Elected, signer: OwnerSigner): Promise<void> {
    await decide('election', elected, signer);
    const { claimCode: _spent, ...rest } = elected;
    await amend(id, rest);
    changed();
  }

  async function transfer(elected: Elected, signer: OwnerSigner): Promise<string> {
    if (places.pointer().current === null) throw new Refusal('not-a-member');
    if (current()?.elected.territory?.id === elected.territory?.id) throw new Refusal('already-member');
    const busy = changes().underWay(group);
    if (busy) throw new Refusal('change-under-way', `${busy.kind} ${busy.id}`);
    await decide('transfer', elected, signer);
    return choose('transfer', elected);
  }

  /** An enrolment that no owner chose gives way to the owner. */
  async function giveWay(): Promise<void> {
    const busy = changes().underWay(group);
    const by = busy && changes().data(busy.id)?.electedBy;
    if (busy?.kind !== 'enrol' || by === 'owner') return;
    await changes().abort(busy.id);
    await changes().ended(busy.id);
  }

  /** Folders that neither the pointer nor a change names: left by a cut, or kept for a code that may serve again. */
  async function clear(): Promise<void> {
    const kept: { id: string; at: number }[] = [];
    for (const id of await places.list()) {
      const { current, candidate } = places.pointer();
      const live = changes()
        .list()
        .filter(({ endedAt }) => endedAt === null)
        .map((change) => changes().data(change.id));
      if (id === current || id === candidate || live.some((data) => data?.membership === id || data?.from === id))
        continue;
      const elected = await places.elected(id).catch(() => undefined);
      if (id === 'identity' && !elected) continue; // the first release's, before it was enrolled
      if (elected?.claimCode !== undefined) kept.push({ id, at: elected.at });
      else await places.destroy(id);
    }
    for (const { id } of kept.sort((a, b) => b.at - a.at).slice(keptAbandoned)) await places.destroy(id);
  }

  async function beginByItself(): Promise<void> {
    const busy = changes().underWay(group);
    if (busy?.state === 'undoing') {
      // A stop came while a refusal was taken back: what comes next had no turn yet.
      void changes()
        .ended(busy.id)
        .then(beginByItself)
        .catch(
          (error: unknown) => signal.aborted || wish.onRefused(new Refusal('internal', undefined, { cause: error })),
        );
      return;
    }
    const { current, candidate } = places.pointer();
    if (current !== null || candidate !== null || busy) return;
    const voucher = factory.voucher();
    const elected = configured(undefined);
    if (elected) {
      await places.keep('identity', (await places.elected('identity')) ?? elected);
      const made = await opened('identity');
      if (made) await begin('enrol', 'identity', made);
    } else if (boot.territory !== undefined || voucher) {
      // Who prepared the card comes before who sold the box.
      const by = boot.territory === undefined ? 'voucher' : 'configuration';
      const territory = boot.territory ?? voucher?.territory ?? '';
      const { claimCode } = boot;
      const wanted = { territory, ownJurisdiction: null, ...(claimCode === undefined ? {} : { claimCode }) };
      try {
        await choose('enrol', electedBy(by, wanted, directory.find(territory), atLeast()));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        wish.onRefused(error); // the owner elects
      }
    }
  }

  return {
    kinds,
    view: () => viewOf({ pointer: places.pointer(), at, changes: changes(), directory }),
    async elect(election, signer) {
      const elected = electedNow(election);
      const now = current();
      const { current: id } = places.pointer();
      if (now && id !== null) {
        if (now.elected.electedBy !== 'voucher') throw new Refusal('already-member');
        if (now.elected.territory?.id !== elected.territory?.id) return transfer(elected, signer);
        await confirm(id, elected, signer);
        return null;
      }
      const busy = changes().underWay(group);
      const waiting = places.pointer().candidate;
      const isVouched = at(waiting)?.elected.electedBy === 'voucher';
      if (busy && waiting !== null && isVouched && at(waiting)?.elected.territory?.id === elected.territory?.id) {
        await confirm(waiting, elected, signer);
        return busy.id;
      }
      await giveWay();
      const other = changes().underWay(group);
      if (other) throw new Refusal('change-under-way', `${other.kind} ${other.id}`);
      await decide('election', elected, signer);
      return choose('enrol', elected);
    },
    transfer: async (election, signer) => transfer(electedNow(election), signer),
    async abandon(signer) {
      const busy: Change | undefined = changes().underWay(group);
      if (!busy) throw new Refusal('not-waiting');
      await changes().abort(busy.id);
      const { territory } = changes().data(busy.id) ?? {};
      const id = typeof territory === 'string' ? territory : '';
      const facts = { territory: id, name: directory.find(id)?.name ?? id, kind: busy.kind };
      await ledger.append({ by: 'owner', type: 'abandoned', facts }, signer);
      await changes().ended(busy.id);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async start() {
      const { current, candidate } = places.pointer();
      for (const id of [current, candidate])
        if (id !== null && !(await opened(id))) throw new Refusal('internal', `membership ${id} has no election`);
      const first = at('identity');
      if (first && !(await places.elected('identity'))) await places.keep('identity', first.elected);
      await changes().start();
      changes().on(() => changed());
      await clear();
      await beginByItself();
    },
    async enrolled() {
      while (!current() && !signal.aborted) await clock.sleep(day, AbortSignal.any([signal, wake.signal]));
    },
    enrolment: () => current()?.enrolment,
    origin() {
      const now = current();
      return now && new URL(now.elected.est);
    },
    async access(fresh) {
      const { epoch } = places.pointer();
      const now = current();
      if (!now) throw new Refusal('unavailable', 'not enrolled yet');
      // Before anything is sent: the new provider knows nothing of what the old one has, and must count no gap for it.
      if (epoch !== null) await wish.outbox.renumber(epoch);
      const profile = await now.enrolment.profile(fresh);
      const held = now.enrolment.current();
      if (!held) throw new Refusal('unavailable', 'not enrolled yet');
      return { profile, credentials: { identity: held, trust: await now.enrolment.trust() } };
    },
    awaitsOwner: () => current()?.elected.electedBy === 'voucher',
    async renewNow() {
      const id = changes().underWay('renewal')?.id ?? (await beginRenewal());
      const { state, problem } = await changes().ended(id);
      if (state !== 'done')
        throw new Refusal(isProblemCode(problem?.code) ? problem.code : 'internal', problem?.detail);
      changed(); // when the next is due is to be looked at again
      return current()?.enrolment.current()?.leaf.serialNumber ?? '';
    },
    async keepRenewing() {
      while (!signal.aborted) {
        const due = current()?.enrolment.renewAt() ?? Number.POSITIVE_INFINITY;
        const left = due - clock.now();
        // Waits for a moment, not for a while: the time may become known meanwhile, and jump.
        if (left > 0) await clock.until(clock.now() + Math.min(left, day), AbortSignal.any([signal, wake.signal]));
        else {
          const id = changes().underWay('renewal')?.id ?? (await beginRenewal());
          await changes().ended(id);
          const again = (current()?.enrolment.renewAt() ?? 0) <= clock.now();
          if (again) await clock.sleep(1000, signal);
        }
      }
    },
  };

  function beginRenewal(): Promise<string> {
    const steps = [{ kind: 'renew-ask' }, { kind: 'renew-prove' }];
    return changes().begin({
      kind: 'renew',
      group: 'renewal',
      steps,
      data: { membership: places.pointer().current ?? '' },
    });
  }
}
