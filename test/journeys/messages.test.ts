/** Messages between an app on a box and its maker's server, over a real provider, broker and command. */
import t from 'tap';
import type { Message } from '../../sdk/backend/backend.js';
import { appId, mailWay } from '../support/messages.js';

/** The next so many, taken care of. */
async function take(following: AsyncIterable<Message>, count: number): Promise<Message[]> {
  const found: Message[] = [];
  for await (const message of following) {
    found.push(message);
    await message.done();
    if (found.length >= count) break;
  }
  return found;
}

t.test('an app writes to its maker, who reads who it is from, and answers', async (t) => {
  const { member, box } = await mailWay(t);
  const backend = await member.backend();
  t.teardown(() => backend.close());
  const { signal } = new AbortController();

  const sent = await box.send({ name: 'visits.counted', body: { count: 3 } });
  const [message] = await take(backend.follow({ signal }), 1);
  t.match(message, {
    ...{ id: sent.id, app: appId, box: box.id, name: 'visits.counted', territory: 'test', version: '1.0.0' },
    ...{ time: 'authenticated', contentType: 'application/json', missed: 0, isNewKey: false },
  });
  t.same(message!.json(), { count: 3 });

  const answer = await message!.reply({ seen: true });
  const { messages } = await box.received();
  t.match(messages, [{ id: answer.id, name: 'visits.counted', body: { seen: true } }]);
  t.equal((await backend.state(answer.id)).state, 'delivered');
  await box.remove(messages[0]!.id);
  t.same((await box.received(0)).messages, []);
});
