/** What an app says of itself: `webizen.json`, read by the VAR's tools, the catalogue, the box and its owner. */
import { type Static, Type } from 'typebox';
import { Capability } from './capabilities.js';
import { PublicJwk } from './directory.js';
import { Plans } from './plans.js';
import { Words } from './words.js';

export type { Words } from './words.js';

const closed = { additionalProperties: false } as const;

/** Reverse-domain, two labels or more: the socket's directory and the topics bear this name. */
export const ReleasedAppId = Type.String({
  pattern: '^[a-z][a-z0-9-]*(?:\\.[a-z0-9][a-z0-9-]*)+$',
  minLength: 3,
  maxLength: 60,
  description: 'reverse-domain: example.visits',
});

/** Semantic Versioning 2.0.0 without build metadata. */
export const Version = Type.String({
  pattern: '^(?:0|[1-9]\\d{0,8})\\.(?:0|[1-9]\\d{0,8})\\.(?:0|[1-9]\\d{0,8})(?:-[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$',
  maxLength: 60,
});

const Command = Type.Array(Type.String({ maxLength: 4096 }), { minItems: 1, maxItems: 100 });
const seconds = (maximum: number) => Type.Integer({ minimum: 1, maximum });
const Timing = {
  intervalSeconds: Type.Optional(seconds(3600)),
  timeoutSeconds: Type.Optional(seconds(60)),
  /** After its start an app may fail for so long. */
  graceSeconds: Type.Optional(seconds(600)),
  /** So many failures in a row are ill. */
  failures: Type.Optional(Type.Integer({ minimum: 1, maximum: 20 })),
};
export const healthDefaults = { intervalSeconds: 30, timeoutSeconds: 5, graceSeconds: 30, failures: 3 } as const;

/**
 * http: GET of `path` on the unix socket `$WEBIZEN_RUN/health.sock`, which the app listens on, answers 2xx. command: ends
 * with 0 inside the sandbox. ready: the app calls `PUT /v1/self/ready` once within the grace, and keeps running.
 */
export const HealthCheck = Type.Union([
  Type.Object(
    { kind: Type.Literal('http'), path: Type.String({ pattern: '^/[!-~]*$', maxLength: 200 }), ...Timing },
    closed,
  ),
  Type.Object({ kind: Type.Literal('command'), command: Command, ...Timing }, closed),
  Type.Object({ kind: Type.Literal('ready'), graceSeconds: Timing.graceSeconds }, closed),
]);
export type HealthCheck = Static<typeof HealthCheck>;

export const Resources = Type.Object(
  {
    memoryMiB: Type.Integer({ minimum: 16, maximum: 4096 }),
    /** Cores, in hundredths at the finest. */
    cpus: Type.Number({ minimum: 0.05, maximum: 8 }),
    pids: Type.Integer({ minimum: 4, maximum: 1024 }),
    storageMiB: Type.Integer({ minimum: 0, maximum: 65_536, description: 'quota of the storage API' }),
  },
  closed,
);
export type Resources = Static<typeof Resources>;

export const Manifest = Type.Object(
  {
    id: ReleasedAppId,
    version: Version,
    name: Words(60),
    summary: Words(300),
    /** A PNG of 64 KiB at most, as a data URI; `webizen app build` makes it of a file. */
    icon: Type.Optional(Type.String({ pattern: '^data:image/png;base64,[A-Za-z0-9+/]+={0,2}$', maxLength: 90_000 })),
    /** Of the standard API: the least that the app needs. */
    api: Type.String({ pattern: '^1\\.\\d{1,3}$' }),
    capabilities: Type.Array(
      Type.Object(
        {
          capability: Capability,
          reason: Words(300),
          /** The app works without it: the owner may say no and install all the same. */
          optional: Type.Optional(Type.Boolean()),
        },
        closed,
      ),
      { maxItems: 50 },
    ),
    resources: Resources,
    run: Type.Object(
      {
        command: Command,
        environment: Type.Optional(
          Type.Record(Type.String({ pattern: '^[A-Z_][A-Z0-9_]{0,63}$' }), Type.String({ maxLength: 4096 }), {
            maxProperties: 50,
          }),
        ),
      },
      closed,
    ),
    health: HealthCheck,
    terms: Words(20_000),
    /** What it costs, and for whom. Without plans nothing is charged, and the terms above are all that is agreed to. */
    plans: Type.Optional(Plans),
    /** Where an app that asks for `messages` writes to: the key that they are encrypted to, for ECDH-ES. */
    messages: Type.Optional(Type.Object({ key: Type.Object(PublicJwk.properties, closed) }, closed)),
    channel: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9-]{0,19}$', description: 'stable unless said' })),
  },
  { $id: 'Manifest', ...closed },
);
export type Manifest = Static<typeof Manifest>;

/** What the schema cannot say: messages want a key, and a key is for messages. */
export function messagesFault(capabilities: readonly unknown[], messages: unknown): string | undefined {
  const asks = capabilities.includes('messages');
  if (asks && messages === undefined)
    return 'is missing, and the app asks for messages: webizen app messages keygen makes a key';
  return !asks && messages !== undefined ? 'is there, and the app does not ask for messages' : undefined;
}

interface Order {
  numbers: number[];
  pre: string[];
}

function order(version: string): Order {
  const [plain = '', ...rest] = version.split('-');
  return { numbers: plain.split('.').map(Number), pre: rest.length > 0 ? rest.join('-').split('.') : [] };
}

function compareIdentifiers(a: string, b: string): number {
  const [numberA, numberB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (numberA && numberB) return Number(a) - Number(b);
  if (numberA !== numberB) return numberA ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Precedence as Semantic Versioning 2.0.0 clause 11 has it: below 0 where `a` comes before `b`. */
export function compareVersions(a: string, b: string): number {
  const [one, two] = [order(a), order(b)];
  for (let at = 0; at < 3; at += 1) {
    const difference = (one.numbers[at] ?? 0) - (two.numbers[at] ?? 0);
    if (difference !== 0) return difference;
  }
  if (one.pre.length === 0 || two.pre.length === 0) return two.pre.length - one.pre.length;
  for (let at = 0; at < Math.min(one.pre.length, two.pre.length); at += 1) {
    const difference = compareIdentifiers(one.pre[at] ?? '', two.pre[at] ?? '');
    if (difference !== 0) return difference;
  }
  return one.pre.length - two.pre.length;
}
