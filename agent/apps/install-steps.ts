/**
 * What installing and updating an app are made of. Each step bears being done again after a cut, and being undone when
 * it was done in part. The release that runs stays, with its image and its blobs, until the one that takes its place has
 * passed its health check.
 */

import type { Clock } from '#common/clock.js';
import { compareVersions } from '#contract/manifest.js';
import { isProblemCode, Refusal } from '#contract/problems.js';
import type { Release } from '#contract/release.js';
import type { Changes } from '../changes/changes.js';
import type { StepContext, StepKind } from '../changes/run.js';
import type { Members } from '../members/members.js';
import type { Blobs } from './blobs.js';
import type { Bring } from './bring.js';
import { dropNext } from './drop-next.js';
import type { ImageCheck } from './image-check.js';
import { type Held, type Installed, type InstalledRecord, mayRun, releaseOf } from './installed.js';
import { loadImage } from './load.js';
import type { Architecture, Offers } from './offers.js';
import { gateMilliseconds, isFinal, isUnheard } from './plan.js';
import type { Running } from './running.js';
import type { Catalogue, Grants, Holds, Runner, Storage, Terms } from './uses.js';

export interface InstallParts {
  installed: Installed;
  blobs: Blobs;
  bring: Bring;
  offers: Offers;
  images: ImageCheck;
  members: Members;
  terms: Terms;
  architecture: Architecture;
  catalogue: Catalogue;
  runner: Runner;
  running: Running;
  grants: Grants;
  holds: Holds;
  storage: Storage;
  changes(): Changes;
  clock: Clock;
  /** Removes the blobs and images that no record names any more. */
  tidy(): Promise<void>;
}

interface Found {
  record: InstalledRecord;
  next: NonNullable<InstalledRecord['next']>;
  release: Release;
}

/** Whoever the app passed to has a release of theirs in place: that is over. */
function settled({ succession }: InstalledRecord): Pick<InstalledRecord, 'succession'> {
  const isOver = succession?.offer?.answer === 'yes';
  return succession ? { succession: isOver ? { ...succession, offer: null } : succession } : {};
}

