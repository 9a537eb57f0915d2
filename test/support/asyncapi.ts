/** What box and provider say to each other over MQTT, as AsyncAPI 3.0, from the box's side: it sends on `up/`, receives on `down/`. */
import { type TSchema, Type } from 'typebox';
import { CommandResult, LiveSample, largestCommand } from '#contract/commands.js';
import { EventBatch } from '#contract/events.js';
import { Ack, HealthBatch } from '#contract/health.js';
import { longestReceipt } from '#contract/ledger-receipt.js';
import { LinksNews } from '#contract/links.js';
import { StandingNews } from '#contract/member.js';
import { Parcel } from '#contract/messages.js';
import { Reported, Status } from '#contract/status.js';
import { type DownKind, prefix, type UpKind } from '#contract/topics.js';

type Json = Record<string, unknown>;

interface Channel {
  payload: TSchema;
  /** `$id` of the schema, or a name where it has none. */
  says: string;
  contentType?: string;
  retain?: true;
  qos?: 0;
}

const up: Record<UpKind, Channel> = {
  status: {
    payload: Status,
    says: 'Born after each connect; its death is left as the will of the session. A will that is not of the current birth counts for nothing.',
    retain: true,
  },
  health: {
    payload: HealthBatch,
    says: 'Samples in batches, numbered without holes in their epoch, as JSON or, where the profile reads health-1, in the compact form of agent/contract/health-codec.ts. The box keeps each until down/ack covers it.',
  },
  event: {
    payload: EventBatch,
    says: 'Alarms and audit-worthy facts, at once, numbered without holes in their epoch; only where the profile reads events-1. The box keeps each until `events` of down/ack covers it.',
  },
  reported: { payload: Reported, says: 'What runs: whole, each time that something of it has changed.', retain: true },
  live: {
    payload: LiveSample,
    says: 'Measured now, each second while the provider looks on, for a few minutes at most; kept by nobody.',
    qos: 0,
  },
};

const down: Record<DownKind, Channel> = {
  ack: {
    payload: Ack,
    says: "What is durably stored, what is asked for again, and what will never be taken. A broker's PUBACK is no such word.",
  },
  receipt: {
    payload: Type.String({
      maxLength: longestReceipt,
      description: 'compact JWS (ES256, typ webizen-ledger-receipt+jws, x5c) over LedgerReceipt',
    }),
    says: "The provider saw the box's ledger reach so far.",
    contentType: 'application/jose',
  },
  desired: {
    payload: Type.String({
      maxLength: largestCommand,
      description: 'compact JWS (ES256, typ webizen-desired+jws) over DesiredState by an operator key of the profile',
    }),
    says: 'What the box is to be like from now on.',
    contentType: 'application/jose',
    retain: true,
  },
  standing: {
    payload: StandingNews,
    says: 'There are newer status lists. It proves nothing: the box asks for them.',
  },
  links: {
    payload: LinksNews,
    says: 'Something about links or offers may be new. It proves nothing: the box asks, and verifies.',
  },
};

/** The same both ways: what an app and its maker say, and the word that it is stored. */
const app: Channel = {
  payload: Parcel,
  says: "A message between an app and its maker, which neither carrier can read or alter; or the other side's word on one that it was sent. Kept by its sender until that word; of one app and name one is on its way at a time.",
};

const command: Channel = {
  payload: Type.String({
    maxLength: largestCommand,
    description: 'compact JWS (ES256, typ webizen-command+jws) over Command by an operator key of the profile',
  }),
  says: 'Something that the box is to do once. It is followed by its signature, address, sequence and time alone, whoever carried it.',
  contentType: 'application/jose',
};
const result: Channel = { payload: CommandResult, says: 'What became of a command. The same again says the same.' };

const parameters = {
  shard: { description: 'the first two hex digits of SHA-256 of the box id' },
  box: { description: 'box id, which is also the client id and the name in its certificate' },
};
const appParameters = {
  ...parameters,
  app: { description: 'id of the app' },
  name: { description: 'what the message is about, as its sender named it' },
};

const commandParameters = { ...parameters, command: { description: 'id of the command' } };
const tails: Record<string, { address: string; parameters: Json }> = {
  app: { address: '/{app}/{name}', parameters: appParameters },
  command: { address: '/{command}', parameters: commandParameters },
  result: { address: '/{command}', parameters: commandParameters },
};

export function asyncapiDocument(version: string, plain: (schema: TSchema) => Json): Json {
  const channels: Json = {};
  const operations: Json = {};
  const messages: Json = {};
  const add = (direction: 'up' | 'down', kind: string, { payload, says, contentType, retain, qos }: Channel): void => {
    const message = `${direction}.${kind}`;
    const { description, ...schema } = plain(payload);
    messages[message] = {
      name: message,
      contentType: contentType ?? 'application/json',
      summary: says,
      payload: { ...schema, ...(description === undefined ? {} : { description }) },
    };
    channels[message] = {
      address: `${prefix}/{shard}/{box}/${direction}/${kind}${tails[kind]?.address ?? ''}`,
      parameters: tails[kind]?.parameters ?? parameters,
      messages: { [message]: { $ref: `#/components/messages/${message}` } },
    };
    operations[message] = {
      action: direction === 'up' ? 'send' : 'receive',
      channel: { $ref: `#/channels/${message}` },
      messages: [{ $ref: `#/channels/${message}/messages/${message}` }],
      bindings: { mqtt: { qos: qos ?? 1, retain: retain ?? false, bindingVersion: '0.2.0' } },
    };
  };
  for (const [kind, channel] of Object.entries(up)) add('up', kind, channel);
  for (const [kind, channel] of Object.entries(down)) add('down', kind, channel);
  add('up', 'app', app);
  add('down', 'app', app);
  add('up', 'result', result);
  add('down', 'command', command);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Webizen: a box and its provider over MQTT',
      version,
      description:
        'MQTT 3.1.1 is enough; the profile says which version the territory speaks. What a message means stands in its payload. A box writes below its own up/ and reads below its own down/, at QoS 1 at most.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      territory: {
        host: '{host}:{port}',
        protocol: 'secure-mqtt',
        description: 'named by the profile (GET /v1/profile over mutual TLS)',
        variables: { host: { description: 'of broker.url' }, port: { description: 'of broker.url' } },
        security: [{ type: 'X509', description: "the box's operational certificate; its common name is the box id" }],
      },
    },
    channels,
    operations,
    components: { messages },
  };
}
