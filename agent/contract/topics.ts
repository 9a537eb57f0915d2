/**
 * The MQTT topics of the contract: the one module that builds and parses them.
 *
 * `wz/1/{shard}/{box}/{up|down}/…` has a fixed depth for each kind, so that one filter gets one kind of message.
 * A box writes only below its own `up/` and reads only its own `down/`.
 */
import { createHash } from 'node:crypto';
import { isBoxId } from './box-id.js';

export const prefix = 'wz/1';
const upKinds = ['status', 'health', 'event', 'reported', 'live'] as const;
const downKinds = ['ack', 'desired', 'receipt', 'standing', 'links'] as const;

export type UpKind = (typeof upKinds)[number];
export type DownKind = (typeof downKinds)[number];
export type Topic =
  | { box: string; direction: 'up'; kind: UpKind }
  | { box: string; direction: 'up'; kind: 'result'; command: string }
  | { box: string; direction: 'down'; kind: DownKind }
  | { box: string; direction: 'down'; kind: 'command'; command: string }
  | { box: string; direction: 'up' | 'down'; kind: 'app'; app: string; name: string };

/** Two hex digits of SHA-256(box id): ingest workers divide the fleet by it and keep each box's order. */
export function shardOf(box: string): string {
  return createHash('sha256').update(box).digest('hex').slice(0, 2);
}

export const subtree = (box: string, direction: 'up' | 'down'): string =>
  `${prefix}/${shardOf(box)}/${box}/${direction}`;

export function buildTopic(topic: Topic): string {
  const base = `${subtree(topic.box, topic.direction)}/${topic.kind}`;
  if (topic.kind === 'result' || topic.kind === 'command') return `${base}/${topic.command}`;
  if (topic.kind === 'app') return `${base}/${topic.app}/${topic.name}`;
  return base;
}

const segment = /^[A-Za-z0-9._-]{1,128}$/;
const isOneOf = <T extends string>(list: readonly T[], text: string): text is T =>
  (list as readonly string[]).includes(text);

/** Undefined for anything that is not a topic of the contract, a wrong shard included. Takes outside bytes. */
export function parseTopic(text: string): Topic | undefined {
  if (text.length > 512) return undefined;
  const [wz, version, shard, box, direction, kind, first, second, ...rest] = text.split('/');
  if (wz !== 'wz' || version !== '1' || rest.length > 0) return undefined;
  if (!isBoxId(box) || shard !== shardOf(box) || kind === undefined) return undefined;
  if (direction !== 'up' && direction !== 'down') return undefined;

  if (kind === 'app') {
    if (first === undefined || second === undefined || !segment.test(first) || !segment.test(second)) return undefined;
    return { box, direction, kind, app: first, name: second };
  }
  if (second !== undefined) return undefined;
  if (first !== undefined) {
    if (!segment.test(first)) return undefined;
    if (direction === 'up') return kind === 'result' ? { box, direction, kind, command: first } : undefined;
    return kind === 'command' ? { box, direction, kind, command: first } : undefined;
  }
  if (direction === 'up') return isOneOf(upKinds, kind) ? { box, direction, kind } : undefined;
  return isOneOf(downKinds, kind) ? { box, direction, kind } : undefined;
}

/** What a box may subscribe to: its own `down/#`, or any filter of fixed depth below it. */
export function isOwnDownFilter(box: string, filter: string): boolean {
  const own = `${subtree(box, 'down')}/`;
  return filter.startsWith(own) && filter.length > own.length && filter.length <= 512;
}
