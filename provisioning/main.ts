/** `webizen-provider`: arguments, signals and exit codes. Nothing else touches the process. */
import { fileURLToPath } from 'node:url';
import { explain } from '#common/cli.js';
import { version } from '#common/version.js';
import { Refusal } from '#contract/problems.js';
import type { Command } from './cli/command.js';
import { help, helpOf } from './cli/help.js';

// Each is loaded when it is asked for: a command that only asks the server need not load one.
const commands: Record<string, (() => Promise<Command>) | undefined> = {
  init: async () => (await import('./cli/init.js')).init,
  serve: async () => (await import('./cli/serve.js')).serve,
  claim: async () => (await import('./cli/claim.js')).claim,
  box: async () => (await import('./cli/box.js')).box,
  'command-key': async () => (await import('./cli/command-key.js')).commandKey,
  fleet: async () => (await import('./cli/fleet.js')).fleet,
  account: async () => (await import('./cli/account.js')).account,
  agreement: async () => (await import('./cli/agreement.js')).agreement,
  app: async () => (await import('./cli/app.js')).app,
  os: async () => (await import('./cli/os.js')).os,
  directory: async () => (await import('./cli/directory.js')).directory,
  alliance: async () => (await import('./cli/alliance.js')).alliance,
  maker: async () => (await import('./cli/maker.js')).maker,
  member: async () => (await import('./cli/member.js')).member,
  case: async () => (await import('./cli/case.js')).caseCommand,
  request: async () => (await import('./cli/request.js')).request,
  operator: async () => (await import('./cli/operator.js')).operator,
  alert: async () => (await import('./cli/alert.js')).alert,
  audit: async () => (await import('./cli/audit.js')).audit,
  worker: async () => (await import('./cli/worker.js')).worker,
  broker: async () => (await import('./cli/broker.js')).broker,
  ca: async () => (await import('./cli/ca.js')).ca,
  'migrate-store': async () => (await import('./cli/migrate-store.js')).migrateStore,
  backup: async () => (await import('./cli/backup.js')).backup,
  standby: async () => (await import('./cli/standby.js')).standby,
  simulate: async () => (await import('./cli/simulate.js')).simulate,
  restore: async () => (await import('./cli/backup.js')).restore,
};

const stop = new AbortController();
// Whoever read our lines may have gone; that is no reason to end.
process.stdout.on('error', () => {});

const out = (line: string): void => void process.stdout.write(`${line}\n`);

async function run([name = '', ...args]: string[]): Promise<void> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  const asksHelp = args.includes('--help') || args.includes('-h');
  if (load && asksHelp) return out((helpOf[name] ?? help).trimEnd());
  if (['--help', '-h', 'help'].includes(name)) return out(help.trimEnd());
  if (name === '--version') return out(version);
  if (!load)
    throw new Refusal('arguments-invalid', name === '' ? 'no command is named' : `there is no command "${name}"`);
  const command = await load();
  // Serving ends in order; anything else is short, and ends as the kernel says. Once: who asks twice means it.
  if (name === 'serve' || name === 'broker' || name === 'simulate')
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  await command(args, { out, stop: stop.signal, assetsDir: fileURLToPath(new URL('../console/', import.meta.url)) });
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  const { text, exitCode } = explain('webizen-provider', error);
  process.stderr.write(`${text}\n`);
  process.exitCode = exitCode;
}
