import { randomUUID } from 'node:crypto';

/** Names this boot of the machine (random(4)); where the kernel does not say, this start of the agent. */
export async function bootId(host: { kernel(file: string): Promise<string | undefined> }): Promise<string> {
  const told = (await host.kernel('/proc/sys/kernel/random/boot_id'))?.trim();
  return told && /^[0-9a-f-]{8,64}$/.test(told) ? told : randomUUID();
}
