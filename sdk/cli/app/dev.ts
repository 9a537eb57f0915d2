/** `app dev`: the app on a box that is simulated on this machine; `app dev fault`: what goes wrong there. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { explain } from '#common/cli.js';
import { files } from '#common/files.js';
import { Capability } from '#contract/capabilities.js';
import { type DevOptions, type DevRun, isDevFaultName } from '#contract/developing.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { soundManifest } from '../../publish/manifest-file.js';
import { workshop } from '../../publish/workshop.js';
import { flag, noMoreThan, oneOf, readArguments, required, text, texts } from '../arguments.js';
import type { Command, Io } from '../command.js';
import { tellPromises } from '../conformance.js';
import { type Box, hasBubblewrap, startBox, turnFault } from '../dev/box.js';
import { keyLines, takeKeys } from '../dev/keys.js';
import { type DevPlace, devPlaceOf } from '../dev/place.js';
import { releaseNow, watchApp } from '../dev/watch.js';

const states = ['on', 'off'];

const fault: Command = async (args, { out }) => {
  const { positionals } = readArguments(args, {});
  const [named, ...rest] = positionals;
  const [name = '', ...more] = required(named, 'the fault').split(':');
  if (!isDevFaultName(name)) throw new Refusal('dev-fault-unknown', name);
  const wished = rest[0] !== undefined && states.includes(rest[0]) ? rest.shift() : undefined;
  noMoreThan(1, rest);
  const capability = more.length > 0 ? check(Capability, more.join(':')) : undefined;
  if (capability && (!capability.ok || name !== 'grant'))
    throw new Refusal('arguments-invalid', `what is "${more.join(':')}"? A permission follows grant: alone`);
  const { control } = await devPlaceOf(rest[0] ?? '.');
  const says = await turnFault(control, {
    name,
    ...(wished === undefined ? {} : { on: wished === 'on' }),
    ...(capability?.ok ? { capability: capability.value } : {}),
  });
  out(says);
  return true;
};

/** `api.example.com=127.0.0.1:8080` */
function reachOf(given: readonly string[]): DevOptions['reach'] {
  return Object.fromEntries(
    given.map((one) => {
      const [, name, host, port] = /^([a-z0-9.-]+)=([^=]+):(\d{1,5})$/.exec(one) ?? [];
      if (!name || !host || Number(port) > 65_535 || Number(port) < 1)
        throw new Refusal(
          'arguments-invalid',
          `--reach is NAME=HOST:PORT, such as api.example.com=127.0.0.1:8080, not ${one}`,
        );
      return [name, { host, port: Number(port) }];
    }),
  );
}

async function sandboxOf(given: string | undefined): Promise<DevOptions['sandbox']> {
  const wished = given === undefined ? undefined : oneOf(given, '--sandbox', ['bubblewrap', 'none'] as const);
  if (wished === 'none') return 'none';
  if (await hasBubblewrap()) return 'bubblewrap';
  if (wished === 'bubblewrap') throw new Refusal('bubblewrap-missing');
  return 'none';
}

/** The files as they lie there; for podman, what was built of them last. */
async function appNow({ folder }: DevPlace, { podman }: DevOptions): Promise<DevRun> {
  if (podman !== undefined) {
    const place = workshop({ folder, files });
    const { manifest, image, blobs } = await place.built();
    const release = createHash('sha256')
      .update(JSON.stringify([manifest, image.digest]))
      .digest('hex');
    return { manifest, release, built: { image, blobs, folder: place.blobs } };
  }
  const manifest = await soundManifest(folder);
  return { manifest, release: await releaseNow(folder, manifest) };
}

const told = (error: unknown): string => explain('webizen', error).text;

/** Until it is asked to end, or ends by itself. */
async function serve(box: Box, place: DevPlace, options: DevOptions, io: Io): Promise<boolean> {
  let release = '';
  /** One after the other; the last state of the files is what runs. */
  let turn: Promise<unknown> = Promise.resolve();
  const again = (): void => {
    turn = turn
      .then(async () => {
        const next = await appNow(place, options);
        if (next.release === release) return;
        if (release !== '') io.tell('webizen: the app has changed, and is started again');
        await box.run(next);
        release = next.release;
      })
      .catch((error: unknown) => {
        const isBeingBuilt = release !== '' && error instanceof Refusal && error.code === 'app-not-built';
        if (!isBeingBuilt) io.tell(told(error));
      });
  };
  const watching = watchApp(place.folder, options.podman === undefined ? [] : [path.dirname(place.dataDir)], again);
  await watching.started;
  again(); // what was changed before it was watched
  const stop = new AbortController();
  const forget = io.onEnd(() => stop.abort());
  const giveBack =
    io.terminal &&
    takeKeys(io.terminal, {
      fault: (name) => void box.fault({ name }).catch((error: unknown) => io.tell(told(error))),
      help: () => keyLines().forEach(io.tell),
      end: () => stop.abort(),
    });
  if (io.terminal) io.tell('webizen: keys switch faults on and off, ? lists them, Ctrl-C ends');
  const isAsked = new Promise<true>((resolve) => stop.signal.addEventListener('abort', () => resolve(true)));
  const asked = await Promise.race([isAsked, box.ended.then(() => false)]);
  watching.close();
  giveBack?.();
  await turn;
  const well = await box.end();
  forget();
  if (!asked && !well) throw new Refusal('dev-box-ended');
  return true;
}

/** Until the app is well, and the API was tried as it has it. */
async function tryOnce(box: Box, place: DevPlace, options: DevOptions, io: Io): Promise<boolean> {
  const forget = io.onEnd(() => void box.end());
  try {
    await box.run(await appNow(place, options));
    await box.settled();
    await box.rest(); // the trial writes where the app would
    const { socket } = await box.state();
    return await tellPromises(socket ?? '', io);
  } finally {
    await box.end();
    forget();
  }
}

export const dev: Command = async (args, io) => {
  if (args[0] === 'fault') return fault(args.slice(1), io);
  const { values, positionals } = readArguments(args, { sandbox: text, podman: text, reach: texts, once: flag });
  noMoreThan(1, positionals);
  const place = await devPlaceOf(positionals[0] ?? '.');
  if (values.podman !== undefined && values.sandbox !== undefined)
    throw new Refusal('arguments-invalid', 'podman is a sandbox of its own: leave --sandbox away');
  await soundManifest(place.folder);
  const { folder, dataDir, runtimeDir, control } = place;
  const options: DevOptions = {
    ...{ folder, dataDir, runtimeDir },
    ...(values.podman === undefined
      ? { sandbox: await sandboxOf(values.sandbox) }
      : { sandbox: 'podman', podman: path.resolve(values.podman) }),
    reach: reachOf(values.reach ?? []),
  };
  const box = await startBox({ program: io.devBoxFile, options, control });
  return values.once ? tryOnce(box, place, options, io) : serve(box, place, options, io);
};
