/** What a box may do on the broker, decided purely: its own `up/` to write, its own `down/` to read, nothing else. */
import { isOwnDownFilter, parseTopic, type Topic } from '#contract/topics.js';
import type { Fault } from './framing.js';

export interface Message {
  topic: string;
  qos: number;
  retain: boolean;
}

export type Verdict<T> = { ok: true; value: T } | { ok: false; fault: Fault };

const no = (code: Fault['code'], detail: string): { ok: false; fault: Fault } => ({
  ok: false,
  fault: { code, detail },
});
/** What a box wrote may be anything and long. */
const quote = (text: string) => JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);

/** `parse` is `parseTopic`, or a session's memory of it. */
export function judgePublish(
  box: string,
  { topic, qos, retain }: Message,
  parse: (topic: string) => Topic | undefined = parseTopic,
): Verdict<Topic> {
  const parsed = parse(topic);
  if (!parsed || parsed.box !== box || parsed.direction !== 'up') return no('publish-outside', quote(topic));
  if (qos > 1) return no('qos-refused', `QoS ${qos} on ${quote(topic)}`);
  if (retain && parsed.kind !== 'status' && parsed.kind !== 'reported') return no('retain-refused', quote(topic));
  return { ok: true, value: parsed };
}

export function judgeSubscribe(box: string, { topic, qos }: { topic: string; qos: number }): Verdict<string> {
  if (!isOwnDownFilter(box, topic)) return no('subscribe-outside', quote(topic));
  if (qos > 1) return no('qos-refused', `QoS ${qos} asked for ${quote(topic)}`);
  return { ok: true, value: topic };
}

export interface Connect {
  clientId: string;
  username: string | undefined;
  protocolVersion: number;
  will: Message | undefined;
}

/** The will is checked when it is left: when it fires there is nobody to tell. */
export function judgeConnect(box: string, { clientId, username, will }: Connect): Verdict<undefined> {
  if (clientId !== box) return no('client-id-taken', `client id ${quote(clientId)}`);
  if (username !== undefined && username !== box) return no('client-id-taken', `user name ${quote(username)}`);
  if (!will) return { ok: true, value: undefined };
  const verdict = judgePublish(box, will);
  return verdict.ok ? { ok: true, value: undefined } : verdict;
}

const rememberedTopics = 32;

/** A box says the same few topics again and again, and each parse hashes its id. */
export function createTopicMemory(): (topic: string) => Topic | undefined {
  const known = new Map<string, Topic>();
  return (topic) => {
    const before = known.get(topic);
    if (before) return before;
    const parsed = parseTopic(topic);
    if (known.size >= rememberedTopics) known.clear();
    if (parsed) known.set(topic, parsed);
    return parsed;
  };
}
