/** The pages that walk a newcomer through the house are true. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { Type } from 'typebox';
import { apiVersion, logTailBytes, maxBatchBytes, maxKeyBytes, maxValueBytes } from '#contract/api.js';
import { longestHoldSeconds, longestLeaseSeconds, mostLeases, updateNoticeSeconds } from '#contract/leases.js';
import { healthDefaults, Resources } from '#contract/manifest.js';
import { oldAfterSeconds, staleAfterSeconds } from '#contract/member.js';
import { longestLifeSeconds, longestWaitSeconds, maxMessageBytes, mostInPage, mostNames } from '#contract/messages.js';
import { check } from '#contract/parse.js';
import { isProblemCode, problem } from '#contract/problems.js';
import { largestArchive, largestUnpacked, mostLayerEntries, Release } from '#contract/release.js';
import { defaultLimits } from '../agent/api/api.js';
import { lateFailure } from '../agent/apps/outcome-watch.js';
import { containerSpec, limits } from '../agent/apps/runtime/spec.js';
import { defaultLimits as egressLimits } from '../agent/egress/egress.js';
import { messageLimits } from '../agent/messages/limits.js';
import { keptBytes, keptChanges } from '../agent/storage/feed.js';
import { storageReserveBytes } from '../agent/storage/storage.js';

const page = readFileSync('ARCHITECTURE.md', 'utf8');
const named = [...page.matchAll(/`([a-z]+(?:\/[\w.-]+)*)`/g)].map((match) => match[1] ?? '');
const rooms = ['agent', 'provisioning', 'sdk'].flatMap((side) =>
  readdirSync(side)
    .map((name) => path.join(side, name))
    .filter((place) => statSync(place).isDirectory()),
);

t.test('every path that ARCHITECTURE.md names is there', async (t) => {
  const paths = named.filter((name) => name.includes('/') && !name.startsWith('up/') && !name.startsWith('down/'));
  t.ok(paths.length > 30);
  for (const place of paths) t.ok(existsSync(place), place);
});

t.test('every room of the house is named in it', async (t) => {
  for (const room of [...rooms, 'common', 'common/pki', 'test', 'tools', 'docs/spec', 'docs/decisions'])
    t.ok(named.includes(room), room);
});

t.test('it is read in a few minutes', async (t) => {
  t.ok(page.split(/\s+/).filter(Boolean).length <= 1000);
});

t.test('every target that README.md names is in the Makefile', async (t) => {
  const targets = new Set([...readFileSync('Makefile', 'utf8').matchAll(/^([a-z]+):/gm)].map((match) => match[1]));
  const told = [...readFileSync('README.md', 'utf8').matchAll(/(?:`|^ {4})make ([a-z]+)/gm)].map((match) => match[1]);
  t.ok(told.length > 1);
  for (const target of told) t.ok(targets.has(target), `make ${target}`);
});

const Bounds = Type.Object({ minimum: Type.Number(), maximum: Type.Number() });

/** Of what no other file needs to import: the one figure that the pattern finds. */
function figure(file: string, pattern: RegExp): number {
  const found = [...readFileSync(file, 'utf8').matchAll(new RegExp(pattern, 'g'))];
  if (found.length !== 1) throw new Error(`${file}: ${pattern} is found ${found.length} times`);
  return Number(found[0]?.[1]?.replaceAll('_', ''));
}

