/** Which vetting level a member needs before its apps may ask for a permission. */
import { type Capability, type CapabilityKind, kindOf } from '#contract/capabilities.js';
import type { LevelPolicy } from '#contract/member-register.js';

/**
 * What stays on the box is for everybody whose identity was checked; so is one host that is named, because the owner
 * reads which, and what an app writes to its maker's own servers. All hosts at once is for those whose code and practice were reviewed.
 */
export const usualPolicy: LevelPolicy = {
  storage: 1,
  'health.read': 1,
  'identity.attest': 1,
  notify: 1,
  messages: 1,
  metering: 1,
  'network.egress:{host}': 1,
  'network.egress:*': 2,
};
const highest = 3;

const levelFor = (policy: LevelPolicy, kind: CapabilityKind): number => policy[kind] ?? usualPolicy[kind] ?? highest;

export const allowsAt = (policy: LevelPolicy, level: number, capability: Capability): boolean =>
  level >= levelFor(policy, kindOf(capability));
