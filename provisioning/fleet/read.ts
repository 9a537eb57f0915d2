/** Turns what arrived on `up/` into what it means, or into the refusal that its box will be told. Pure. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { EventBatch, mostEventBytes } from '#contract/events.js';
import { HealthBatch } from '#contract/health.js';
import { decodeLazily, isCompact } from '#contract/health-codec.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import type { ProblemCode } from '#contract/problems.js';
import { Reported, Status } from '#contract/status.js';
import type { Topic } from '#contract/topics.js';

export interface RefusedPayload {
  digest: string;
  code: ProblemCode;
  detail?: string;
}

/** `compact`: the bytes themselves, where they are of the short form, and how many metrics they name. */
export type Said =
  | { kind: 'health'; value: HealthBatch; compact?: { bytes: Buffer; names: number } }
  | { kind: 'status'; value: Status }
  | { kind: 'event'; value: EventBatch }
  | { kind: 'reported'; value: Reported }
  | { kind: 'refused'; value: RefusedPayload };

/** Thousands come a second: the compiled check decides, and only a payload that fails is asked for its faults. */
function reader<T extends TSchema>(schema: T): (payload: Buffer) => Static<T> | string {
  const compiled = Compile(schema);
  return (payload) => {
    if (isUtf8(payload)) {
      try {
        const value: unknown = JSON.parse(payload.toString('utf8'));
        if (compiled.Check(value)) return value;
      } catch {
        // told below
      }
    }
    // To find and word all that is wrong can cost a second; a message of a good box that is amiss is short, or cut off.
    if (payload.length > mostToDescribe) return `${payload.length} bytes that are no such message`;
    const parsed = parseJson(schema, payload);
    return parsed.ok ? parsed.value : describeFaults(parsed.faults).slice(0, 300);
  };
}

const mostToDescribe = 8 * 1024;
/** Of what the store keeps whole: far more than the contract's own fields come to. Samples are counted instead. */
const mostBytes = { status: 16 * 1024, event: mostEventBytes, reported: 128 * 1024 } as const;

const readJsonHealth = reader(HealthBatch);
const readStatus = reader(Status);

function readHealth(payload: Buffer): Extract<Said, { kind: 'health' }> | string {
  if (!isCompact(payload)) {
    const value = readJsonHealth(payload);
    return typeof value === 'string' ? value : { kind: 'health', value };
  }
  const decoded = decodeLazily(payload);
  if (!decoded.ok) return describeFaults(decoded.faults);
  return { kind: 'health', value: decoded.value, compact: { bytes: payload, names: decoded.names } };
}

const readEvents = reader(EventBatch);
const readReported = reader(Reported);

/** First 8 bytes of SHA-256 of the payload: how the box finds the message that was refused. */
export const digestOf = (payload: Uint8Array): string =>
  createHash('sha256').update(payload).digest('hex').slice(0, 16);

export function read({ kind }: Topic, payload: Buffer): Said {
  const refuse = (code: ProblemCode, detail: string): Said => ({
    kind: 'refused',
    value: { digest: digestOf(payload), code, detail },
  });
  if (Object.hasOwn(mostBytes, kind) && payload.length > mostBytes[kind as keyof typeof mostBytes])
    return refuse(
      'message-malformed',
      `${payload.length} bytes, of which ${mostBytes[kind as keyof typeof mostBytes]} are taken`,
    );
  switch (kind) {
    case 'health': {
      const said = readHealth(payload);
      if (typeof said === 'string') return refuse('message-malformed', said);
      const turned = said.value.lost?.find(([first, last]) => first > last);
      if (turned) return refuse('message-malformed', `/lost holds ${turned[0]} to ${turned[1]}`);
      return said;
    }
    case 'status': {
      const value = readStatus(payload);
      return typeof value === 'string' ? refuse('message-malformed', value) : { kind, value };
    }
    case 'event': {
      const value = readEvents(payload);
      if (typeof value === 'string') return refuse('message-malformed', value);
      const turned = value.lost?.find(([first, last]) => first > last);
      return turned ? refuse('message-malformed', `/lost holds ${turned[0]} to ${turned[1]}`) : { kind, value };
    }
    case 'reported': {
      const value = readReported(payload);
      return typeof value === 'string' ? refuse('message-malformed', value) : { kind, value };
    }
    default:
      return refuse('message-unexpected', kind);
  }
}
