/**
 * A box that kills itself with SIGKILL before one commit or one change of a file: `node messages-child.js FOLDER CUT`.
 * Its app sends three messages, its maker two, and all that both ends see is written into FOLDER: `up.log` what the
 * provider took, `app.log` what the app read before it deleted it. Started again, it does again what an app and a provider
 * would. Prints each event, counted from 1; without a cut it ends when all is delivered.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { type Files, files } from '#common/files.js';
import { keyFromPem, keyToPem, newPrivateKey } from '#common/pki/keys.js';
import type { Parcel } from '#contract/messages.js';
import { app, messageRooms, testMaker } from './message-rooms.js';

export const downIds = ['1', '2'].map((digit) => digit.repeat(32));

if (process.argv[1]?.endsWith('messages-child.js')) {
  const [, , folder = '', cut = '0'] = process.argv;
  const at = (name: string): string => path.join(folder, name);
  let events = 0;
  function event(name: string): void {
    events += 1;
    writeSync(1, `${events} ${name}\n`);
    if (events === Number(cut)) process.kill(process.pid, 'SIGKILL');
  }
  const counted: Files = {
    ...files,
    async write(...wish) {
      event(`before ${path.basename(wish[0])} is written`);
      await files.write(...wish);
    },
  };

  if (!existsSync(at('maker'))) writeFileSync(at('maker'), JSON.stringify([1, 2].map(() => keyToPem(newPrivateKey()))));
  const [key = '', messageKey = ''] = JSON.parse(readFileSync(at('maker'), 'utf8')) as string[];
  const maker = await testMaker(keyFromPem(key), keyFromPem(messageKey));
  const rooms = await messageRooms({ teardown: () => {} }, { folder: at('box'), maker, files: counted });
  rooms.onCommit.before = (operations) => event(`before a commit of ${operations.length}`);

  const lines = (name: string): string[] =>
    existsSync(at(name)) ? readFileSync(at(name), 'utf8').split('\n').filter(Boolean) : [];
  const messages: [key: string, name: string, body: string][] = [
    ['k1', 'note', 'a1'],
    ['k2', 'note', 'a2'],
    ['k3', 'alarm', 'b1'],
  ];
  for (const [once, name, body] of messages) await rooms.messages.send(app, { name, body }, once);

  await rooms.connect();
  const { signal } = new AbortController();
  let seen = 0;
  let isTold = false;
  const page = { limit: 100, waitSeconds: 0, signal };
  for (;;) {
    for (const sent of rooms.sent.slice(seen)) {
      seen += 1;
      if (sent.parcel.kind !== 'message') {
        appendFileSync(at('down.log'), `${sent.parcel.kind} ${sent.parcel.id}\n`);
        continue;
      }
      const { body, reply } = await rooms.open(sent);
      const line = `${sent.name} ${sent.parcel.id} ${Buffer.from(body, 'base64url').toString()}`;
      if (!lines('up.log').includes(line)) appendFileSync(at('up.log'), `${line}\n`);
      rooms.store(sent);
      if (isTold) continue;
      isTold = true;
      // The same parcels each time, as a provider keeps them.
      if (!existsSync(at('parcels'))) {
        const parcels = await Promise.all(downIds.map((id) => rooms.seal({ id, to: reply, body: id })));
        writeFileSync(at('parcels'), JSON.stringify(parcels));
      }
    }
    const parcels = existsSync(at('parcels')) ? (JSON.parse(readFileSync(at('parcels'), 'utf8')) as Parcel[]) : [];
    for (const parcel of parcels) if (!lines('down.log').includes(`stored ${parcel.id}`)) rooms.hear(parcel);
    const { messages: found, counts } = await rooms.messages.list(app, page);
    for (const { id, body } of found) {
      appendFileSync(at('app.log'), `${id} ${String(body)}\n`);
      await rooms.messages.remove(app, id);
    }
    const isDone = downIds.every((id) => lines('app.log').some((line) => line.startsWith(id)));
    if (isDone && counts.outgoing.waiting === 0 && counts.incoming.waiting === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 5)); // a look, not an event
  }
  await rooms.close();
  writeSync(1, 'done\n');
}
