/**
 * Keeps what stands on the box in step with its records: what should run runs, what nothing names goes, and whose maker
 * was expelled is stopped, with its data kept.
 */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import type { Changes } from '../changes/changes.js';
import type { Members } from '../members/members.js';
import type { Blobs } from './blobs.js';
import { dropNext } from './drop-next.js';
import {
  awaitedBy,
  type Held,
  heldBy,
  type Installed,
  type InstalledRecord,
  lacksTerms,
  mayRun,
  releaseOf,
} from './installed.js';
import { groupOf, isUntouched } from './plan.js';
import type { Provide } from './provide.js';
import type { Running } from './running.js';
import type { Grants, Runner, Storage, Terms } from './uses.js';

export interface Keeper {
  /** Removes blobs and images that no record and no offer names any more. */
  tidy(): Promise<void>;
  /** Starts it if it should run, and goes on trying; resolves at once. */
  bringUp(id: string): void;
  /** What the newest status lists demand. */
  enforce(): Promise<void>;
  /** After the change runner: what a cut left behind is settled, and what should run is brought up. */
  start(): Promise<void>;
  /** Resolves when nothing is being brought up, enforced or tidied. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

const firstPause = 1000;
const longestPause = 60_000;
/** Of what must come over the network. */
const longestGetPause = 15 * 60_000;

export interface KeeperParts {
  installed: Installed;
  blobs: Blobs;
  /** Of offers that the owner may still say yes to, and of what is shared by apps yet to come. */
  isPinned(digest: string): boolean;
  members: Members;
  terms: Terms;
  runner: Runner;
  running: Running;
  /** Gets what the engine lacks. */
  provide: Provide;
  grants: Grants;
  storage: Storage;
  changes(): Changes;
  clock: Clock;
  onRefused(refusal: Refusal): void;
}

export function createKeeper(parts: KeeperParts): Keeper {
  const { installed, blobs, members, runner, running, clock } = parts;
  const stopping = new AbortController();
  const pending = new Set<Promise<void>>();
  let enforcing: Promise<unknown> = Promise.resolve();
  let tidying: Promise<unknown> = Promise.resolve();
  let isTidyingAgain = false;
  let endWatching: (() => void)[] = [];

  const refused = (error: unknown): void =>
    parts.onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error }));

  /** Told of what goes wrong, and waited for at the end. */
  function track(work: Promise<void>): void {
    const mine = work.catch(refused).finally(() => pending.delete(mine));
    pending.add(mine);
  }

  /** With growing pauses, until it is done. */
  async function insist(work: () => Promise<void>, longest = longestPause): Promise<void> {
    let pause = firstPause;
    while (!stopping.signal.aborted) {
      try {
        return await work();
      } catch (error) {
        refused(error);
        await clock.sleep(pause, stopping.signal);
        pause = Math.min(pause * 2, longest);
      }
    }
  }

  async function idle(): Promise<void> {
    while (pending.size > 0) await Promise.all(pending);
  }

  function isNeeded(digest: string): boolean {
    const held = installed.list().flatMap((record) => [...heldBy(record), ...awaitedBy(record)]);
    return parts.isPinned(digest) || held.some((one) => releaseOf(one).blobs.some((blob) => blob.digest === digest));
  }

  const isNamed = (image: string): boolean =>
    installed.list().some((record) => heldBy(record).some((held) => releaseOf(held).image.digest === image));

  async function tidy(): Promise<void> {
    await blobs.collect(isNeeded);
    let why: unknown;
    for (const image of await runner.images())
      if (!isNamed(image))
        await runner.unload(image).catch((error: unknown) => {
          why = error;
        });
    if (why) throw why;
  }

  function tidyInTurn(): Promise<void> {
    const mine = tidying.then(tidy);
    tidying = mine.catch(() => {});
    return mine;
  }

  /**
   * Nobody waits for what cannot go yet: an image is in use until the container that takes its place is there, and an
   * engine may be away.
   */
  async function tidyUp(): Promise<void> {
    await tidyInTurn().catch((error: unknown) => {
      refused(error);
      if (isTidyingAgain) return;
      isTidyingAgain = true;
      const again = clock.sleep(firstPause, stopping.signal).then(() => insist(tidyInTurn));
      track(
        again.finally(() => {
          isTidyingAgain = false;
        }),
      );
    });
  }

  const underWay = (id: string) => parts.changes().underWay(groupOf(id));

  function wanted(id: string): Held | undefined {
    const record = installed.get(id);
    if (!record?.current || !mayRun(record, parts)) return undefined;
    const change = underWay(id);
    return change && !isUntouched(change) ? undefined : record.current;
  }

  function bringUp(id: string): void {
    const run = (): Promise<void> => running.runIf(id, () => wanted(id));
    /** Restored on a box that never had it, or an engine that lost it. */
    async function getAndRun(): Promise<void> {
      const held = wanted(id);
      if (held && !(await parts.provide.isHere(held))) await parts.provide.get(held, stopping.signal);
      await run();
    }
    track(
      (async () => {
        const held = wanted(id);
        const isHere = held === undefined || (await parts.provide.isHere(held).catch(() => undefined));
        if (isHere) return insist(run);
        // An engine that cannot be asked may have lost it all the same. Who looks at the app hears that it is away.
        if (isHere === undefined) await run().catch(refused);
        await insist(getAndRun, longestGetPause);
      })(),
    );
  }

  const isExpelled = (held: Held): boolean => members.see(held.credential)?.may === 'nothing';

  /** What was being installed of a maker who is expelled meanwhile is taken back, if there is still a way back. */
  async function turnBack({ id, next }: InstalledRecord): Promise<void> {
    const change = next && isExpelled(next.held) ? underWay(id) : undefined;
    if (change?.state === 'doing')
      await parts
        .changes()
        .abort(change.id)
        .catch((error: unknown) => {
          if (!(error instanceof Refusal)) throw error;
        });
  }

  async function enforceOne(record: InstalledRecord): Promise<void> {
    await turnBack(record);
    const { id, current, stopped } = record;
    if (!current) return;
    if (lacksTerms(record, parts.terms)) await running.stop(id);
    const { version } = releaseOf(current).manifest;
    const member = releaseOf(current).member;
    const facts = { app: id, version, member };
    if (isExpelled(current) && stopped !== 'expelled') {
      const now: InstalledRecord = { ...record, stopped: 'expelled', wasStopped: stopped === 'owner' };
      await installed.save(now, { by: 'box', type: 'app.expelled', facts });
      await running.stop(id);
    } else if (!isExpelled(current) && stopped === 'expelled') {
      const now: InstalledRecord = { ...record, stopped: record.wasStopped ? 'owner' : null, wasStopped: false };
      await installed.save(now, { by: 'box', type: 'app.reinstated', facts });
      bringUp(id);
    }
  }

  /** What nobody has agreed to any more stops, and what is agreed to again goes on. */
  async function keepTerms(id: string): Promise<void> {
    const record = installed.get(id);
    if (record && lacksTerms(record, parts.terms)) await running.stop(id);
    else bringUp(id);
  }

  async function enforce(): Promise<void> {
    for (const { id } of installed.list()) {
      const record = installed.get(id);
      if (record) await enforceOne(record);
    }
  }

  function enforceInTurn(): Promise<void> {
    const mine = enforcing.then(enforce);
    enforcing = mine.catch(() => {});
    return mine;
  }

  /** What was written down and cut before its change began. */
  async function settle(): Promise<void> {
    for (const record of installed.list()) if (record.next && !underWay(record.id)) await dropNext(parts, { record });
  }

  async function sweep(): Promise<void> {
    const isNobodys = (id: string): boolean => !installed.get(id);
    for (const { id } of await runner.leftovers()) await running.haltIf(id, () => isNobodys(id));
    await tidyUp();
  }

  return {
    tidy: tidyUp,
    idle,
    bringUp,
    enforce: enforceInTurn,
    async start() {
      endWatching = [
        parts.terms.onChange((app) => track(keepTerms(app))),
        members.onChange(() => track(enforceInTurn())),
        parts.changes().on((change) => {
          const app = change.endedAt === null ? undefined : parts.changes().data(change.id)?.app;
          if (typeof app !== 'string') return;
          // A member may have been expelled while its release was on the way.
          track(enforceInTurn().then(() => bringUp(app)));
        }),
      ];
      await settle();
      await enforceInTurn();
      for (const { id } of installed.list()) bringUp(id);
      await sweep().catch((error: unknown) => {
        refused(error); // without the engine nothing runs, and nothing can be swept
        track(insist(sweep));
      });
    },
    async stop() {
      stopping.abort();
      for (const end of endWatching) end();
      await idle();
      await Promise.allSettled([enforcing, tidying]);
    },
  };
}
