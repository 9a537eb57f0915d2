/**
 * What an update of the system is made of. Each step bears being done again after a cut, and being undone when it was done
 * in part.
 *
 * Invariants: the slot that runs is never written to, and stays what the boot loader starts until the update may restart
 * the box. The new system is told to be good only after it has passed the gate; until then every way out of it, a cut or a
 * crash too, leads back to the one before.
 */
import type { Clock } from '#common/clock.js';
import type { OctetSource } from '#common/download.js';
import { compareVersions } from '#contract/manifest.js';
import type { OsOutcome } from '#contract/os-release.js';
import { isProblemCode, Refusal } from '#contract/problems.js';
import type { Changes, Wish } from '../changes/changes.js';
import type { StepContext, StepKind } from '../changes/run.js';
import type { Left } from '../host/left.js';
import type { OsHost } from '../host/slots.js';
import type { RebootHolds } from '../leases/gate.js';
import { type Choice, type OsBook, withFailed } from './book.js';
import type { BundleRoom } from './bundle.js';
import { type Before, type GateLimits, type LocalHealth, passGate } from './gate.js';
import type { OsPlan } from './plan.js';
import { againAfter, isFailure, isFinal, outcomeOf } from './verdict.js';

export const osGroup = 'os';

export const osChange = ({ id, release }: Choice, from: string | undefined): Wish => ({
  kind: 'os-update',
  group: osGroup,
  steps: ['os-fetch', 'os-install', 'os-wait', 'os-switch', 'os-gate', 'os-commit'].map((kind) => ({ kind })),
  data: {
    release: id,
    version: release.version,
    from: from ?? '',
    sha256: release.bundle.sha256,
    size: release.bundle.size,
  },
});

export interface OsStepParts {
  book: OsBook;
  bundle: BundleRoom;
  os: OsHost;
  changes: () => Pick<Changes, 'show'>;
  octets: (sha256: string) => OctetSource;
  /** As things are, with the new system in place. */
  plan: () => Promise<OsPlan>;
  /** Aborts when something that a plan follows from changes. */
  seen: () => AbortSignal;
  /** Resolves at that moment, or when it aborts. */
  changed: (until: number | null, signal: AbortSignal) => Promise<void>;
  holds: Pick<RebootHolds, 'ask' | 'end'>;
  /** What works now. */
  before: () => Before;
  health: LocalHealth;
  isSafeMode?: () => boolean;
  limits: GateLimits;
  /** Why the machine itself left a system. */
  left: Left;
  /** Names this start of the machine. */
  boot: string;
  monotonic: () => number;
  reboot: () => Promise<void>;
  clock: Clock;
  /** The new system has proved itself. */
  onGood: () => Promise<void>;
  onRefused: (refusal: Refusal) => void;
}

/** A machine that is asked to restart has so long to do it. */
const restartMilliseconds = 600_000;

