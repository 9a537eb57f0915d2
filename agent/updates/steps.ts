/**
 * What an update of the system is made of. Each step bears being done again after a cut, and being undone when it was done
 * in part.
 *
 * Invariants: the slot that runs is never written to, and stays what the boot loader starts until the update may restart
 * the box. The new system is told to be good only after it has passed the gate; until then every way out of it, a cut or a
 * crash too, leads back to the one before.
 */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import type { Changes, Wish } from '../changes/changes.js';
import type { StepContext, StepKind } from '../changes/run.js';
import type { Left } from '../host/left.js';
import type { RebootHolds } from '../leases/gate.js';
import type { Choice } from './book.js';
import { type Before, type GateLimits, type LocalHealth, passGate } from './gate.js';
import { bundleFacts, createInstallSteps, type InstallParts } from './install.js';
import { createOutcomes, versionOf } from './outcomes.js';
import type { OsPlan } from './plan.js';
import { isFinal } from './verdict.js';

export const osGroup = 'os';

export const osChange = (
  choice: Choice,
  { from, unstreamed }: { from: string | undefined; unstreamed: string | undefined },
): Wish => ({
  kind: 'os-update',
  group: osGroup,
  steps: ['os-fetch', 'os-install', 'os-wait', 'os-switch', 'os-gate', 'os-commit'].map((kind) => ({ kind })),
  data: {
    release: choice.id,
    version: choice.release.version,
    from: from ?? '',
    ...bundleFacts(choice, unstreamed),
  },
});

export interface OsStepParts extends Omit<InstallParts, 'outcomes'> {
  changes: () => Pick<Changes, 'show'>;
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
  const { book, os, holds, boot, clock } = parts;
  const outcomes = createOutcomes(parts);
  const { noteWhy, recordDone } = outcomes;

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

  return {
    ...createInstallSteps({ ...parts, outcomes }),

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
        await recordDone(context);
        // Whoever was cut here has started once more since it was marked.
        await os.markGood(String(context.data.target)).catch(tell);
        await holds.end();
        await parts.onGood();
      },
    },
  };
}
