/** What the data lie on, wired: only where the configuration says where the system tells it. */
import { Refusal } from '#contract/problems.js';
import type { Ground } from './ground.js';
import { openVolume, type Volume } from './volume/volume.js';

/** A box whose volume cannot be told of works all the same. */
export async function openVolumeOf({ config, host, ledger, onRefused }: Ground): Promise<Volume | undefined> {
  if (!config.volume) return undefined;
  return openVolume({ ...config.volume, files: host.files, ledger }).catch((error: unknown) => {
    onRefused(new Refusal('internal', 'cannot tell what the data lie on', { cause: error }));
    return undefined;
  });
}
