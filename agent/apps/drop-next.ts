/** A release that was to be installed and is not: nothing of it is left but the memory of it. */
import type { Refusal } from '#contract/problems.js';
import { type Installed, type InstalledRecord, releaseOf } from './installed.js';
import { toldOf } from './offers.js';
import { isReleasesFault } from './plan.js';
import type { Grants, Storage } from './uses.js';

const longestFact = 2000;

/** What runs keeps what it was granted before; a first installation leaves nothing behind. The record goes last. */
export async function dropNext(
  uses: { installed: Installed; grants: Grants; storage: Storage; clock: { now(): number } },
  { record, why }: { record: InstalledRecord; why?: Refusal | undefined },
): Promise<void> {
  const { installed, grants, storage, clock } = uses;
  const { next } = record;
  if (!next) return;
  const { release } = next.held;
  const { version } = releaseOf(next.held).manifest;
  const at = clock.now();
  const said: Record<string, string> = why ? { code: why.code, why: why.message.slice(0, longestFact) } : {};
  const facts = { app: record.id, release, version, ...said };
  if (why && isReleasesFault(why))
    await installed.bar(release, { app: record.id, why: 'failed', detail: why.message, at });
  if (!record.current) {
    await grants.drop(record.id);
    await storage.forget(record.id);
    return installed.remove(record.id, { by: 'box', type: 'app.not-installed', facts });
  }
  await grants.set(record.id, { give: [], take: next.given, release });
  const failed = why ? { release, version, at, problem: toldOf(why) } : record.failed;
  await installed.save({ ...record, next: null, failed }, { by: 'box', type: 'app.rolled-back', facts });
}
