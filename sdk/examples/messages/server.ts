/**
 * A maker's server that reads what its app writes on all boxes, and answers: `node server.js APP [MEMBER_FOLDER]`. The
 * folder is the one of `webizen member`, with the key that `webizen app messages keygen` made in it.
 */
import { openBackend } from '../../backend/backend.js';

const [, , app = 'example.visits', member = `${process.env.HOME}/.webizen`] = process.argv;
const stopped = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopped.abort());

const backend = await openBackend({ app, member });
const messages = backend.follow({
  signal: stopped.signal,
  onDisbelieved: ({ code, detail, parcel }) => console.error(`not believed, from ${parcel.box}: ${code}: ${detail}`),
  onTrouble: (error) => console.error(`tried again: ${error instanceof Error ? error.message : String(error)}`),
});
for await (const message of messages) {
  // Whoever would rather ask than believe a box that answers to a new key does so here.
  if (message.isNewKey) console.error(`${message.box} answers to a new key`);
  if (message.missed > 0) console.error(`${message.box}: ${message.missed} before this one never came`);
  console.log(message.box, message.version, message.name, message.body.toString('utf8'));
  await message.reply({ received: message.id });
  await message.done(); // only now: what is cut before comes again
}
backend.close();
