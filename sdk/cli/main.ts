/** `webizen`: what owners and developers run on their own machines. Arguments, streams and exit codes. */
import { fileURLToPath } from 'node:url';
import { explain } from '#common/cli.js';
import { version } from '#common/version.js';
import { Refusal } from '#contract/problems.js';
import type { Command } from './command.js';
import { help, helpOf } from './help.js';

const commands: Record<string, (() => Promise<Command>) | undefined> = {
  ledger: async () => (await import('./ledger.js')).ledger,
  backup: async () => (await import('./backup.js')).backup,
  member: async () => (await import('./member.js')).member,
  app: async () => (await import('./app.js')).app,
  agreement: async () => (await import('./agreement.js')).agreement,
  link: async () => (await import('./link.js')).link,
  case: async () => (await import('./case.js')).caseCommand,
  officer: async () => (await import('./officer.js')).officer,
  register: async () => (await import('./register.js')).register,
  conformance: async () => (await import('./conformance.js')).conformance,
};

// Whoever read our lines may have gone; that is no reason to end.
process.stdout.on('error', () => {});

const ends = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const out = (line: string): void => void process.stdout.write(`${line}\n`);

async function run([name = '', ...args]: string[]): Promise<number> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  const asksHelp = args.includes('--help') || args.includes('-h');
  if (asksHelp || ['--help', '-h', 'help'].includes(name)) {
    out((helpOf[name === 'help' ? (args[0] ?? '') : name] ?? help).trimEnd());
    return 0;
  }
  if (name === '--version') {
    out(version);
    return 0;
  }
  if (!load)
    throw new Refusal('arguments-invalid', name === '' ? 'no command is named' : `there is no command "${name}"`);
  const command = await load();
  const well = await command(args, {
    out,
    tell: (line) => void process.stderr.write(`${line}\n`),
    terminal: process.stdin.isTTY ? process.stdin : undefined,
    onEnd(listener) {
      for (const signal of ends) process.on(signal, listener);
      return () => {
        for (const signal of ends) process.off(signal, listener);
      };
    },
    env: process.env,
    templatesDir: fileURLToPath(new URL('../templates/', import.meta.url)),
    devBoxFile: fileURLToPath(new URL('./webizen-dev.js', import.meta.url)),
    specificationFile: fileURLToPath(new URL('../spec/openapi.json', import.meta.url)),
  });
  return well ? 0 : 1;
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const { text, exitCode } = explain('webizen', error);
  process.stderr.write(`${text}\n`);
  process.exitCode = exitCode;
}
