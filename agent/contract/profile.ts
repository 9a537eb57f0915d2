/** What an enrolled box is told by its provider: `GET /v1/profile` over mutual TLS. */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { CommandKeys } from './commands.js';
import { MemberKeys } from './member.js';

export const Profile = Type.Object(
  {
    box: BoxId,
    territory: Type.Object({
      id: Type.String({ minLength: 1, maxLength: 64 }),
      name: Type.String({ minLength: 1, maxLength: 200 }),
      jurisdiction: Type.String({ pattern: '^[A-Z]{2}(-[A-Z0-9]{1,3})?$', description: 'ISO 3166-1 or 3166-2' }),
      law: Type.String({ minLength: 1, maxLength: 500, description: 'governing law' }),
    }),
    broker: Type.Object({
      url: Type.String({ pattern: '^mqtts://', description: 'mqtts://host:port' }),
      protocolVersion: Type.Union([Type.Literal(4), Type.Literal(5)], { description: '4 is MQTT 3.1.1' }),
      maxPacketBytes: Type.Integer({ minimum: 1024, description: 'larger packets are refused' }),
    }),
    reads: Type.Optional(
      Type.Array(Type.String({ maxLength: 40 }), {
        maxItems: 20,
        description:
          'forms that it reads beside JSON; health-1: compact batches of samples, and why some are lost; events-1: batches of events, and down/ack covers them',
      }),
    ),
    /** Who signs credentials and status lists of this territory's members. */
    memberKeys: Type.Optional(MemberKeys),
    /** Who signs commands to this territory's boxes. Missing: it sends none. */
    commandKeys: Type.Optional(CommandKeys),
  },
  { $id: 'Profile', additionalProperties: true },
);
export type Profile = Static<typeof Profile>;
