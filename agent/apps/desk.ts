/** What the owner does with apps: look, say yes, stop, remove. Each decision is signed into the ledger before it is acted on. */
import { openArchive } from '#common/archive/archive.js';
import { successionOf } from '#common/archive/release.js';
import type { Capability } from '#contract/capabilities.js';
import type { CataloguePage } from '#contract/catalogue.js';
import { termsHash } from '#contract/consent-receipt.js';
import type { AppDecision, AppOffer, InstalledApp, SuccessionAnswer } from '#contract/installed.js';
import { Refusal } from '#contract/problems.js';
import type { Changes } from '../changes/changes.js';
import type { Decision, OwnerSigner } from '../consent/ledger.js';
import type { Members } from '../members/members.js';
import type { Blobs } from './blobs.js';
import { dropNext } from './drop-next.js';
import type { ImageCheck } from './image-check.js';
import {
  awaitedBy,
  type Installed,
  type InstalledRecord,
  type LateDecision,
  lacksTerms,
  releaseOf,
} from './installed.js';
import type { Keeper } from './keeper.js';
import type { Looking } from './looking.js';
import type { Mandates } from './mandate.js';
import { type Offers, toldOf, type Verified } from './offers.js';
import type { Outcomes } from './outcomes.js';
import { groupOf, isUnheard, isWaiting, plan } from './plan.js';
import type { Running } from './running.js';
import { showApp } from './show.js';
import type { Successions } from './successions.js';
import type { Table } from './table.js';
import type { Catalogue, Grants, Holds, LedgerRoom, Runner, Storage, Terms } from './uses.js';

export interface AppsDesk {
  list(): InstalledApp[];
  show(id: string): InstalledApp | undefined;
  /** Told of the app of which something is new. Answers the way to end it. */
  onChange(listener: (id: string) => void): () => void;
  /** @throws Refusal `est-unreachable`, `not-a-member`, and what the catalogue answers */
  browse(wish: { query?: string; cursor?: string }): Promise<CataloguePage>;
  /** Verified. @throws Refusal `release-…`, `credential-…`, and as `browse` */
  offer(release: string): Promise<AppOffer>;
  /** The same for the box itself: it does not lie before the owner. */
  look(release: string): Promise<AppOffer>;
  /** What the owner was shown, verified again. @throws Refusal as `offer`, and why it cannot be installed */
  asked(release: string): Promise<AppOffer>;
  /** A `.wza` archive. @throws Refusal `archive-…`, `release-…`, `credential-…`, `disk-full` */
  offerFile(source: AsyncIterable<Uint8Array>): Promise<AppOffer>;
  /**
   * Answers the id of the change that installs it, or that updates what runs.
   * @throws Refusal `change-under-way`, `grants-incomplete`, `grant-not-asked`, `terms-not-agreed`, and why it cannot be installed
   */
  decide(decision: AppDecision, signer: OwnerSigner): Promise<string>;
  /** To the newest release, if it asks for nothing more; else that one waits for the owner. Null when nothing is begun. */
  update(id: string): Promise<string | null>;
  /**
   * What its maker offers as the owner's manager. Null where it waits for the owner.
   * @throws Refusal as `decide`
   */
  manage(release: string): Promise<string | null>;
  /** Whether it passes to another maker. @throws Refusal `app-unknown`, and as `browse` */
  learn(id: string): Promise<void>;
  /**
   * Yes: the app is its new maker's from here on, in one commit with the signed decision, and their newest release is
   * looked for; it goes the way of every update, and the change's id is answered if one is begun. No: it stays as it is.
   * @throws Refusal `app-unknown`, `change-under-way`, `succession-…`, `credential-…`, `member-…`, `status-…`
   */
  succeed(id: string, answer: SuccessionAnswer, signer: OwnerSigner): Promise<string | null>;
  /** The update that waits for the app's leases goes ahead. @throws Refusal `app-unknown`, `update-not-held` */
  updateNow(id: string, signer: OwnerSigner): Promise<void>;
  /** With its data; an update that only waits for the app is taken back. @throws Refusal `app-unknown`, `change-under-way` */
  remove(id: string, signer: OwnerSigner): Promise<string>;
  /** As `remove`, an update that waits is taken back. @throws Refusal `app-unknown`, `change-under-way` */
  stop(id: string, signer: OwnerSigner): Promise<void>;
  /** @throws Refusal `app-unknown`, `change-under-way`, `member-expelled`, `terms-ended` */
  start(id: string, signer: OwnerSigner): Promise<void>;
}