export function createOsSteps(parts: OsStepParts): Record<string, StepKind> {
  const { book, bundle, os, holds, boot, clock } = parts;
  const versionOf = ({ data }: StepContext): string => String(data.version);
  const bundleOf = ({ data }: StepContext) => ({ sha256: String(data.sha256), size: Number(data.size) });

  /** Why it is undone, while the change still says so: an undo that must be tried again has a problem of its own. */
  async function noteWhy(context: StepContext): Promise<void> {
    if (context.data.why !== undefined) return;
    const problem = parts.changes().show(context.id)?.problem;
    context.data.why = problem?.code ?? '';
    context.data.whyDetail = problem?.detail ?? '';
    await context.remember();
  }

  async function restart(context: StepContext): Promise<never> {
    await parts.reboot();
    await clock.sleep(restartMilliseconds, context.signal);
    context.signal.throwIfAborted();
    throw new Refusal('host-cannot-reboot', 'nothing was restarted');
  }

  async function notBooted(context: StepContext, otherwise: string): Promise<never> {
    throw new Refusal('os-not-booted', (await parts.left.why(versionOf(context))) ?? otherwise);
  }

  const tell = (error: unknown): void =>
    parts.onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error }));

  function outcome({ data }: StepContext, word: OsOutcome['outcome'], at: number): OsOutcome {
    const from = data.from ? String(data.from) : null;
    const told = isProblemCode(data.why)
      ? { code: data.why, ...(data.whyDetail ? { detail: String(data.whyDetail).slice(0, 500) } : {}) }
      : {};
    return { version: String(data.version), from, outcome: word, at, ...told };
  }

  /** Once for each change, however often it is cut. */
  async function recordFailure(context: StepContext): Promise<void> {
    const code = context.data.why;
    if (book.now().lastChange === context.id || !isProblemCode(code) || !isFailure(code)) return;
    const at = clock.now();
    const version = versionOf(context);
    const times = (book.now().failed.find((one) => one.version === version)?.times ?? 0) + 1;
    // Whatever went wrong after it was started: it is the release that is to blame, and was left.
    const wasStarted = context.data.activated === true;
    const last = outcome(context, wasStarted ? 'rolled-back' : outcomeOf(code), at);
    const again = wasStarted ? null : againAfter(code, times);
    const type = last.outcome === 'rolled-back' ? 'os.rolled-back' : 'os.not-updated';
    await book.set(
      (now) => ({
        last,
        lastChange: context.id,
        saidNow: null,
        failed: withFailed(now.failed, { version, code, at, times, again: again === null ? null : at + again }),
      }),
      { decisions: [{ by: 'box', type, facts: { version, ...(last.from && { from: last.from }), code } }] },
    );
  }

  async function install(context: StepContext): Promise<void> {
    const wanted = bundleOf(context);
    try {
      await os.install(bundle.fileOf(wanted), context.signal);
    } catch (error) {
      // It was what the publisher signed when it came: a card that has changed it since says nothing of the release.
      if (error instanceof Refusal && error.code === 'os-bundle-refused' && !(await bundle.isWhole(wanted)))
        throw new Refusal('os-bundle-mismatch', 'it changed on the disk', { cause: error });
      throw error;
    }
  }

  return {
    'os-fetch': {
      async do(context) {
        context.note('fetching');
        const wanted = bundleOf(context);
        await bundle.fetch(wanted, parts.octets(wanted.sha256), context.signal);
      },
      // The last to be undone: what became of it is written down here.
      async undo(context) {
        await noteWhy(context);
        await bundle.clear();
        await recordFailure(context);
      },
      isFinal,
    },

    'os-install': {
      async do(context) {
        const { data } = context;
        context.note('installing');
        const { booted, other } = await os.slots();
        if (data.installs === undefined) {
          Object.assign(data, { home: booted.name, target: other.name, installs: other.installs });
          await context.remember();
        }
        // The power went in the moment before what runs was made the first again: it is on trial already.
        if (booted.name === data.target && booted.version === versionOf(context)) {
          data.activated = true;
          return bundle.clear();
        }
        if (data.home !== booted.name) throw new Refusal('os-install-failed', `${booted.name} runs meanwhile`);
        const isThere = other.installs > Number(data.installs) && other.version === versionOf(context);
        if (!isThere) await install(context);
        const after = await os.slots();
        // A restart before its time starts what runs now.
        if (after.primary === after.other.name) await os.activate(booted.name);
        if (after.other.version === versionOf(context)) return bundle.clear();
        // Nor may it be what starts when what runs does not.
        await os.markBad(after.other.name);
        throw new Refusal('os-bundle-refused', `it holds ${after.other.version}, not ${data.version}`);
      },
      async undo(context) {
        await noteWhy(context);
        const { booted, other, primary } = await os.slots();
        if (primary === other.name) await os.activate(booted.name);
      },
      isFinal,
    },

    'os-wait': {
      async do(context) {
        if ((await os.slots()).booted.name === context.data.target) return;
        for (;;) {
          const seen = parts.seen();
          const plan = await parts.plan();
          const { chosen, saidNow } = book.now();
          context.signal.throwIfAborted();
          if (chosen?.id !== context.data.release) throw new Refusal('os-withdrawn', versionOf(context));
          if (plan.do === 'refuse') throw new Refusal(plan.code, plan.detail);
          if (plan.do === 'nothing' || plan.do === 'install') throw new Refusal('os-withdrawn', versionOf(context));
          let until = plan.do === 'wait' ? plan.until : null;
          if (plan.do === 'wait') context.note(plan.why);
          else {
            const { free, secondsLeft } = await holds.ask(String(context.data.release));
            if (free || saidNow === versionOf(context)) return;
            context.note('apps');
            until = clock.now() + Math.max(1, secondsLeft) * 1000;
          }
          await parts.changed(until, AbortSignal.any([context.signal, seen]));
          context.signal.throwIfAborted();
        }
      },
      async undo(context) {
        await noteWhy(context);
        await holds.end();
      },
      isFinal,
    },

    'os-switch': {
      async do(context) {
        const { data } = context;
        const target = String(data.target);
        const { booted } = await os.slots();
        // It has been told to start the new one, and the machine has started since.
        if (data.activated && data.boot !== boot) {
          if (booted.name === target) return;
          return notBooted(context, `${booted.version ?? booted.name} was started again`);
        }
        if (booted.name === target) {
          data.activated = true;
          return;
        }
        context.note('restarting');
        const { apps, isOnline } = parts.before();
        Object.assign(data, { boot, apps: apps.join(','), isOnline });
        await context.remember();
        await parts.left.forget();
        await os.activate(target);
        data.activated = true;
        await context.remember();
        await restart(context);
      },
      async undo(context) {
        await noteWhy(context);
        await holds.end();
        const { target, home } = context.data;
        const { booted, primary } = await os.slots();
        // Where the boot loader cannot be told, its own count of tries leads back.
        const back = async (): Promise<void> => {
          await os.markBad(String(target));
          await os.activate(String(home));
        };
        if (booted.name !== target) return context.data.activated || primary === target ? back() : undefined;
        context.note('going-back');
        await back().catch(tell);
        await restart(context);
      },
      isFinal,
    },

    'os-gate': {
      async do(context) {
        const { data, signal } = context;
        context.note('checking-health');
        const { booted } = await os.slots();
        if (booted.name !== data.target) return notBooted(context, 'it was started, and then the one before');
        const apps = String(data.apps ?? '').split(',');
        const before = { apps: apps.filter(Boolean), isOnline: data.isOnline === true };
        if (parts.isSafeMode?.()) throw new Refusal('os-unhealthy', 'it works in safe mode only');
        await passGate({ ...parts, before, signal, accept: () => os.markGood(booted.name) });
      },
      undo: noteWhy,
      isFinal,
    },

    'os-commit': {
      noReturn: true,
      async do(context) {
        const version = versionOf(context);
        if (book.now().lastChange !== context.id)
          await book.set(
            (now) => ({
              last: outcome(context, 'done', clock.now()),
              lastChange: context.id,
              saidNow: null,
              floor: version, // the book keeps the higher one
              failed: now.failed.filter((one) => compareVersions(one.version, version) > 0),
            }),
            {
              decisions: [
                {
                  by: 'box',
                  type: 'os.updated',
                  facts: { version, ...(context.data.from ? { from: context.data.from } : {}) },
                },
              ],
            },
          );
        // Whoever was cut here has started once more since it was marked.
        await os.markGood(String(context.data.target)).catch(tell);
        await holds.end();
        await parts.onGood();
      },
    },
  };
}