export function createInstallSteps(parts: InstallParts): Record<string, StepKind> {
  const { installed, blobs, members, runner, running, grants, holds, clock } = parts;
  const appOf = ({ data }: StepContext): string => String(data.app);

  /** Undefined when the record has gone on already, or is gone. */
  function found(context: StepContext): Found | undefined {
    const record = installed.get(appOf(context));
    const next = record?.next;
    if (!next || next.held.release !== context.data.release) return undefined;
    return { record, next, release: releaseOf(next.held) };
  }

  function known(context: StepContext): Found {
    const here = found(context);
    if (!here) throw new Refusal('internal', `no release of ${appOf(context)} is to be installed`);
    return here;
  }

  /** Why it is undone, while the change still says so: an undo that must be tried again has a problem of its own. */
  async function noteWhy(context: StepContext): Promise<void> {
    if (context.data.why !== undefined) return;
    const problem = parts.changes().show(context.id)?.problem;
    const credential = found(context)?.next.held.credential;
    const isExpelled = credential !== undefined && members.see(credential)?.may === 'nothing';
    context.data.why = problem?.code ?? (isExpelled ? 'member-expelled' : '');
    context.data.whyDetail = problem?.detail ?? '';
    await context.remember();
  }

  function whyOf({ data }: StepContext): Refusal | undefined {
    return isProblemCode(data.why) ? new Refusal(data.why, String(data.whyDetail) || undefined) : undefined;
  }

  /** While it waited it may have been withdrawn, or its maker have lost its standing. */
  async function lookAgain(held: Held): Promise<void> {
    if (held.source === 'catalogue') {
      const entry = await parts.catalogue.release(held.release).catch((error: unknown) => {
        if (!isUnheard(error)) throw error;
        return undefined;
      });
      if (entry?.id === held.release) await parts.offers.heed(entry);
    }
    const problem = await parts.offers.problem(await parts.offers.verify(held));
    if (problem) throw problem;
  }

  return {
    'app-next': {
      async do(context) {
        known(context);
      },
      async undo(context) {
        await noteWhy(context);
        const here = found(context);
        if (here) await dropNext(parts, { record: here.record, why: whyOf(context) });
        await parts.tidy();
      },
      isFinal,
    },
    'app-fetch': {
      async do(context) {
        const { release } = known(context);
        context.note('fetching');
        await parts.bring.all(release.blobs, context.signal);
      },
      undo: noteWhy,
      isFinal,
    },
    'app-verify': {
      async do(context) {
        const { next, release } = known(context);
        context.note('verifying');
        const verified = await parts.offers.verify(next.held);
        const problem = await parts.offers.problem(verified);
        if (problem) throw problem;
        try {
          await parts.images.check(release, { fileOf: blobs.fileOf, architecture: parts.architecture });
        } catch (error) {
          // A disk that lost something says nothing about the release.
          if (await blobs.dropDamaged(release.blobs)) throw new Refusal('blob-damaged', release.manifest.id);
          throw error;
        }
      },
      undo: noteWhy,
      isFinal,
    },
    'app-load': {
      async do(context) {
        const { release } = known(context);
        context.note('loading');
        await loadImage(release, { blobs, runner });
      },
      undo: noteWhy, // the image goes when nothing names it any more
      isFinal,
    },
    'app-wait': {
      async do(context) {
        const { record, next, release } = known(context);
        context.note('waiting-for-app');
        const { version } = release.manifest;
        const { release: id } = next.held;
        if (await holds.pass({ app: record.id, release: id, version, signal: context.signal }))
          await lookAgain(next.held);
      },
      async undo(context) {
        await noteWhy(context);
        holds.reopen(appOf(context));
      },
      isFinal,
    },
    'app-start': {
      async do(context) {
        const { record, next } = known(context);
        context.note('starting');
        if (members.see(next.held.credential)?.may === 'nothing') throw new Refusal('member-expelled', record.id);
        await holds.swap(record.id, () => running.run(record.id, next.held));
      },
      async undo(context) {
        await noteWhy(context);
        const record = found(context)?.record;
        if (!record) return;
        const { current } = record;
        if (current && mayRun(record, parts)) await holds.swap(record.id, () => running.run(record.id, current));
        else await running.halt(record.id);
      },
      isFinal,
    },
    'app-pass': {
      async do(context) {
        const { record, next, release } = known(context);
        context.note('checking-health');
        // After a cut the engine runs it still, and nobody watches it yet.
        if (!runner.show(record.id)) await running.run(record.id, next.held);
        context.signal.throwIfAborted();
        const over = new AbortController();
        const signal = AbortSignal.any([over.signal, context.signal]);
        const limit = gateMilliseconds(release.manifest);
        const late = clock.sleep(limit, signal).then(() => {
          if (!signal.aborted) throw new Refusal('app-unhealthy', `not within ${Math.round(limit / 1000)} s`);
        });
        const settled = runner.settled(record.id, signal);
        try {
          await Promise.race([settled, late.then(() => settled)]);
        } finally {
          over.abort();
          await Promise.allSettled([settled, late]);
        }
      },
      undo: noteWhy,
      isFinal,
    },
    'app-commit': {
      noReturn: true,
      async do(context) {
        const here = found(context);
        if (here) await commit(here);
        await holds.done(appOf(context));
        await parts.tidy();
      },
    },
  };

  async function commit({ record, next, release }: Found): Promise<void> {
    const asked = new Set(release.manifest.capabilities.map(({ capability }) => capability));
    const spare = grants.of(record.id).flatMap(({ capability }) => (asked.has(capability) ? [] : [capability]));
    if (spare.length > 0) await grants.set(record.id, { give: [], take: spare, release: next.held.release });
    const { version } = release.manifest;
    const type = record.current ? 'app.updated' : 'app.installed';
    const facts = { app: record.id, release: next.held.release, version };
    const now: InstalledRecord = {
      ...record,
      jwk: next.jwk,
      current: next.held,
      next: null,
      waiting:
        record.waiting && compareVersions(releaseOf(record.waiting).manifest.version, version) > 0
          ? record.waiting
          : null,
      updatedAt: record.current ? clock.now() : null,
      ...settled(record),
      foreign: null,
      failed: null,
      stopped: null,
      wasStopped: false,
    };
    await installed.save(now, { by: 'box', type, facts });
  }
}