export interface DeskParts {
  installed: Installed;
  blobs: Blobs;
  offers: Offers;
  images: ImageCheck;
  successions: Successions;
  looking: Looking;
  table: Table;
  members: Members;
  catalogue: Catalogue;
  runner: Runner;
  running: Running;
  keeper: Keeper;
  grants: Grants;
  holds: Holds;
  storage: Storage;
  terms: Terms;
  ledger: LedgerRoom;
  mandates: Mandates;
  outcomes: Outcomes;
  changes(): Changes;
  clock: { now(): number };
  freeBytes(): number;
  reserveBytes: number;
}

function refusedAlone(error: unknown): void {
  if (!(error instanceof Refusal)) throw error;
}

export function createDesk(parts: DeskParts): AppsDesk {
  const { installed, blobs, offers, successions, table, catalogue, runner, running, keeper, grants, holds } = parts;
  const { ledger, outcomes, clock } = parts;
  const { fetched, heedHeir, newest } = parts.looking;
  /** Apps for which something is being begun. */
  const beginning = new Set<string>();

  const underWay = (id: string) => parts.changes().underWay(groupOf(id));

  /** @throws Refusal `change-under-way` */
  async function alone<T>(id: string, work: () => Promise<T>): Promise<T> {
    const change = underWay(id);
    if (change || beginning.has(id)) throw new Refusal('change-under-way', change ? `${change.kind} ${change.id}` : id);
    beginning.add(id);
    try {
      return await work();
    } finally {
      beginning.delete(id);
    }
  }

  /** An owner's own stop or removal is never held: an update that waits for the app is taken back before it. */
  async function takeBackWaiting(id: string): Promise<void> {
    const change = underWay(id);
    if (!change || !isWaiting(change)) return;
    try {
      await parts.changes().abort(change.id);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error; // it has just gone on, or ended
      return;
    }
    await parts.changes().ended(change.id);
  }

  function known(id: string): InstalledRecord {
    const record = installed.get(id);
    if (!record?.current) throw new Refusal('app-unknown', id);
    return record;
  }

  async function found(release: string): Promise<Verified> {
    const here =
      table.get(release) ??
      installed
        .list()
        .flatMap((record) => [...(record.current ? [record.current] : []), ...awaitedBy(record)])
        .find((held) => held.release === release);
    if (here?.source !== 'catalogue') return here ? offers.verify(here) : fetched(release);
    // Between the look and the yes it may have been withdrawn; without a network what was seen counts.
    return fetched(release).catch((error: unknown) => {
      if (isUnheard(error)) return offers.verify(here);
      throw error;
    });
  }

  async function shown(verified: Verified): Promise<AppOffer> {
    return offers.show(verified, await offers.problem(verified));
  }

  /** The record names the release before anything of it is made here. */
  async function begin(
    { held, release, jwk }: Verified,
    consent?: {
      given: Capability[];
      decision: Decision | LateDecision;
      signer?: OwnerSigner;
      manager?: string;
      grant(): Promise<void>;
    },
  ): Promise<string> {
    const { id } = release.manifest;
    const before = installed.get(id);
    const record: InstalledRecord = before ?? {
      id,
      jwk,
      current: null,
      next: null,
      waiting: null,
      installedAt: clock.now(),
      updatedAt: null,
      stopped: null,
      wasStopped: false,
      failed: null,
    };
    const next = { held, jwk, given: consent?.given ?? [] };
    await installed.save({ ...record, next }, consent?.decision, consent?.signer);
    try {
      await consent?.grant();
      return await parts.changes().begin(
        plan({
          kind: record.current ? 'update' : 'install',
          app: id,
          release: held.release,
          manager: consent?.manager,
        }),
      );
    } catch (error) {
      const cut = installed.get(id);
      if (cut) await dropNext(parts, { record: cut });
      throw error;
    }
  }

  /** What is granted in all, before and now, covers what the app cannot do without. */
  function checkGrants({ manifest }: Verified['release'], decision: AppDecision): void {
    const asked = new Set(manifest.capabilities.map(({ capability }) => capability));
    const granted = new Set(decision.grants.map(({ capability }) => capability));
    for (const capability of granted) if (!asked.has(capability)) throw new Refusal('grant-not-asked', capability);
    const lacking = manifest.capabilities.filter(
      ({ capability, optional }) => !optional && !granted.has(capability) && !grants.allows(manifest.id, capability),
    );
    if (lacking.length > 0)
      throw new Refusal('grants-incomplete', lacking.map(({ capability }) => capability).join(', '));
  }

  const factsOf = ({ release, held, judged }: Verified) => ({
    app: release.manifest.id,
    release: held.release,
    version: release.manifest.version,
    member: judged.member.id,
    territory: judged.member.territory,
    terms: termsHash(release.manifest.terms),
  });

  async function agree(verified: Verified, decision: AppDecision, signer: OwnerSigner): Promise<string> {
    const { release, held } = verified;
    const { id } = release.manifest;
    const given = decision.grants.map(({ capability }) => capability).filter((one) => !grants.allows(id, one));
    const facts = { ...factsOf(verified), grants: decision.grants.length };
    return begin(verified, {
      given,
      decision: { by: 'owner', type: 'app.agreed', facts },
      signer,
      async grant() {
        const give = decision.grants.map(({ capability, until }) => ({
          capability,
          ...(until === undefined ? {} : { until }),
        }));
        if (give.length > 0) await grants.set(id, { give, take: [], release: held.release }, signer);
      },
    });
  }

  /** With exactly what the mandate grants; null where there is none for it. */
  async function byManager(verified: Verified): Promise<string | null> {
    const { release, held } = verified;
    const { id } = release.manifest;
    // Nobody agrees to a price but the owner.
    if (!parts.terms.covers(release)) return null;
    const mandate = await parts.mandates.of(verified);
    if (!mandate) return null;
    const { link: manager, grants: given } = mandate;
    const change = await begin(verified, {
      given: [...given],
      manager,
      decision: () => mandate.decision(factsOf(verified)),
      async grant() {
        const give = given.map((capability) => ({ capability }));
        if (give.length > 0) await grants.set(id, { give, take: [], release: held.release });
      },
    });
    // Ended between the act's entry and its beginning, when there was nothing yet to turn back.
    if (!mandate.holds()) await parts.changes().abort(change).catch(refusedAlone);
    return change;
  }

  async function dropWithdrawn(id: string): Promise<void> {
    const record = installed.get(id);
    const why = record?.waiting && installed.barred(record.waiting.release)?.why;
    if (record && why && why !== 'failed') await installed.save({ ...record, waiting: null });
  }

  async function noteForeign(id: string, found: Verified | undefined, problem: Refusal | null): Promise<void> {
    const record = known(id);
    const release = found?.held.release;
    if (record.foreign?.release === release) return;
    const foreign =
      found && problem
        ? {
            ...{ release: found.held.release, version: found.release.manifest.version },
            ...{ maker: found.judged.member.name, problem: toldOf(problem) },
          }
        : null;
    await installed.save({ ...record, foreign });
  }

  /** To the newest release, if it goes ahead by itself; else that one waits for the owner. */
  async function seek(id: string): Promise<string | null> {
    const verified = await newest(known(id));
    await dropWithdrawn(id);
    const problem = verified ? await offers.problem(verified) : null;
    await noteForeign(id, problem?.code === 'app-bound-elsewhere' ? verified : undefined, problem);
    if (!verified) return null;
    const now = known(id);
    // What an expelled maker has published since stopped with the app.
    if (problem && now.stopped === 'expelled') return null;
    const update = { held: verified.held, from: now.current, kind: 'update' } as const;
    if (problem) {
      await outcomes.tell({ ...update, outcome: 'refused', code: problem.code });
      throw problem;
    }
    // What its owner had stopped does not start again by itself.
    if (offers.goesAhead(verified.release) && !now.wasStopped) return begin(verified);
    const change = now.stopped === null && !now.wasStopped ? await byManager(verified) : null;
    if (change !== null) return change;
    if (now.waiting?.release !== verified.held.release) await installed.save({ ...now, waiting: verified.held });
    await outcomes.tell({ ...update, outcome: 'waiting-for-owner' });
    return null;
  }

  const show = (record: InstalledRecord): InstalledApp => showApp(record, { ...parts, underWay });

  return {
    list: () => installed.list().map(show),
    show(id) {
      const record = installed.get(id);
      return record && show(record);
    },
    onChange(listener) {
      const ends = [
        installed.onChange(listener),
        runner.onChange((id) => installed.get(id) && listener(id)),
        grants.onChange(({ app }) => installed.get(app) && listener(app)),
        outcomes.onChange((id) => installed.get(id) && listener(id)),
        parts.terms.onChange((app) => installed.get(app) && listener(app)),
        holds.onChange((app) => {
          for (const { id } of installed.list()) if (app === null || app === id) listener(id);
        }),
        parts.members.onChange(() => {
          for (const { id } of installed.list()) listener(id);
        }),
        parts.changes().on(({ id }) => {
          const app = parts.changes().data(id)?.app;
          if (typeof app === 'string') listener(app);
        }),
      ];
      return () => {
        for (const end of ends) end();
      };
    },
    browse: (wish) => catalogue.page(wish),
    async offer(release) {
      const verified = await fetched(release);
      table.put(verified.held, []);
      return shown(verified);
    },
    async asked(release) {
      const verified = await found(release);
      // What runs already is there to be agreed to anew.
      const isHere = installed.get(verified.release.manifest.id)?.current?.release === release;
      const problem = isHere ? null : await offers.problem(verified);
      if (problem) throw problem;
      return offers.show(verified, null);
    },
    look: async (release) => shown(await fetched(release)),
    async offerFile(source) {
      const stage = await blobs.stage();
      try {
        let verified: Verified | undefined;
        const opened = await openArchive(source, {
          directory: stage.directory,
          freeBytes: parts.freeBytes,
          reserveBytes: parts.reserveBytes,
          // Before a blob of it is kept.
          async admit({ release: jws, credential, status }) {
            verified = await offers.verify({ jws, credential, status, source: 'file' });
          },
        });
        if (!verified) throw new Refusal('archive-head');
        const { release, held } = verified;
        const statements = successionOf(held.jws);
        await heedHeir(verified, statements && { statements, credential: held.credential });
        const fileOf = (digest: string): string | undefined => opened.blobs.get(digest) ?? blobs.fileOf(digest);
        // With all of it here, a bad image is refused before the owner reads about it.
        if (release.blobs.every(({ digest }) => fileOf(digest) !== undefined))
          await parts.images.check(release, { fileOf, architecture: release.architecture });
        table.put(
          held,
          release.blobs.map(({ digest }) => digest),
        );
        for (const { digest } of release.blobs) {
          const file = opened.blobs.get(digest);
          if (file !== undefined) await blobs.adopt(digest, file);
        }
        return await shown(verified);
      } finally {
        await stage.clear();
      }
    },
    async decide(decision, signer) {
      const verified = await found(decision.release);
      return alone(verified.release.manifest.id, async () => {
        const problem = await offers.problem(verified);
        if (problem) throw problem;
        checkGrants(verified.release, decision);
        if (!parts.terms.covers(verified.release)) throw new Refusal('terms-not-agreed', verified.release.manifest.id);
        return agree(verified, decision, signer);
      });
    },
    update: (id) =>
      alone(id, async () => {
        const { stopped } = known(id);
        if (stopped === 'owner' || stopped === 'failing') return null;
        return seek(id);
      }),
    async manage(release) {
      const verified = await fetched(release);
      const { id } = verified.release.manifest;
      return alone(id, async () => {
        // What failed here, or its owner has stopped, waits for the owner.
        if (installed.barred(release) || (installed.get(id)?.stopped ?? null) !== null) return null;
        const problem = await offers.problem(verified);
        if (problem) throw problem;
        return byManager(verified);
      });
    },
    async learn(id) {
      await newest(known(id));
    },
    succeed: (id, { serial, accept }, signer) =>
      alone(id, async () => {
        const record = known(id);
        await (accept ? successions.accept : successions.decline)(record, serial, signer);
        if (!accept) return null;
        // It is theirs now, whether or not they can be reached.
        return seek(id).catch((error: unknown) => {
          if (error instanceof Refusal) return null;
          throw error;
        });
      }),
    async updateNow(id, signer) {
      await holds.now(known(id).id, signer);
    },
    async remove(id, signer) {
      await takeBackWaiting(id);
      return alone(id, async () => {
        const { current } = known(id);
        const facts = { app: id, ...(current ? { release: current.release } : {}) };
        await ledger.append({ by: 'owner', type: 'app.remove', facts }, signer);
        return parts.changes().begin(plan({ kind: 'remove', app: id }));
      });
    },
    async stop(id, signer) {
      await takeBackWaiting(id);
      return alone(id, async () => {
        const record = known(id);
        const stopped =
          record.stopped === 'expelled' ? ({ wasStopped: true } as const) : ({ stopped: 'owner' } as const);
        await installed.save({ ...record, ...stopped }, { by: 'owner', type: 'app.stop', facts: { app: id } }, signer);
        await running.stop(id);
      });
    },
    start: (id, signer) =>
      alone(id, async () => {
        const record = known(id);
        const { current } = record;
        if (record.stopped === 'expelled')
          throw new Refusal('member-expelled', current ? releaseOf(current).member : id);
        if (lacksTerms(record, parts.terms)) throw new Refusal('terms-ended', id);
        const decision: Decision = { by: 'owner', type: 'app.start', facts: { app: id } };
        await installed.save({ ...record, stopped: null }, decision, signer);
        keeper.bringUp(id);
      }),
  };
}