t.test('what apps are told to rely on is what the code gives them', async (t) => {
  const told = readFileSync('docs/standard-operating-environment.md', 'utf8').replace(/\s+/g, ' ');
  const says = (text: string): void => void t.ok(told.includes(text), text);
  const kibi = 1024;
  const mebi = kibi ** 2;
  const gibi = kibi ** 3;
  const pageKibi = 4;
  const seconds = (milliseconds: number): string => `${milliseconds / 1000} s`;

  says(`Its version is ${apiVersion} and its paths begin with \`/v1\``);
  for (const { const: architecture } of Release.properties.architecture.anyOf) says(`\`${architecture}\``);

  const id = 'example.visits';
  const manifest = {
    ...{ id, version: '1.0.0', name: { en: 'V' }, summary: { en: 'V' }, api: apiVersion, capabilities: [] },
    ...{ resources: { memoryMiB: 64, cpus: 1, pids: 8, storageMiB: 1 }, run: { command: ['/app'] } },
    ...{ health: { kind: 'ready' as const }, terms: { en: 'None' } },
  };
  const where = { id, release: '', image: '', imageId: '', socketDirectory: '', seccompFile: '' };
  const { env, work_dir, read_only_filesystem } = containerSpec({ ...where, manifest });
  t.equal(work_dir, '/');
  t.ok(read_only_filesystem);
  for (const [name, value] of Object.entries(env))
    says(`| \`${name}\` | ${name === 'WEBIZEN_SOCKET' ? 'the socket of the API, ' : ''}\`${value}\``);

  says(`| \`/tmp\` | ${(limits.tmpPages * pageKibi) / kibi} MiB | ${limits.tmpFiles} |`);
  says(`| \`/run/app\` | ${(limits.runPages * pageKibi) / kibi} MiB | ${limits.runFiles} |`);
  says(`| \`/dev/shm\` | ${limits.sharedMemoryBytes / mebi} MiB |`);
  says(`At most ${limits.openFiles} files are open at once`);
  for (const [name, schema] of Object.entries(Resources.properties)) {
    const bounds = check(Bounds, schema);
    says(`| \`${name}\` | ${bounds.ok && bounds.value.minimum} | ${bounds.ok && bounds.value.maximum} |`);
  }

  const grace = figure('agent/apps/runtime/podman-runner.ts', /graceSeconds = (\d+)/);
  const supervisor = 'agent/apps/runtime/supervisor.ts';
  const [first, longest, well] = ['firstPause', 'longestPause', 'well'].map((name) =>
    seconds(figure(supervisor, new RegExp(`const ${name}Milliseconds = ([\\d_]+)`))),
  );
  says(`SIGTERM, and ${grace} s later SIGKILL`);
  says(
    `started again, after ${first}, then twice as long each time, at most ${longest}; having run ${well}, it begins at ${first}`,
  );

  const { intervalSeconds, timeoutSeconds, graceSeconds, failures } = healthDefaults;
  says(
    `looked at every ${intervalSeconds} s, waited for ${timeoutSeconds} s, may fail for ${graceSeconds} s after the start`,
  );
  says(`ill after ${failures} failures in a row`);
  t.equal(figure('agent/apps/runtime/health-watch.ts', /startingMilliseconds = (\d+)/), 1000);

  says(`Of one app ${egressLimits.tunnelsOfApp} tunnels are open at once, of all apps ${egressLimits.tunnels}`);
  says(`${seconds(egressLimits.connectMilliseconds)} to take the connection`);
  says(`closed after ${egressLimits.idleMilliseconds / 60_000} minutes`);

  says(`keys of 1 to ${maxKeyBytes} bytes, values of up to ${maxValueBytes / mebi} MiB`);
  says(
    `up to ${figure('agent/contract/api.ts', /maxItems: (\d+), description: 'all are done/)} writes and ${maxBatchBytes / mebi} MiB`,
  );
  says(`lists of up to ${figure('agent/api/routes/storage.ts', /limit: .*maximum: (\d+)/)} keys a page`);
  says(`keeps ${storageReserveBytes / mebi} MiB for itself`);

  says(`a body of up to ${maxMessageBytes / kibi} KiB`);
  says(`the newest ${messageLimits.oncesOfApp} are remembered`);
  says(`up to ${mostInPage} a page, and waits up to ${longestWaitSeconds} s`);
  says(`in ${messageLimits.waitsOfApp} calls`);
  says(`| messages that wait | ${messageLimits.countOfApp}, and ${messageLimits.bytesOfApp / mebi} MiB |`);
  says(`| names | ${mostNames} |`);
  says(`| life of a message | ${longestLifeSeconds / 86_400} days |`);
  says(`All apps together have ${messageLimits.bytes / mebi} MiB`);

  says(`a comment every ${seconds(defaultLimits.keepAliveMilliseconds)}`);
  says(`${defaultLimits.maxStreams} streams are open at once`);
  says(`the last ${keptChanges} changes are kept for that, or ${keptBytes / kibi} KiB`);
  says(`more than ${defaultLimits.maxUnsentBytes / kibi} KiB behind`);
  says(`up to ${figure('agent/notices/notices.ts', /aDay: (\d+)/)} times a day`);
  says(`The newest ${figure('agent/notices/notices.ts', /kept: (\d+)/)} are kept`);
  says(`kept up to ${limits.logBytes / mebi} MiB`);
  const { restarts, milliseconds } = lateFailure;
  says(`ends ${restarts} times within ${milliseconds / 3_600_000} hours after its release came`);
  says(`up to ${logTailBytes / kibi} KiB`);
  const watch = 'agent/storage/space-watch.ts';
  says(`${100 * figure(watch, /shortAt = ([\d.]+)/)} % of the app's own quota`);
  says(`for the quota at ${100 * figure(watch, /wellAt = ([\d.]+)/)} %`);
  t.equal(figure(watch, /wellReserves = ([\d.]+)/), 1.5, 'half as much again');
  says(`gives it ${updateNoticeSeconds} s`);
  says(`lasts ${longestLeaseSeconds / 3600} hours at most`);
  says(`there are at most ${mostLeases}`);
  says(`goes ahead after ${longestHoldSeconds / 3600} hours`);
  says(`good for ${figure('agent/identity/attest.ts', /lifetimeSeconds = (\d+)/) / 60} minutes`);

  const sockets = 'agent/api/sockets.ts';
  says(`connections, tunnels and streams among them | ${defaultLimits.maxConnections} |`);
  says(`requests sent ahead on one connection | ${figure('agent/api/gate.ts', /mostPipelined = (\d+)/)} |`);
  says(`${defaultLimits.requestsPerSecond}, and ${defaultLimits.burst} in one go`);
  says(
    `${figure(sockets, /maxHeaderSize: ([\d_]+)/) / kibi} KiB, within ${seconds(defaultLimits.headersMilliseconds)}`,
  );
  says(`whole request | within ${seconds(defaultLimits.requestMilliseconds)}`);
  says(`lies idle | ${seconds(figure(sockets, /keepAliveTimeout: ([\d_]+)/))}`);

  says(`older than ${staleAfterSeconds / 86_400} days, nothing new`);
  says(`older than ${oldAfterSeconds / 86_400} days, nothing is updated`);
  t.equal(figure('agent/apps/installer.ts', /lookMilliseconds = (\d+) \*/), 24, 'once a day');
  says(`at most ${largestUnpacked / gibi} GiB and ${mostLayerEntries.toLocaleString('en')} files and folders`);
  says(`has at most ${largestArchive / gibi} GiB`);

  for (const [, status, code = ''] of told.matchAll(/(\d{3}) `([a-z]+(?:-[a-z]+)+)`/g))
    t.equal(isProblemCode(code) && problem(code).status, Number(status), code);
  for (const code of [
    'api-too-old',
    'app-out-of-memory',
    'grant-missing',
    'quota-exceeded',
    'disk-full',
    'storage-key-missing',
    'rate-limited',
  ])
    t.ok(isProblemCode(code) && told.includes(`\`${code}\``), code);
});
