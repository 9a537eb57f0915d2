/** `webizen-agent`: command line, configuration file, signals. The only file of the agent that touches the process. */
import './heap.js';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { explain, parseOrRefuse } from '#common/cli.js';
import { callControl } from '#common/control.js';
import { version } from '#common/version.js';
import { AgentStatus } from '#contract/agent-status.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { newSetupCode } from '#contract/setup-code.js';
import { createAgent } from './agent.js';
import { adminSocket, type Config, parseConfig } from './config.js';
import { factoryCsr, factoryInstall } from './factory/install.js';
import { realHost } from './host/host.js';
import { createServiceManager } from './host/service-manager.js';
import { ledgerOffline } from './ledger-offline.js';
import { openLockedConsole } from './locked-wiring.js';
import { resetOffline } from './reset-wiring.js';
import { sayLastWords } from './safe/last-words.js';

const help = `webizen-agent ${version}: the daemon of a Webizen box

  webizen-agent --config FILE                  run in the foreground; SIGTERM stops it
  webizen-agent status --config FILE [--json]  what the running agent says of itself
  webizen-agent check --config FILE            check the configuration file and nothing else
  webizen-agent locked --config FILE           where the data do not open: a page that says so, and takes the storage key
  webizen-agent factory csr --config FILE [--serial S]
      on the production line: makes the key of the factory identity, prints a request for its certificate
  webizen-agent factory install --config FILE --from DIR
      takes what the maker made for this box: certificate, setup code, voucher
  webizen-agent factory code                   print a new setup code, for webizen.json of a home-made box
  webizen-agent ledger export --config FILE    print all that happened, for webizen ledger verify
  webizen-agent reset --config FILE            forget territory, owner, keys and apps' data; asks for --yes

  reset --hand-over tells the provider that the box goes to another owner.

Exit codes: 0 done, 1 it could not be done, 2 the command line or the configuration is wrong.
`;

async function configFrom(file: string | undefined): Promise<Config> {
  if (file === undefined) throw new Refusal('arguments-invalid', '--config FILE is missing');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Refusal('config-unreadable', file, { cause: error });
  });
  return parseConfig(text);
}

const timeSources = {
  authenticated: 'as the provider says',
  floor: 'or later: the last that is known',
  release: 'or later: when this release was made',
} as const;

function inWords(status: AgentStatus): string {
  const { link, health, certificate, time } = status;
  return [
    `box          ${status.box ?? 'not enrolled yet'}`,
    `territory    ${status.territory ?? '-'}`,
    `link         ${link.online ? 'online' : 'offline'}${link.since ? ` since ${new Date(link.since).toISOString()}` : ''}`,
    `certificate  ${certificate ? `until ${new Date(certificate.notAfter).toISOString()}, renewed from ${new Date(certificate.renewAt).toISOString()}` : '-'}`,
    `time         ${new Date(time.now).toISOString()}, ${timeSources[time.source]}`,
    `health       ${health.waiting} waiting, ${health.lost} lost, ${health.deadLetters} dead letters`,
    ...(status.events ? [`events       ${status.events.waiting} waiting, ${status.events.lost} given up`] : []),
    ...status.apps.map(
      (app) =>
        `app          ${app.id}: ${app.state}, ${app.sandbox === 'none' ? 'not sandboxed' : `in ${app.sandbox}`}, ${app.restarts} restarts`,
    ),
    ...status.refusals.map(
      (one) =>
        `refused      ${new Date(one.at).toISOString()} ${one.code}: ${one.title}. ${one.detail ?? ''}\n             ${one.remedy}`,
    ),
  ].join('\n');
}

