/** The simulated box: a program that `webizen app dev` starts, speaks to over a socket, and takes along when it ends. */
import '../heap.js';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { pino } from 'pino';
import { explain } from '#common/cli.js';
import { serveControl } from '#common/control.js';
import { DevOptions, read } from '#contract/developing.js';
import { Refusal } from '#contract/problems.js';
import { createDevBox, type DevBox } from './box.js';

const say = (line: string): void => void process.stdout.write(`webizen: ${line}\n`);

function fail(error: unknown): never {
  const { text, exitCode } = explain('webizen', error);
  process.stderr.write(`${text}\n`);
  process.exit(exitCode);
}

async function main(): Promise<void> {
  const options = read(DevOptions, JSON.parse(process.argv[2] ?? 'null'));
  const log = pino({ base: undefined, level: 'warn' }, pino.destination({ dest: 2, sync: true }));
  let box: DevBox | undefined;
  let control: { close(): Promise<void> } | undefined;
  let ending = false;

  async function end(): Promise<void> {
    if (ending) return;
    ending = true;
    await starting.catch(() => {});
    await control?.close();
    await box?.stop();
    await rm(options.runtimeDir, { recursive: true, force: true });
    process.exit(0);
  }
  // Whoever started it has gone, and reads no more.
  process.stdout.on('error', () => {});
  process.once('disconnect', () => void end().catch(fail));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end().catch(fail));

  const starting = (async () => {
    box = await createDevBox(options, { say, print: (chunk) => void process.stdout.write(chunk), log });
    await box.start();
    control = await serveControl(path.join(options.runtimeDir, 'dev.sock'), box.handlers);
  })();
  await starting.catch(async (error: unknown) => {
    // What another one runs in is not ours to remove.
    const isAnothers = error instanceof Refusal && error.code === 'directory-in-use';
    if (!isAnothers) await rm(options.runtimeDir, { recursive: true, force: true });
    throw error;
  });
  process.send?.('ready');
}

main().catch(fail);
