/** Tells the provider that the box leaves, from what stands on the disk and nothing else: the store may be closed or broken. */
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import type { LeaveReason } from '#contract/leave.js';
import type { Refusal } from '#contract/problems.js';
import type { Identity } from '../identity/identity.js';
import { createEnrolment } from './enrolment.js';
import { openPlaces } from './places.js';

const patienceMilliseconds = 10_000;

/** @throws whatever kept it from being told; the caller goes on all the same */
export async function leaveNow(wish: {
  dataDir: string;
  files: Files;
  clock: Clock;
  reason: LeaveReason;
  openIdentity: (directory: string) => Promise<Identity>;
  onRefused: (refusal: Refusal) => void;
}): Promise<void> {
  const { dataDir, files, clock, reason, openIdentity, onRefused } = wish;
  const places = await openPlaces({ dataDir, files });
  const { current } = places.pointer();
  const elected = current === null ? undefined : await places.elected(current);
  if (current === null || !elected) return;
  const told = new AbortController();
  const late = new AbortController();
  const enrolment = await createEnrolment({
    est: new URL(elected.est),
    pins: elected.pins,
    profileFile: places.profileFile(current),
    identity: await openIdentity(places.directory(current)),
    files,
    signal: late.signal,
    onRefused,
    onRenewed() {},
  });
  const patience = clock.sleep(patienceMilliseconds, told.signal).then(() => late.abort());
  try {
    if (enrolment.current()) await enrolment.leave({ phase: 'completed', reason });
  } finally {
    told.abort();
    await patience;
  }
}
