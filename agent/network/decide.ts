/**
 * When the box opens a Wi-Fi network of its own, and when it goes back to the one that it knows. Pure; times are
 * milliseconds of a clock that never jumps.
 *
 * While nobody owns the box, after a minute without a network. Later only when its network was away for ten minutes: a
 * router that restarts is back by then, and a network that anybody near can try passwords at is not opened for less.
 */
export const firstMilliseconds = 60_000;
export const ownedMilliseconds = 10 * 60_000;
/** So long it is on the air before the known network is looked for again. */
export const lookAgainMilliseconds = 10 * 60_000;
/** Who asked for a page lately is not cut off for it. */
export const guestMilliseconds = 5 * 60_000;
/** After it could not be opened. */
export const pauseMilliseconds = 60_000;

export interface Seen {
  now: number;
  /** A network that a cable brings. */
  wired: boolean;
  /** A network that Wi-Fi brings; the box's own is none. */
  wifi: boolean;
  /** Whether there is a device, and a password that somebody can read. */
  mayOpen: boolean;
  /** Whether there is a network to join by itself. */
  isKnown: boolean;
  owned: boolean;
  /** When somebody in the box's own network asked for a page. */
  guestAt: number | undefined;
}

export interface Standing {
  /** Since when there is no network; undefined while there is one, or the box's own is open. */
  offlineSince: number | undefined;
  /** Since when the box's own network is on the air. */
  openSince: number | undefined;
  /** When it could not be opened. */
  failedAt: number | undefined;
}
export const firstStanding: Standing = { offlineSince: undefined, openSince: undefined, failedAt: undefined };

export type Act = 'open' | 'close' | 'look-for-known';

const within = (since: number | undefined, now: number, milliseconds: number): boolean =>
  since !== undefined && now - since < milliseconds;

export function decide(standing: Standing, seen: Seen): { standing: Standing; act: Act | undefined } {
  const { now, wired, wifi, mayOpen, isKnown, owned, guestAt } = seen;
  if (standing.openSince !== undefined) {
    const isDue = isKnown && !within(standing.openSince, now, lookAgainMilliseconds);
    if (wired) return { standing, act: 'close' };
    return { standing, act: isDue && !within(guestAt, now, guestMilliseconds) ? 'look-for-known' : undefined };
  }
  if (wired || wifi) return { standing: firstStanding, act: undefined };
  const offlineSince = standing.offlineSince ?? now;
  const isPatient = within(offlineSince, now, owned ? ownedMilliseconds : firstMilliseconds);
  const isPaused = within(standing.failedAt, now, pauseMilliseconds);
  return { standing: { ...standing, offlineSince }, act: mayOpen && !isPatient && !isPaused ? 'open' : undefined };
}

/** Of the three that do not overlap and are allowed everywhere: where the least is heard. */
export function quietChannel(seen: readonly { channel: number; signal: number }[]): number {
  const heard = (channel: number): number =>
    seen.reduce((sum, one) => sum + (Math.abs(one.channel - channel) < 5 ? one.signal : 0), 0);
  return [1, 6, 11].reduce((best, channel) => (heard(channel) < heard(best) ? channel : best));
}
