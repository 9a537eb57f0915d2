/** Messages to the app's maker: what the box answers for them. Nothing here needs the maker to answer. */
import { randomBytes } from 'node:crypto';
import { QueuedMessage, ReceivedMessages } from '#contract/messages.js';
import { check, describeFaults } from '#contract/parse.js';
import type { Answer } from './http.js';
import { holds, Mismatch, NotTried, same } from './outcome.js';
import { jsonOf, problemOf } from './specification.js';
import { json, type Promised, type Trial } from './trial.js';

const path = '/v1/messages';
const name = 'webizen-conformance';

/** @throws NotTried when the box says that it cannot now, which it may */
async function post(trial: Trial, body: unknown, key: string): Promise<Answer> {
  const sent = json(body);
  const answer = await trial.ask('postMessage', undefined, {
    ...sent,
    headers: { ...sent.headers, 'idempotency-key': key },
  });
  if (answer.status < 400) return answer;
  const code = problemOf(trial.specification, answer);
  if (/^(messages-unreleased|outbox-full|unavailable|disk-full)$/.test(code)) throw new NotTried(`refused as ${code}`);
  return answer;
}

function queuedIn(answer: Answer): QueuedMessage {
  same('status', answer.status, 202);
  const read = check(QueuedMessage, jsonOf(answer));
  if (!read.ok) throw new Mismatch('a queued message', describeFaults(read.faults));
  return read.value;
}

export const messages: Promised[] = [
  {
    id: 'messages.listed',
    says: 'what has come for the app is listed with its counts, and waiting for nothing ends in time',
    async keep(trial) {
      const answer = await trial.ask('listMessages', `${path}?limit=1&waitSeconds=1`);
      if (problemOfUnavailable(trial, answer)) throw new NotTried('refused as unavailable');
      const read = check(ReceivedMessages, jsonOf(answer));
      if (!read.ok) throw new Mismatch('messages', describeFaults(read.faults));
      const { outgoing, incoming } = read.value.counts;
      for (const one of [outgoing, incoming])
        holds(one.usedBytes <= one.quotaBytes, 'no more in use than the quota', `${one.usedBytes} bytes`);
    },
  },
  {
    id: 'messages.once',
    says: 'a message that is sent again under its Idempotency-Key is the same message, and another one is refused',
    async keep(trial) {
      const key = randomBytes(12).toString('hex');
      const body = { name, body: { trial: key }, lifeSeconds: 60 };
      const { id } = queuedIn(await post(trial, body, key));
      same('id of the second', queuedIn(await post(trial, body, key)).id, id);
      const other = await post(trial, { ...body, body: { trial: 'other' } }, key);
      same('code', problemOf(trial.specification, other), 'idempotency-key-reused');
    },
  },
  {
    id: 'messages.refusals',
    says: 'a message without name, body or room is refused as body-invalid, an unknown one to delete as message-unknown',
    async keep(trial) {
      for (const wrong of [
        { body: 1 },
        { name: '.', body: 1 },
        { name, body: 1, lifeSeconds: 0 },
        { name, body: 1, to: 'x' },
      ])
        await trial.refused('body-invalid', 'postMessage', path, json(wrong));
      for (const query of ['limit=0', 'limit=101', 'waitSeconds=26', 'more=1'])
        await trial.refused('body-invalid', 'listMessages', `${path}?${query}`);
      const answer = await trial.ask('deleteMessage', `${path}/${'0'.repeat(32)}`);
      const code = problemOf(trial.specification, answer);
      if (code === 'unavailable') throw new NotTried('refused as unavailable');
      same('code', code, 'message-unknown');
    },
  },
];

const problemOfUnavailable = (trial: Trial, answer: Answer): boolean =>
  answer.status >= 400 && problemOf(trial.specification, answer) === 'unavailable';
