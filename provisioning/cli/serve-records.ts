/**
 * `serve` beside a database: where that holds the control plane's records too, this process first waits until they are
 * its own, and ends when they are no more.
 */
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import type { Log } from '../broker/broker.js';
import { openRecords, type RecordsConfig, standBy } from '../records-wiring.js';
import type { Control } from '../store/control/control.js';
import type { Io } from './command.js';

/** How long a commit whose outcome cannot be known is waited for when it is told to stop. */
const patienceMilliseconds = 5000;
/** Of a process that lost its records and does not come to its end: it can write nothing, and shall not answer either. */
const graceMilliseconds = 3000;

/** @throws Refusal as `openRecords`, and why they are its own no more */
export async function serveRecords(
  config: RecordsConfig,
  { out, stop, ...parts }: { files: Files; clock: Clock; log: Log } & Io,
  run: (records?: Control) => Promise<void>,
): Promise<void> {
  const records = await openRecords(config, parts);
  if (!records) return run();
  try {
    const onStandby = (url: string) => {
      if (url) out(`standby ${url}`);
      out('standing by');
    };
    if (!(await standBy(records, config, { ...parts, stop, onStandby }))) return;
    void records.lost.then((why) => {
      parts.log.error({ err: why }, 'this process ends: its records are its own no more');
      setTimeout(() => process.exit(1), graceMilliseconds).unref();
    });
    const hurry = () => records.hurry(patienceMilliseconds);
    if (stop.aborted) hurry();
    else stop.addEventListener('abort', hurry);
    await run(records);
    const { state, ...now } = records.standing();
    if (state === 'lost' && 'why' in now && !stop.aborted) throw now.why;
  } finally {
    await records.stop();
  }
}
