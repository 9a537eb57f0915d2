/** `app messages keygen|follow|send`: what an app on its boxes and its maker have to say to each other. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { when } from '#common/columns.js';
import { files } from '#common/files.js';
import { ReleasedAppId } from '#contract/manifest.js';
import { MessageName } from '#contract/messages.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { messageKeyFile, openBackend } from '../../backend/backend.js';
import { addMessageKey } from '../../backend/key-file.js';
import { manifestName, soundManifest } from '../../publish/manifest-file.js';
import { memberFolder } from '../../publish/member-folder.js';
import { choice, flag, memberPlace, noMoreThan, readArguments, required, text } from '../arguments.js';
import type { Command, Io } from '../command.js';
import { territoryOf } from '../territory.js';

/** By its id, or by the folder that it is made in. */
const idOf = async (named: string): Promise<string> =>
  check(ReleasedAppId, named).ok ? named : (await soundManifest(named)).id;

const keygen: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, { member: text });
  noMoreThan(1, positionals);
  const file = path.join(positionals[0] ?? '.', manifestName);
  const written = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Refusal('file-unreadable', file, { cause: error });
  });
  // As it was written, faults and all: one of them may be that the key is missing.
  const manifest = JSON.parse(written) as Record<string, unknown>;
  const id = check(ReleasedAppId, manifest.id);
  if (!id.ok) throw new Refusal('manifest-faulty', `${file}: it has no id`);
  const member = memberPlace(values.member, env);
  await memberFolder({ directory: member, files }).current(); // the folder is there, and is a member's
  const keyFile = messageKeyFile(member, id.value);
  const { kty, crv, x, y, kid } = await addMessageKey(files, keyFile);
  await writeFile(file, `${JSON.stringify({ ...manifest, messages: { key: { kty, crv, x, y, kid } } }, null, 2)}\n`);
  out(`${keyFile}: the key ${kid}, for your server alone`);
  out(`${file} names it: boxes encrypt to it from the next release on`);
  return true;
};

async function backendOf(
  values: { member?: string | undefined; catalogue?: string | undefined; ca?: string | undefined },
  app: string,
  env: Io['env'],
) {
  const member = memberPlace(values.member, env);
  const territory = await territoryOf(values, memberFolder({ directory: member, files }));
  return openBackend({ app, member, files, territory });
}

const follow: Command = async (args, { out, tell, env }) => {
  const options = { member: text, catalogue: text, ca: text, count: text, json: flag };
  const { values, positionals } = readArguments(args, options);
  noMoreThan(1, positionals);
  const most = values.count === undefined ? Number.POSITIVE_INFINITY : Number(values.count);
  if (!(most >= 1)) throw new Refusal('arguments-invalid', '--count is a number from 1 on');
  const app = await idOf(positionals[0] ?? '.');
  const backend = await backendOf(values, app, env);
  const over = new AbortController();
  let seen = 0;
  const wish = {
    signal: over.signal,
    onDisbelieved: ({ code, detail, parcel }: { code: string; detail: string; parcel: { box: string } }) =>
      tell(`not believed, from ${parcel.box}: ${code}: ${detail}`),
    onTrouble: (error: unknown) => tell(error instanceof Error ? error.message : String(error)),
  };
  for await (const message of backend.follow(wish)) {
    const { id, box, name, at, version, contentType, body, missed, isNewKey } = message;
    if (isNewKey) tell(`${box} answers to a new key`);
    if (missed > 0) tell(`${box}: ${missed} messages under ${name} are missing before ${id}`);
    const isText = /^(text\/|application\/json)/.test(contentType);
    const shown = isText ? body.toString('utf8') : body.toString('base64');
    out(
      values.json
        ? JSON.stringify({ id, box, app, version, name, at, contentType, missed, isNewKey, body: shown })
        : `${when(at)}  ${box}  ${version}  ${name}  ${shown}`,
    );
    await message.done();
    seen += 1;
    if (seen >= most) break;
  }
  over.abort();
  backend.close();
  return true;
};

const send: Command = async (args, { out, env }) => {
  const options = { member: text, catalogue: text, ca: text, box: text, name: text, file: text, wait: flag };
  const { values, positionals } = readArguments(args, options);
  noMoreThan(2, positionals);
  const app = await idOf(required(positionals[0], 'the app, or its folder'));
  const box = required(values.box, '--box');
  const name = required(values.name, '--name');
  if (!check(MessageName, name).ok) throw new Refusal('arguments-invalid', '--name is of a-z, 0-9, dot, _ and -');
  const backend = await backendOf(values, app, env);
  try {
    const answer =
      values.file === undefined
        ? { body: jsonOf(required(positionals[1], 'the message, as JSON, or --file')) }
        : { body: await readFile(values.file) };
    const { id, state } = await backend.send(box, { name, ...answer });
    out(`message ${id}`);
    if (!values.wait) {
      out(state);
      return true;
    }
    for (;;) {
      const now = await backend.state(id);
      if (now.state !== 'waiting') {
        out(now.code === undefined ? now.state : `${now.state}: ${now.code}`);
        return now.state === 'delivered';
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  } finally {
    backend.close();
  }
};

function jsonOf(given: string): unknown {
  try {
    return JSON.parse(given) as unknown;
  } catch (error) {
    throw new Refusal('arguments-invalid', 'the message is no JSON: put a text into quotes', { cause: error });
  }
}

export const messages = choice('app messages', {
  keygen: async () => keygen,
  follow: async () => follow,
  send: async () => send,
});
