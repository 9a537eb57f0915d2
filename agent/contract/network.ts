/** The box's network as its owner sees and chooses it. An SSID is up to 32 bytes of anything (IEEE 802.11), here in hex. */
import { type Static, Type } from 'typebox';
import { Told } from './changes.js';

const closed = { additionalProperties: false } as const;
const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

/** Lower-case hex of 1 to 32 bytes. */
export const Ssid = Type.String({ pattern: '^([0-9a-f]{2}){1,32}$', description: 'the bytes of an SSID in hex' });
/** ISO 3166-1 alpha-2. */
export const CountryCode = Type.String({ pattern: '^[A-Z]{2}$' });

/** 8 to 63 printable characters of ASCII (IEEE 802.11-2020, annex J.4). */
export const WifiPassphrase = Type.String({ pattern: '^[ -~]{8,63}$' });
/** 64 figures of hex: the pre-shared key itself. */
export const WifiPsk = Type.String({ pattern: '^[0-9a-fA-F]{64}$' });

/** `password`: one password for all; `unsupported`: a name and a password (802.1X), or WEP. */
export const WifiSecurity = Type.Union([Type.Literal('open'), Type.Literal('password'), Type.Literal('unsupported')]);
export type WifiSecurity = Static<typeof WifiSecurity>;

const Named = { ssid: Ssid, name: Type.String({ description: 'as text, for reading' }) };
const NamedNetwork = Type.Object(Named);
export const WifiSeen = Type.Object({
  ...Named,
  /** Percent, of the strongest station. */
  signal: Type.Integer({ minimum: 0, maximum: 100 }),
  security: WifiSecurity,
});
export type WifiSeen = Static<typeof WifiSeen>;

/** `GET /v1/network` of the owner's console. */
export const NetworkView = Type.Object(
  {
    /** Whether a cable brings a network; it goes before Wi-Fi. */
    wired: Type.Boolean(),
    /** Null where the box has no Wi-Fi. */
    wifi: NullOr(
      Type.Object({
        /** The one that it is to join by itself. */
        known: NullOr(NamedNetwork),
        isJoined: Type.Boolean(),
        /** Being tried now: confirmed when it works, else all is as before. */
        trying: NullOr(NamedNetwork),
        /** The box's own network while it is on the air. */
        accessPoint: NullOr(Type.Object({ name: Type.String() })),
        /** How the last try came out; `problem` is null where it worked. */
        last: NullOr(Type.Object({ ...Named, problem: NullOr(Told) })),
        /** The strongest first. */
        seen: Type.Array(WifiSeen, { maxItems: 100 }),
      }),
    ),
  },
  { $id: 'NetworkView' },
);
export type NetworkView = Static<typeof NetworkView>;

/** Null: an open network. `hidden`: it does not tell its name, so that the box has to ask for it. */
export const NewWifi = Type.Object(
  { ssid: Ssid, passphrase: NullOr(Type.String({ maxLength: 200 })), hidden: Type.Boolean() },
  { $id: 'NewWifi', ...closed },
);
export type NewWifi = Static<typeof NewWifi>;

/** How the last try came out, kept on the box. */
export const WifiOutcome = Type.Object({ ssid: Ssid, code: NullOr(Type.String({ maxLength: 64 })) });
export type WifiOutcome = Static<typeof WifiOutcome>;

/** What `webizen.json` may say of Wi-Fi: a passphrase, or the key made from it, or that there is none. */
export const BootWifi = Type.Object(
  {
    ssid: Type.String({
      minLength: 1,
      maxLength: 32,
      description: 'the name of the network; 32 bytes in UTF-8 at most',
    }),
    passphrase: Type.Optional(WifiPassphrase),
    psk: Type.Optional(WifiPsk),
    open: Type.Optional(Type.Literal(true)),
    hidden: Type.Optional(Type.Boolean()),
    country: Type.Optional(CountryCode),
  },
  { $id: 'BootWifi', ...closed },
);
export type BootWifi = Static<typeof BootWifi>;
