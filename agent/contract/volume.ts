/** What a box's data lies on, and the key that opens it where its own machine cannot: what the system tells the agent, and the agent its owner and its provider. */
import { type Static, Type } from 'typebox';
import { check } from './parse.js';

const closed = { additionalProperties: false } as const;

/** Why it is plain. Each has a sentence in the texts of the owner's console. */
export const plainReasons = ['no-tpm', 'tpm-refused', 'in-use'] as const;
export type PlainReason = (typeof plainReasons)[number];

/**
 * `/run/webizen-data/state.json`, written before `/data` is mounted. `tpm2`: the security chip of this very machine gave the
 * key; `key-file`: it lay on the boot partition, where it has to stay. `in-use`: there is a chip, but the data were there first.
 */
export const VolumeState = Type.Union([
  Type.Object(
    { encrypted: Type.Literal(true), opened: Type.Union([Type.Literal('tpm2'), Type.Literal('key-file')]) },
    closed,
  ),
  Type.Object({ encrypted: Type.Literal(false), because: Type.Enum([...plainReasons]) }, closed),
]);
export type VolumeState = Static<typeof VolumeState>;

/** The same file where the data do not open: `/data` is not there, and all that runs is a page that says so. */
export const LockedState = Type.Union([
  Type.Object(
    {
      encrypted: Type.Literal(true),
      opened: Type.Null(),
      because: Type.Union([Type.Literal('no-tpm'), Type.Literal('tpm-refused'), Type.Literal('wrong-key')]),
    },
    closed,
  ),
  Type.Object({ encrypted: Type.Literal(false), because: Type.Literal('unknown') }, closed),
]);
export type LockedBecause = Static<typeof LockedState>['because'];

/** In what a box says of its hardware: whether its data are encrypted at rest. */
export const AtRest = Type.Union([Type.Literal('tpm2'), Type.Literal('key-file'), Type.Literal('plain')], {
  description: 'tpm2: encrypted, opened by its own security chip; key-file: encrypted, the key lies beside it',
});
export type AtRest = Static<typeof AtRest>;

export const atRestOf = (state: VolumeState): AtRest => (state.encrypted ? state.opened : 'plain');

/** Eight groups of eight letters, as systemd-cryptenroll(1) makes them. */
export const StorageKey = Type.String({ pattern: '^[cbdefghijklnrtuv]{8}(-[cbdefghijklnrtuv]{8}){7}$' });

/** However it was typed or copied. Undefined where it is none. */
export function readStorageKey(text: string): string | undefined {
  const letters = text.toLowerCase().replace(/[^a-z]/g, '');
  const key = letters.replace(/.{8}(?=.)/g, '$&-');
  return check(StorageKey, key).ok ? key : undefined;
}

/** Of every page. */
export const VolumeGlance = Type.Object({
  state: VolumeState,
  /** The storage key is still kept for the owner to write down. */
  keyWaits: Type.Boolean(),
});
export type VolumeGlance = Static<typeof VolumeGlance>;

/** Answer of `POST /v1/storage-key`. */
export const ShownStorageKey = Type.Object({ key: StorageKey }, { $id: 'ShownStorageKey', ...closed });
export type ShownStorageKey = Static<typeof ShownStorageKey>;

/** Its last group, typed. */
export const StorageKeyNoted = Type.Object({ last: Type.String({ minLength: 1, maxLength: 40 }) }, closed);
