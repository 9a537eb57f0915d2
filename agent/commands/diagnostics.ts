/** The bundle that helps to find a fault, brought to the provider over mutual TLS: the broker, which carries the command, never sees it. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { bodyOf, cutAnswer, putChecked, refusalOf } from '#common/checked-https.js';
import type { ClientIdentity, Trust } from '#common/checked-tls.js';
import type { Moment } from '#common/pki/path.js';
import { diagnosticsMediaType, diagnosticsPath, largestDiagnosticsBytes } from '#contract/commands.js';
import { Refusal } from '#contract/problems.js';

const pack = promisify(gzip);
const timeoutMilliseconds = 30_000;

/** Files of the kernel that say how the machine is: nothing of who uses it. */
const told = {
  memory: '/proc/meminfo',
  load: '/proc/loadavg',
  uptime: '/proc/uptime',
  kernel: '/proc/version',
  disks: '/proc/diskstats',
  cpuPressure: '/proc/pressure/cpu',
  memoryPressure: '/proc/pressure/memory',
  ioPressure: '/proc/pressure/io',
} as const;
const mostOfFile = 16_384;

export async function machineFacts(
  kernel: (file: string) => Promise<string | undefined>,
): Promise<Record<string, string>> {
  const facts: Record<string, string> = {};
  for (const [name, file] of Object.entries(told)) {
    const text = await kernel(file);
    if (text !== undefined) facts[name] = text.slice(0, mostOfFile);
  }
  return facts;
}

export function createUpload(wish: {
  /** @throws Refusal `not-a-member` */
  access: () => Promise<{ est: URL; trust: Trust; identity: ClientIdentity }>;
  moment: () => Moment;
}): (command: string, bundle: Record<string, unknown>, signal: AbortSignal) => Promise<number> {
  return async (command, bundle, signal) => {
    const bytes = await pack(JSON.stringify(bundle));
    if (bytes.length > largestDiagnosticsBytes) throw new Refusal('diagnostics-too-large', `${bytes.length} bytes`);
    const { est, trust, identity } = await wish.access();
    const url = new URL(diagnosticsPath(command), est);
    const about = { url, trust, identity, at: wish.moment(), signal, timeoutMilliseconds };
    const answer = await putChecked({ ...about, type: diagnosticsMediaType, bytes });
    try {
      if (answer.status !== 204) throw await refusalOf(answer, url.pathname);
      await bodyOf(answer.body, 1024);
      return bytes.length;
    } catch (error) {
      throw cutAnswer(error);
    } finally {
      answer.body.destroy();
    }
  };
}
