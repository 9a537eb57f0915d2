/** `broker config mosquitto` and `broker helper`: a broker outside, and what runs beside it. */
import { once } from 'node:events';
import { chmod, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { pino } from 'pino';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { issueServer } from '#common/pki/certificate.js';
import { keyInFile, keyToPem, signerOf, spkiOf } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { Refusal } from '#contract/problems.js';
import { createHelper } from '../broker/helper.js';
import { mosquittoAcl, mosquittoConf, mosquittoFiles } from '../broker/mosquitto.js';
import { checkBrokerUrl } from '../broker/outside.js';
import { type Ca, openCa } from '../ca/ca.js';
import { crlFile } from '../ca/crl.js';
import { hostsOf, serverLifetime } from '../ca/server-certificate.js';
import { openRooms } from '../rooms.js';
import { checkDirectory, readTerritory } from '../territory.js';
import { noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import type { Command } from './command.js';

const several = { type: 'string', multiple: true } as const;
const ports = [1, 65_535] as const;
const usualPort = '8883';
const usualHelperPort = '8446';
const maxPacketBytes = 256 * 1024;

/** A running provider keeps its list fresh in the file; without one it is made now. */
async function revocationList(directory: string): Promise<string> {
  try {
    const rooms = await openRooms({ directory, files, clock: systemClock });
    try {
      await rooms.crl.changed();
      return await rooms.crl.pem();
    } finally {
      await rooms.close();
    }
  } catch (error) {
    // Where the records are in a database, the newest list is that which whoever serves has made.
    const isElsewhere = error instanceof Refusal && (error.code === 'directory-in-use' || error.code === 'store-moved');
    if (!isElsewhere) throw error;
    const list = (await files.read(crlFile(directory)))?.toString('utf8');
    if (!list) throw new Refusal('unavailable', 'the provider has not made its revocation list yet: serve first');
    return list;
  }
}

async function writeServerCertificate(ca: Ca, out: string, hosts: readonly string[]): Promise<void> {
  const keyFile = path.join(out, mosquittoFiles.key);
  const key = await keyInFile(files, keyFile);
  const now = systemClock.now();
  const notAfter = Math.min(now + serverLifetime, Date.parse(ca.issuer.certificate.validTo));
  const wish = { hosts, spki: spkiOf(signerOf(key).publicKey), notBefore: now - 3_600_000, notAfter };
  const leaf = certificateToPem(await issueServer(ca.issuer, wish));
  await files.write(path.join(out, mosquittoFiles.cert), leaf + ca.below, 0o644);
  await files.write(keyFile, keyToPem(key), 0o600);
}

const config: Command = async (args, { out: print }) => {
  const { values, positionals } = readArguments(args, {
    ...{ dir: text, out: text, at: text, host: several, port: text, bind: text, user: text, 'helper-port': text },
  });
  const [which, ...rest] = positionals;
  noMore(rest);
  if (which !== 'mosquitto') throw new Refusal('arguments-invalid', 'broker config is followed by mosquitto');
  const directory = path.resolve(required(values.dir, '--dir'));
  const out = path.resolve(required(values.out, '--out'));
  const at = path.resolve(values.at ?? out);
  const port = wholeNumber(values.port ?? usualPort, '--port', ports);
  const helperPort = wholeNumber(values['helper-port'] ?? usualHelperPort, '--helper-port', ports);
  const user = values.user ?? 'mosquitto';
  if (!/^[\w-]{1,32}$/.test(user)) throw new Refusal('arguments-invalid', '--user is the name of a user');
  const [host = required(undefined, '--host'), ...more] = values.host ?? [];
  const hosts = [...new Set([host, ...more, ...hostsOf('localhost')])];

  await checkDirectory(directory);
  const { leafLifetimeSeconds } = await readTerritory(files, directory);
  const ca = await openCa({ files, clock: systemClock, directory, leafLifetimeSeconds });
  await mkdir(path.join(out, mosquittoFiles.data), { recursive: true, mode: 0o750 });
  await chmod(out, 0o750);
  const write = (name: keyof typeof mosquittoFiles, content: string) =>
    files.write(path.join(out, mosquittoFiles[name]), content, 0o644);
  // Without the bridges: OpenSSL would follow them from one root to the other and back.
  await write('ca', ca.trusted.join(''));
  await write('crl', await revocationList(directory));
  await write('acl', mosquittoAcl());
  await writeServerCertificate(ca, out, hosts);
  await write('conf', mosquittoConf({ at, port, bind: values.bind, user, maxPacketBytes }));

  const address = host.includes(':') ? `[${host}]` : host;
  for (const line of [
    `mosquitto's configuration is in ${out}`,
    '',
    `On the broker's host${at === out ? '' : `, with these files in ${at}`}:`,
    `  chown -R ${user}: ${at}`,
    `  mosquitto -c ${path.join(at, mosquittoFiles.conf)}`,
    `  runuser -u ${user} -- webizen-provider broker helper --at ${at} --port ${helperPort} --broker mqtts://localhost:${port}`,
    'and here:',
    `  webizen-provider serve --dir ${directory} --broker mqtts://${address}:${port} --broker-helper https://${address}:${helperPort}`,
  ])
    print(line);
};

const helper: Command = async (args, { out, stop }) => {
  const { values, positionals } = readArguments(args, { at: text, host: text, port: text, broker: text });
  noMore(positionals);
  const at = path.resolve(required(values.at, '--at'));
  const place = (name: keyof typeof mosquittoFiles) => path.join(at, mosquittoFiles[name]);
  const pem = async (name: keyof typeof mosquittoFiles) => {
    const found = await files.read(place(name));
    if (!found) throw new Refusal('arguments-invalid', `${place(name)} is not there: --at is what broker config made`);
    return found.toString('utf8');
  };
  await pem('ca');
  const beside = createHelper({
    crlFile: place('crl'),
    caFile: place('ca'),
    pidFile: place('pid'),
    broker: checkBrokerUrl(values.broker ?? `mqtts://localhost:${usualPort}`),
    tls: { key: await pem('key'), cert: await pem('cert') },
    signal: (pid) => void process.kill(pid, 'SIGHUP'),
    files,
    clock: systemClock,
    log: pino({ level: 'info' }, pino.destination(2)),
  });
  const port = wholeNumber(values.port ?? usualHelperPort, '--port', [0, 65_535]);
  out(`helper ${await beside.start(values.host ?? '0.0.0.0', port)}`);
  out('ready');
  if (!stop.aborted) await once(stop, 'abort');
  await beside.stop();
};

const commands: Record<string, Command | undefined> = { config, helper };

export const broker: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', 'broker is followed by config or helper');
  await command(args, io);
};
