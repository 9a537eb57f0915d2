/** The page of a box whose data do not open, wired: it stands on the boot partition and on what the system tells, and on nothing else. */
import path from 'node:path';
import type { Logger } from 'pino';
import { parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { LockedState } from '#contract/volume.js';
import type { Config } from './config.js';
import { setupCodeFile } from './factory/setup-code.js';
import type { Host } from './host/host.js';
import { createLocalNames, linksOfMachine, mdnsPort } from './owner/mdns.js';
import type { BareConsole } from './safe/bare.js';
import { createLockedConsole } from './safe/locked.js';

/** On the boot partition: the system opens the data with it. */
const keyName = 'webizen-storage-key.txt';

/** @throws Refusal `arguments-invalid` where the configuration has no console, volume or boot partition */
export async function openLockedConsole(
  { bootDir, owner, volume }: Config,
  { files, clock, monotonic, reboot }: Host,
  { log, assetsDir }: { log: Logger; assetsDir: string },
): Promise<BareConsole> {
  if (bootDir === undefined || !owner || !volume)
    throw new Refusal('arguments-invalid', 'this needs owner, volume and bootDir in the configuration');
  // Its own name lies in what is locked, and stands beside the setup code, unless the owner has deleted that.
  const written =
    (await files.read(path.join(bootDir, setupCodeFile)).catch(() => undefined))?.toString('latin1') ?? '';
  const name = /\bwebizen-[0-9a-z]{4}\b/i.exec(written)?.[0].toLowerCase() ?? 'webizen';
  const told = await files.read(volume.stateFile).catch(() => undefined);
  const state = told && parseJson(LockedState, told);
  const because = state?.ok ? state.value.because : undefined;
  const onFault = (error: unknown): void => log.error({ err: error }, 'the page of a locked box');
  const page = createLockedConsole({
    view: () => ({ name, because }),
    take: (key) =>
      files.write(path.join(bootDir, keyName), `${key}\n`).catch((error: unknown) => {
        throw new Refusal('boot-unwritable', error instanceof Error ? error.message : undefined, { cause: error });
      }),
    afterwards: () => void reboot().catch(onFault),
    ...{ assetsDir, host: owner.host, port: owner.port, onFault },
  });
  const names =
    owner.mdns === false
      ? undefined
      : createLocalNames({
          label: name,
          isOwned: () => false, // whoever comes to webizen.local is told too
          links: linksOfMachine,
          port: mdnsPort,
          clock: { now: monotonic, sleep: clock.sleep },
          random: Math.random,
          onProblem: (why) => log.warn({ err: why }, 'cannot announce the box on the local network'),
        });
  return {
    async start() {
      const port = await page.start();
      names?.start();
      return port;
    },
    async stop() {
      await names?.stop();
      await page.stop();
    },
  };
}
