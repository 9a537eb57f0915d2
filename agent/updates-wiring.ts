/** Updates of the system, wired: only where the machine has two, and the configuration says whose releases count. */
import path from 'node:path';
import { OsKeys } from '#contract/os-release.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { RunningApp } from './apps-wiring.js';
import type { Changes } from './changes/changes.js';
import type { MembershipRoom } from './enrolment/membership.js';
import type { Ground } from './ground.js';
import type { Health } from './health-wiring.js';
import { createLeft } from './host/left.js';
import type { LeaseRoom } from './leases/open.js';
import type { Link } from './link/link.js';
import { createLocalHealth } from './local-health.js';
import type { Safe } from './safe/safe.js';
import { bootId } from './time/boot.js';
import { usualGate } from './updates/gate.js';
import { createOsSource } from './updates/source.js';
import { createUpdates, type Updates } from './updates/updates.js';

/** Told to the machine, in the runtime directory: the slot that runs has proved itself in this boot. */
export const goodFile = 'os-good';

export interface UpdatesWish {
  membership: MembershipRoom;
  health: () => Health;
  holds: LeaseRoom;
  running: () => RunningApp[];
  safe: Pick<Safe, 'isOn'>;
  link: () => Link;
  changes: () => Changes;
  consolePort: () => number | undefined;
}

/** Undefined where there is nothing to update, or nobody to trust for it: the box goes on as it is. */
export async function openUpdates(ground: Ground, wish: UpdatesWish): Promise<Updates | undefined> {
  const { config, host, clock, store, ledger, signal, onRefused } = ground;
  if (!config.os || !host.os) return undefined;
  const pinned = parseJson(OsKeys, (await host.files.read(config.os.keysFile)) ?? Buffer.alloc(0));
  if (!pinned.ok) {
    onRefused(new Refusal('os-keys-invalid', `${config.os.keysFile}: ${describeFaults(pinned.faults)}`));
    return undefined;
  }
  const { membership, holds, health, safe } = wish;
  const inState = (wanted: RunningApp['state']) => (): string[] =>
    wish.running().flatMap(({ id, state }) => (state === wanted ? [id] : []));
  const [running, stopped] = [inState('running'), inState('stopped')];
  const isInTrouble = (kind: string): boolean =>
    health()
      .conditions.list()
      .some((one) => one.kind === kind && one.severity === 'trouble');
  const isOnline = (): boolean => wish.link().online();

  return createUpdates({
    ...{ store, ledger, clock, onRefused },
    monotonic: host.monotonic,
    boot: await bootId(host),
    os: host.os,
    pinned: pinned.value,
    source: createOsSource({
      async access() {
        const est = membership.origin();
        const enrolment = membership.enrolment();
        const identity = enrolment?.current();
        if (!est || !enrolment || !identity) throw new Refusal('not-a-member');
        return { est, identity, trust: await enrolment.trust() };
      },
      moment: clock.moment,
      signal,
    }),
    changes: wish.changes,
    holds: { ask: holds.reboot.ask, end: holds.reboot.end, onChange: (listener) => holds.leases.onChange(listener) },
    conditions: { isTooHot: () => isInTrouble('hot'), isPowerWeak: () => isInTrouble('under-voltage') },
    before: () => ({ apps: running(), isOnline: isOnline() }),
    health: createLocalHealth({ config, store, consolePort: wish.consolePort, running, stopped, isOnline }),
    isSafeMode: safe.isOn,
    limits: { ...usualGate, limitMilliseconds: config.os.trialSeconds * 1000 },
    left: createLeft(host.files, config.os.leftFile),
    async reboot() {
      if (!config.mayReboot) throw new Refusal('host-cannot-reboot', 'mayReboot is not set');
      await host.reboot();
    },
    directory: path.join(config.dataDir, 'os'),
    freeBytes: ground.freeBytes,
    onGood: () => host.files.write(path.join(config.runtimeDir, goodFile), ''),
  });
}
