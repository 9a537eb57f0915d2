/** How the systems stand, for the owner and the provider. Pure. */
import type { Change } from '#contract/changes.js';
import { type OsStage, type OsView, type OsWait, osWaitNames, type ReportedOs } from '#contract/os.js';
import type { Slots } from '../host/slots.js';
import type { OsBook } from './book.js';
import type { OsPlan } from './plan.js';

export interface Seen {
  slots: Slots | undefined;
  book: ReturnType<OsBook['now']>;
  plan: OsPlan;
  /** The update that is under way. */
  change: Change | undefined;
  /** Which version it is of. */
  changing: string | undefined;
  fetchedBytes: number;
  askedAt: number | null;
  refused: OsView['refused'];
}

const stages: Record<string, OsStage> = {
  'os-fetch': 'fetching',
  'os-install': 'installing',
  'os-wait': 'ready',
  'os-switch': 'restarting',
  'os-gate': 'trial',
  'os-commit': 'trial',
};

export function stageOf(change: Change | undefined): OsStage {
  if (!change) return 'waiting';
  if (change.state === 'undoing') return 'going-back';
  const step = change.steps.find(({ state }) => state !== 'done');
  return stages[step?.kind ?? ''] ?? 'waiting';
}

const isWait = (word: string | null | undefined): word is OsWait => (osWaitNames as string[]).includes(word ?? '');

/** What it waits for now. A change that waits says so itself: for apps, a plan knows nothing of them. */
function waitOf({ plan, change }: Seen): { why: OsWait | null; until: number | null } {
  if (change) {
    const note = change.steps.find(({ state }) => state === 'doing')?.note;
    const until = plan.do === 'wait' && plan.why === note ? plan.until : null;
    return { why: isWait(note) ? note : null, until };
  }
  return plan.do === 'wait' ? { why: plan.why, until: plan.until } : { why: null, until: null };
}

export function viewOf(seen: Seen): OsView {
  const { slots, book, plan, change, changing, fetchedBytes } = seen;
  const { chosen } = book;
  const isNext = chosen && (changing === chosen.release.version || plan.do === 'wait' || plan.do === 'install');
  const release = isNext ? chosen.release : undefined;
  return {
    compatible: slots?.compatible ?? null,
    version: slots?.booted.version ?? null,
    slot: slots?.booted.name ?? null,
    before: slots?.other.isGood ? (slots.other.version ?? null) : null,
    next: release
      ? {
          version: release.version,
          channel: release.channel,
          security: release.security,
          releasedAt: release.releasedAt,
          sizeBytes: release.bundle.size,
          notes: release.notes,
          stage: stageOf(change),
          ...waitOf(seen),
          fetchedBytes,
        }
      : null,
    last: book.last,
    settings: book.settings,
    askedAt: seen.askedAt,
    refused: seen.refused,
  };
}

export function reportOf(seen: Seen): ReportedOs {
  const { compatible, version, slot, next, last, refused } = viewOf(seen);
  const { version: to, stage, why, until } = next ?? {};
  const told = next && to && stage ? { version: to, stage, why: why ?? null, until: until ?? null } : null;
  return { compatible, version, slot, next: told, last, refused };
}
