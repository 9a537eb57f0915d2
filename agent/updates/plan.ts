/** What is to be done next about the system, and why: decided purely. */
import { compareVersions } from '#contract/manifest.js';
import type { OsSettings, OsWait, OsWindow } from '#contract/os.js';
import type { OsRelease } from '#contract/os-release.js';
import type { ProblemCode } from '#contract/problems.js';

export interface OsFacts {
  /** Milliseconds since 1970; where it is not known, the earliest that it can be. */
  now: number;
  isTimeKnown: boolean;
  /** Of the machine, and of what runs; undefined where nothing says. */
  compatible: string;
  running: string | undefined;
  /** The highest that has proved itself here. */
  floor: string | null;
  selected: { release: OsRelease; notBefore: number | null } | null;
  settings: OsSettings;
  /** The version that the owner wants now, whatever was agreed. */
  saidNow: string | null;
  failed: readonly { version: string; again: number | null }[];
  /** The new system lies in the other slot: what is left is to restart. */
  isInstalled: boolean;
  /** What is free on the disk beyond what stays free; what is there of the bundle. */
  freeBytes: number;
  fetchedBytes: number;
  /** It is written to the slot as it comes, and needs no room. */
  isStreamed: boolean;
  isTooHot: boolean;
  isPowerWeak: boolean;
}

export type OsPlan =
  | { do: 'nothing' }
  | { do: 'refuse'; code: ProblemCode; detail: string }
  | { do: 'wait'; why: OsWait; until: number | null }
  /** Fetch it, and write it into the other slot. */
  | { do: 'install' }
  /** As soon as apps let it. */
  | { do: 'restart' };

const minute = 60_000;
const day = 24 * 60 * minute;

/** Whether the window is open, and when it opens next. */
export function windowAt({ from, minutes }: OsWindow, now: number): { isOpen: boolean; opensAt: number } {
  const today = now - (now % day) + from * minute;
  const opens = [today - day, today, today + day];
  return {
    isOpen: opens.some((at) => at <= now && now < at + minutes * minute),
    opensAt: opens.find((at) => at > now) ?? today + day,
  };
}

/** Whether this box may take it at all, whenever that is. */
export function refusalOf(
  release: OsRelease,
  { compatible, running, floor }: Pick<OsFacts, 'compatible' | 'running' | 'floor'>,
): { code: ProblemCode; detail: string } | undefined {
  const { version, minimum } = release;
  if (release.compatible !== compatible)
    return { code: 'os-release-compatible', detail: `${release.compatible}, this is ${compatible}` };
  if (running !== undefined && compareVersions(version, running) <= 0)
    return { code: 'os-release-older', detail: `${version}, ${running} runs` };
  if (floor !== null && compareVersions(version, floor) < 0)
    return { code: 'os-release-older', detail: `${version}, ${floor} has run here` };
  if (running !== undefined && compareVersions(running, minimum) < 0)
    return { code: 'os-release-step', detail: `${version} follows ${minimum}, ${running} runs` };
  return undefined;
}

const wait = (why: OsWait, until: number | null = null): OsPlan => ({ do: 'wait', why, until });

/** What the owner and the provider have to say to it. */
function agreed(facts: OsFacts, release: OsRelease, notBefore: number | null): OsPlan | undefined {
  const { now, settings } = facts;
  const { automatic, holdUntil } = settings;
  if (holdUntil !== null && now < holdUntil) return wait('owner-hold', holdUntil);
  if (automatic === 'none' || (automatic === 'security' && !release.security)) return wait('owner-asked');
  if (notBefore !== null && now < notBefore) return wait('scheduled', notBefore);
  return undefined;
}

export function planOs(facts: OsFacts): OsPlan {
  const { now, selected, settings, freeBytes, fetchedBytes } = facts;
  if (!selected) return { do: 'nothing' };
  const { release, notBefore } = selected;
  if (release.version === facts.running && release.compatible === facts.compatible) return { do: 'nothing' };
  const refused = refusalOf(release, facts);
  if (refused) return { do: 'refuse', ...refused };
  const isWanted = facts.saidNow === release.version;
  const failed = facts.failed.find(({ version }) => version === release.version);
  if (failed && !isWanted) {
    if (failed.again === null) return { do: 'refuse', code: 'os-failed-before', detail: release.version };
    if (now < failed.again) return wait('failed-lately', failed.again);
  }
  const held = isWanted ? undefined : agreed(facts, release, notBefore);
  if (held) return held;
  // Neither is made better by an owner who is in a hurry: a write that is cut by a weak supply, or a start that fails.
  if (facts.isTooHot) return wait('too-hot');
  if (facts.isPowerWeak) return wait('power-weak');
  if (!facts.isInstalled) {
    const isRoom = facts.isStreamed || freeBytes + fetchedBytes >= release.bundle.size;
    return isRoom ? { do: 'install' } : wait('no-room');
  }
  if (settings.window && !isWanted) {
    if (!facts.isTimeKnown) return wait('time-unknown');
    const { isOpen, opensAt } = windowAt(settings.window, now);
    if (!isOpen) return wait('window', opensAt);
  }
  return { do: 'restart' };
}
