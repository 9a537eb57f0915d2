/** What the data lie on, wired: only where the configuration says where the system tells it. */
import { once } from 'node:events';
import path from 'node:path';
import { Refusal } from '#contract/problems.js';
import type { Config } from './config.js';
import type { Ground } from './ground.js';
import type { Host } from './host/host.js';
import { canRenew, openVolume, type Volume } from './volume/volume.js';

/** On the boot partition: at the next start the system makes the volume anew, with what a reset keeps. */
const renewName = 'webizen-new-volume';

const asRefusal = (error: unknown): Refusal =>
  error instanceof Refusal ? error : new Refusal('internal', 'cannot tell what the data lie on', { cause: error });

/** A box whose volume cannot be told of works all the same. */
export async function openVolumeOf({ config, host, ledger, onRefused }: Ground): Promise<Volume | undefined> {
  if (!config.volume) return undefined;
  return openVolume({ ...config.volume, files: host.files, ledger }).catch((error: unknown) => {
    onRefused(asRefusal(error));
    return undefined;
  });
}

/** Where the volume can be made anew the machine restarts for it, and this does not resolve. */
export async function renewVolumeOf(
  { volume, bootDir, mayReboot }: Config,
  { files, reboot }: Host,
  { signal, onRefused }: Pick<Ground, 'signal' | 'onRefused'>,
): Promise<void> {
  if (!volume || bootDir === undefined || !mayReboot) return;
  const request = path.join(bootDir, renewName);
  try {
    if (!(await canRenew(volume.stateFile, files))) return;
    await files.write(request, '');
    await reboot();
  } catch (error) {
    onRefused(asRefusal(error));
    await files.remove(request).catch(() => {}); // else it would come when nobody expects it any more
    return;
  }
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}