const daemonLog = () =>
  pino({ base: undefined, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
const ownerAssets = fileURLToPath(new URL('../owner/', import.meta.url));

async function locked(config: Config): Promise<void> {
  const log = daemonLog();
  const page = await openLockedConsole(config, realHost, { log, assetsDir: ownerAssets });
  const stop = (): void => void page.stop().then(() => process.exit(0), fail);
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  log.info({ port: await page.start() }, 'the data do not open: a page says so');
}

async function run(config: Config): Promise<void> {
  const log = daemonLog();
  const manager = createServiceManager(process.env, (error) => log.warn({ err: error }, 'systemd cannot be told'));
  // The next start knows then why this one did not last.
  process.on('uncaughtExceptionMonitor', (error) => sayLastWords(config.runtimeDir, error));
  const failed = (error: unknown): never => {
    sayLastWords(config.runtimeDir, error);
    fail(error);
  };
  // After a reset the same process goes on as a new box.
  const onRestart = (): void => {
    agent
      .stop()
      .then(() => {
        agent = createAgent(config, realHost, around);
        return agent.start();
      })
      .catch(failed);
  };
  const around = { log, onRestart, ownerAssets };
  let agent = createAgent(config, realHost, around);
  const stop = (): void => {
    manager.stopping();
    agent.stop().then(() => process.exit(0), failed);
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  await agent.start().catch(failed);
  manager.ready();
}

/** What the board calls itself, where it does: a string that ends with a zero byte. */
async function boardSerial(): Promise<string> {
  const text = await realHost.kernel('/proc/device-tree/serial-number');
  const serial = text?.split('\0')[0]?.trim();
  if (!serial) throw new Refusal('serial-invalid', 'this board states none: give --serial');
  return serial;
}

async function factory(
  [name, ...more]: string[],
  values: { config?: string | undefined; serial?: string | undefined; from?: string | undefined },
): Promise<void> {
  if (more.length > 0) throw new Refusal('arguments-invalid', `unexpected ${more.join(' ')}`);
  if (name === 'code') return void process.stdout.write(`${newSetupCode()}\n`);
  if (name !== 'csr' && name !== 'install')
    throw new Refusal('arguments-invalid', 'factory is followed by csr, install or code');
  const { dataDir } = await configFrom(values.config);
  const { files, clock } = realHost;
  if (name === 'csr') {
    const serial = values.serial ?? (await boardSerial());
    return void process.stdout.write(await factoryCsr({ files, dataDir, serial }));
  }
  if (values.from === undefined) throw new Refusal('arguments-invalid', '--from DIR is missing');
  const {
    serial,
    name: called,
    voucher,
  } = await factoryInstall({ files, dataDir, from: values.from, at: clock.now() });
  process.stdout.write(`${called}, serial ${serial}${voucher ? ', with a voucher' : ''}\n`);
}

function fail(error: unknown): never {
  const { text, exitCode } = explain('webizen-agent', error);
  process.stderr.write(`${text}\n`);
  process.exit(exitCode);
}

async function reset(config: Config, kind: 'reset' | 'hand-over'): Promise<void> {
  const running = await callControl(adminSocket(config.runtimeDir), 'reset', { kind }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Refusal && error.code === 'not-running') return false;
      throw error;
    },
  );
  const log = pino({ base: undefined }, pino.destination({ dest: 2, sync: true }));
  if (!running)
    await resetOffline(config, realHost, kind, (refusal) => log.warn({ code: refusal.code }, refusal.message));
  process.stdout.write(running ? 'the box is being reset and starts again\n' : 'the box is as it was made\n');
}

/** From the running agent, or from its store when none runs. */
async function exportLedger(config: Config): Promise<void> {
  const socket = adminSocket(config.runtimeDir);
  const exported = await callControl(socket, 'ledger').catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'not-running') return ledgerOffline(config, realHost);
    throw error;
  });
  process.stdout.write(`${JSON.stringify(exported, null, 1)}\n`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseOrRefuse(() =>
    parseArgs({
      allowPositionals: true,
      options: {
        config: { type: 'string' },
        json: { type: 'boolean' },
        serial: { type: 'string' },
        from: { type: 'string' },
        yes: { type: 'boolean' },
        'hand-over': { type: 'boolean' },
        help: { type: 'boolean' },
        version: { type: 'boolean' },
      },
    }),
  );
  const [command, ...more] = positionals;
  if (values.help) return void process.stdout.write(help);
  if (values.version) return void process.stdout.write(`${version}\n`);
  if (command === 'factory') return factory(more, values);
  const isExport = command === 'ledger' && more.length === 1 && more[0] === 'export';
  if (more.length > 0 && !isExport) throw new Refusal('arguments-invalid', `unexpected ${more.join(' ')}`);
  const config = await configFrom(values.config);
  if (command === undefined) return run(config);
  if (command === 'locked') return locked(config);
  if (command === 'check') return void process.stdout.write('the configuration is right\n');
  if (isExport) return exportLedger(config);
  if (command === 'ledger') throw new Refusal('arguments-invalid', 'ledger is followed by export');
  if (command === 'reset') {
    if (!values.yes)
      throw new Refusal(
        'arguments-invalid',
        "everything on the box is lost, apps' data too: add --yes if that is meant",
      );
    return reset(config, values['hand-over'] ? 'hand-over' : 'reset');
  }
  if (command !== 'status') throw new Refusal('arguments-invalid', `there is no command ${command}`);
  const answer = check(AgentStatus, await callControl(adminSocket(config.runtimeDir), 'status'));
  if (!answer.ok) throw new Refusal('internal', describeFaults(answer.faults));
  process.stdout.write(`${values.json ? JSON.stringify(answer.value, null, 2) : inWords(answer.value)}\n`);
}

main().catch(fail);
