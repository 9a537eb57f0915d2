/**
 * A box on a developer's machine: what stands in where a box has a provider, an owner and an installer. All else of the
 * agent is as on a box.
 *
 * Invariant: an agent that is somebody's box never runs so. Apps of a simulated box may have no sandbox, and nobody but
 * their developer has agreed to them.
 */

import { Refusal } from '#contract/problems.js';
import type { Profile } from '#contract/profile.js';
import type { AppView, Connectivity } from './api/features.js';
import type { Config } from './config.js';
import type { Standing } from './identity/attest.js';

export interface Simulated {
  standing(): Standing;
  territory: Profile['territory'];
  connectivity: Connectivity;
  app(id: string): (AppView & { release: string; version: string }) | undefined;
  ready(id: string): void;
  /** The end of what it printed. */
  logs(id: string, wish: { tailBytes: number }): Promise<string>;
}

/** @throws Refusal `developing-only` */
export function checkDeveloping(config: Config, simulated: Simulated | undefined): void {
  if (simulated && !config.developing)
    throw new Refusal('developing-only', 'the configuration does not say developing');
  const real = (['territory', 'directory', 'owner', 'runtime', 'claimCodeFile', 'bootDir'] as const).find(
    (name) => config[name] !== undefined,
  );
  if (config.developing && real)
    throw new Refusal('developing-only', `the configuration says developing, and names ${real}`);
}

/** @throws Refusal `developing-only` when what lies in the data directory is of somebody's box */
export function checkNobodys(
  config: Config,
  found: { hasOwner: boolean; isMember: boolean; hasFactoryIdentity: boolean },
): void {
  if (config.developing && (found.hasOwner || found.isMember || found.hasFactoryIdentity))
    throw new Refusal('developing-only', `${config.dataDir} is of a box that is somebody’s`);
}
