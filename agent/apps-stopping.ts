/** The end of apps that outlive the agent: where the machine goes down, and in safe mode. */
import type { Logger } from 'pino';
import type { Runner } from './apps/runtime/runner.js';
import type { Host } from './host/host.js';

/**
 * All at once: each is asked, and has its ten seconds. So is what nobody watches. Resolves when they have ended, or after
 * so long: what still runs then is left to whoever stops the machine. Never rejects.
 */
export async function stopApps(
  runner: Pick<Runner, 'leftovers' | 'stop'> | undefined,
  { clock, log, withinMilliseconds }: { clock: Host['clock']; log: Pick<Logger, 'warn'>; withinMilliseconds: number },
): Promise<void> {
  if (!runner) return;
  const done = new AbortController();
  const stopping = (async () => {
    const found = await runner.leftovers();
    const stopOne = ({ id }: { id: string }): Promise<void> =>
      runner.stop(id).catch((error: unknown) => log.warn({ app: id, err: error }, 'cannot stop the app'));
    await Promise.all(found.map(stopOne));
  })().catch((error: unknown) => log.warn({ err: error }, 'cannot ask what runs'));
  await Promise.race([stopping, clock.sleep(withinMilliseconds, done.signal)]);
  done.abort();
}

/** The unit is given a minute and a half for everything. */
const withinMilliseconds = 45_000;

/** Apps run on behind an agent that is started again. Where the machine goes down they end first, while the API still answers. */
export async function stopWithMachine(
  runner: Pick<Runner, 'leftovers' | 'stop'> | undefined,
  host: Pick<Host, 'goesDown' | 'clock'>,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  if (runner && (await host.goesDown())) await stopApps(runner, { clock: host.clock, log, withinMilliseconds });
}
