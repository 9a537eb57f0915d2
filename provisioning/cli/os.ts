/** `os keys | sign | publish | list | schedule | pause | resume | abort | next`: releases of the operating system. */
import { createHash, createPrivateKey } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Type } from 'typebox';
import { systemClock } from '#common/clock.js';
import { table, when } from '#common/columns.js';
import { ownDirectory } from '#common/files.js';
import { publicJwkOf } from '#common/jws.js';
import { bundleSignature } from '#common/os/bundle.js';
import { signOsRelease } from '#common/os/release.js';
import { newPrivateKey } from '#common/pki/keys.js';
import { OsRelease } from '#contract/os-release.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { rolloutDefaults } from '#contract/rollout.js';
import { fileText, flag, noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';

const Listed = Type.Array(
  Type.Object(
    {
      ...{ id: Type.String(), version: Type.String(), compatible: Type.String(), channel: Type.String() },
      ...{ security: Type.Boolean(), state: Type.String(), percent: Type.Number(), why: Type.String() },
      ...{ done: Type.Integer(), failed: Type.Integer(), running: Type.Integer() },
      notBefore: Type.Union([Type.Number(), Type.Null()]),
    },
    { additionalProperties: true },
  ),
);

/** The publisher's: made once, `next.key` to be kept away from every network. */
const keys: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { out: text });
  noMore(positionals);
  const directory = path.resolve(required(values.out, '--out'));
  await ownDirectory(directory);
  const made = { current: newPrivateKey(), next: newPrivateKey() };
  for (const [name, key] of Object.entries(made)) {
    const pem = key.export({ format: 'pem', type: 'pkcs8' });
    await writeFile(path.join(directory, `${name}.key`), pem, { mode: 0o600, flag: 'wx' }).catch((error: unknown) => {
      throw new Refusal('arguments-invalid', `${name}.key is there already, or cannot be written`, { cause: error });
    });
  }
  const pinned = { generation: 1, keys: [await publicJwkOf(made.current), await publicJwkOf(made.next)] };
  await writeFile(path.join(directory, 'keys.json'), `${JSON.stringify(pinned, null, 2)}\n`);
  out(`${path.join(directory, 'keys.json')} goes into images; move next.key to where no network is`);
};

const sign: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, {
    ...{ key: text, bundle: text, compatible: text, version: text, minimum: text, channel: text, notes: text },
    ...{ security: flag, out: text },
  });
  noMore(positionals);
  const bundle = required(values.bundle, '--bundle');
  const hash = createHash('sha256');
  const size = await stat(bundle).then(
    (found) => found.size,
    (error: unknown) => {
      throw new Refusal('arguments-invalid', `cannot read ${bundle}`, { cause: error });
    },
  );
  for await (const chunk of createReadStream(bundle, { highWaterMark: 1024 ** 2 })) hash.update(chunk as Buffer);
  const version = required(values.version, '--version');
  const signature = await bundleSignature(bundle);
  const release = check(OsRelease, {
    ...{ compatible: required(values.compatible, '--compatible'), version, channel: values.channel ?? 'stable' },
    ...{ releasedAt: systemClock.now(), security: values.security ?? false },
    bundle: { sha256: hash.digest('hex'), size, ...(signature && { signature }) },
    minimum: values.minimum ?? '0.0.0',
    notes: { en: required(values.notes, '--notes') },
  });
  if (!release.ok) throw new Refusal('arguments-invalid', describeFaults(release.faults));
  const key = createPrivateKey(await fileText(required(values.key, '--key')));
  const file = required(values.out, '--out');
  await writeFile(file, `${await signOsRelease(release.value, { key })}\n`);
  out(`${file}: ${release.value.compatible} ${version}`);
};

const publish: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, release: text, bundle: text, keys: text });
  noMore(positionals);
  const file = (given: string | undefined, name: string): string => path.resolve(required(given, name));
  const answer = await asking(values.dir)('os.publish', {
    release: file(values.release, '--release'),
    bundle: file(values.bundle, '--bundle'),
    keys: file(values.keys, '--keys'),
  });
  const read = check(Type.Object({ id: Type.String(), version: Type.String() }), answer);
  if (!read.ok) throw new Error(`cannot read the answer: ${describeFaults(read.faults)}`);
  out(`${read.value.version} is here, and no box is told of it yet: os schedule ${read.value.id}`);
};

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  noMore(positionals);
  const read = check(Listed, await asking(values.dir)('os.list', {}));
  if (!read.ok) throw new Error(`cannot read the answer: ${describeFaults(read.faults)}`);
  if (values.json) return out(JSON.stringify(read.value));
  const rows = read.value.map((one) => [
    ...[one.version, one.compatible, one.channel, one.security ? 'security' : '-'],
    ...[one.why ? `${one.state}: ${one.why}` : one.state, `${one.percent} %`],
    ...[one.notBefore === null ? '-' : when(one.notBefore), `${one.running} run it`],
    ...[`${one.done} done, ${one.failed} failed`, one.id],
  ]);
  const head = ['VERSION', 'FOR', 'CHANNEL', 'MARK', 'STATE', 'REACHES', 'NOT BEFORE', 'BOXES', 'RESULTS', 'RELEASE'];
  for (const line of table([head, ...rows])) out(line);
};

const schedule: Command = async (args, { out }) => {
  const options = { dir: text, waves: text, 'stop-at': text, 'hold-hours': text, 'not-before': text };
  const { values, positionals } = readArguments(args, options);
  const [release, ...rest] = positionals;
  noMore(rest);
  const { 'stop-at': stop, 'hold-hours': hold, 'not-before': at, waves = '100' } = values;
  const notBefore = at === undefined ? null : Date.parse(at);
  if (Number.isNaN(notBefore))
    throw new Refusal('arguments-invalid', '--not-before is a time such as 2026-12-01T02:00Z');
  const plan = {
    waves: waves.split(',').map((percent) => wholeNumber(percent, '--waves', [1, 100])),
    stopAt: stop === undefined ? rolloutDefaults.stopAt : wholeNumber(stop, '--stop-at', [1, 100]),
    holdHours: hold === undefined ? rolloutDefaults.holdHours : wholeNumber(hold, '--hold-hours', [0, 720]),
  };
  await asking(values.dir)('os.schedule', { release: required(release, 'the release'), plan, notBefore });
  out('it is selected for the boxes of its first wave, which ask a few times a day');
};

const acting =
  (act: 'pause' | 'resume' | 'abort' | 'next'): Command =>
  async (args, { out }) => {
    const { values, positionals } = readArguments(args, { dir: text, reason: text });
    const [release, ...rest] = positionals;
    noMore(rest);
    const reason = act === 'pause' || act === 'abort' ? required(values.reason, '--reason') : values.reason;
    await asking(values.dir)('os.act', { release: required(release, 'the release'), act, ...(reason && { reason }) });
    out('done: boxes hear of it when they ask next');
  };

const commands: Record<string, Command | undefined> = {
  ...{ keys, sign, publish, list, schedule },
  ...{ pause: acting('pause'), resume: acting('resume'), abort: acting('abort'), next: acting('next') },
};

export const os: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', `os is followed by ${Object.keys(commands).join(', ')}`);
  await command(args, io);
};
