/**
 * What an owner agreed to for one app, to keep or to show: the sections of ISO/IEC TS 27560:2023 (record, processing,
 * parties, events, receipt), and as evidence the ledger's own entries with the owner's signatures. It verifies by itself,
 * and against an export of the ledger.
 */
import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { Capability } from './capabilities.js';
import { PublicJwk } from './directory.js';
import { Time } from './health.js';
import { LedgerEntry, type LedgerExport } from './ledger.js';
import { canonicalJson, entryFault, thumbprint } from './ledger-chain.js';
import { Manifest, ReleasedAppId, Version } from './manifest.js';
import { MemberClass } from './member.js';
import { check, describeFaults, parseJson } from './parse.js';
import { ReleaseId } from './release.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Index = Type.Integer({ minimum: 0 });
const Text = Type.String({ maxLength: 400 });

/** expired: its date has come; terminated: it ended with the app or with an update that was taken back. */
export const ConsentState = Type.Union([
  Type.Literal('given'),
  Type.Literal('withdrawn'),
  Type.Literal('expired'),
  Type.Literal('terminated'),
]);
export type ConsentState = Static<typeof ConsentState>;

/** Times in milliseconds since 1970, as everywhere here. */
export const ConsentReceipt = Type.Object(
  {
    receipt_metadata: Type.Object({
      schema_version: Type.Literal('ISO/IEC TS 27560:2023'),
      format: Type.Literal('webizen-consent-receipt-1'),
      issued_at: Time,
    }),
    record: Type.Object({ record_id: Text, pii_principal_id: Text }),
    pii_processing: Type.Object({
      service: Type.Object({
        app: ReleasedAppId,
        release: ReleaseId,
        version: Version,
        name: Manifest.properties.name,
      }),
      /** The terms, by language. `sha256` of their canonical JSON stands in the entry in which the owner agreed. */
      privacy_notice: Type.Object({ terms: Manifest.properties.terms, sha256: Hash, agreed: NullOr(Index) }),
      purposes: Type.Array(
        Type.Object({
          permission: Capability,
          /** The maker's reason, as in the release above; null where that one does not ask for it. */
          purpose: NullOr(Manifest.properties.summary),
          lawful_basis: Type.Literal('consent'),
          withdrawal_method: Type.String(),
          state: ConsentState,
          since: Time,
          /** When it ends by itself; null: never. */
          until: NullOr(Time),
          /** Indexes of the entries that say so. */
          entries: Type.Array(Index),
        }),
      ),
    }),
    party_identification: Type.Array(
      Type.Object({
        party_id: Text,
        party_name: Text,
        party_role: Type.Literal('pii_controller'),
        party_type: MemberClass,
        territory: Text,
      }),
    ),
    events: Type.Array(
      Type.Object({
        event_time: Time,
        event_type: Type.String(),
        event_state: ConsentState,
        entity_id: Text,
        entry: Index,
        hash: Hash,
      }),
    ),
    evidence: Type.Object({
      ledger: Type.String(),
      owner_keys: Type.Array(PublicJwk, { maxItems: 100 }),
      entries: Type.Array(LedgerEntry),
    }),
  },
  { $id: 'ConsentReceipt', additionalProperties: true },
);
export type ConsentReceipt = Static<typeof ConsentReceipt>;

const states: Record<string, ConsentState> = {
  'app.agreed': 'given',
  'grant.given': 'given',
  'grant.taken': 'withdrawn',
  'grant.ended': 'expired',
  'grant.dropped': 'terminated',
};

/** Undefined for an entry that is no event of consent. What the box takes back by itself nobody withdrew. */
export function stateSaid({ type, by }: Pick<LedgerEntry, 'type' | 'by'>): ConsentState | undefined {
  return type === 'grant.taken' && by !== 'owner' ? 'terminated' : states[type];
}

export interface Permission {
  permission: Capability;
  state: ConsentState;
  since: number;
  until: number | null;
  entries: number[];
}

/** What those entries come to, of an app's alone: each permission that was ever given, as it stands after the last. */
export function permissionsIn(entries: readonly LedgerEntry[]): Permission[] {
  const found = new Map<string, Permission>();
  for (const entry of entries) {
    const { type, at, index, facts } = entry;
    const state = stateSaid(entry);
    if (!state || type === 'app.agreed') continue;
    if (type === 'grant.dropped') {
      for (const [key, one] of found)
        if (one.state === 'given') found.set(key, { ...one, state, entries: [...one.entries, index] });
      continue;
    }
    const named = check(Capability, facts.capability);
    if (!named.ok) continue;
    const before = found.get(named.value);
    const said = [...(before?.entries ?? []), index];
    const until = typeof facts.until === 'number' ? facts.until : null;
    if (type === 'grant.given')
      found.set(named.value, { permission: named.value, state, since: at, until, entries: said });
    else if (before) found.set(named.value, { ...before, state, entries: said });
  }
  return [...found.values()];
}

export const termsHash = (terms: Manifest['terms']): string =>
  createHash('sha256').update(canonicalJson(terms)).digest('hex');

export type ReceiptVerdict = { ok: true; signed: number } | { ok: false; why: string };

/**
 * Takes outside bytes. Whether each entry is as it was signed, whether what the receipt says follows from them, and,
 * where the export of the ledger is given, whether they stand in it. The export is verified by `verifyLedger`.
 */
export function verifyConsentReceipt(bytes: Uint8Array, ledger?: LedgerExport): ReceiptVerdict {
  const read = parseJson(ConsentReceipt, bytes);
  const not = (why: string): ReceiptVerdict => ({ ok: false, why });
  if (!read.ok) return not(`it is no consent receipt: ${describeFaults(read.faults)}`);
  const { pii_processing: said, events, evidence } = read.value;
  const { app } = said.service;
  const keys = new Map(evidence.owner_keys.map((jwk) => [thumbprint(jwk), jwk]));
  const entryAt = new Map(evidence.entries.map((entry) => [entry.index, entry]));
  let last = -1;
  for (const entry of evidence.entries) {
    const fault = entryFault(entry, keys);
    if (fault) return not(`entry ${entry.index}: ${fault}`);
    if (entry.index <= last || entry.ledger !== evidence.ledger || entry.facts.app !== app)
      return not(`entry ${entry.index} does not belong here`);
    if (entry.by === 'owner' && entry.signature === undefined) return not(`entry ${entry.index} is not signed`);
    if (ledger && ledger.entries[entry.index]?.hash !== entry.hash)
      return not(`entry ${entry.index} is not in that ledger`);
    last = entry.index;
  }
  const told = said.purposes.map(({ permission, state, since, until, entries }) => ({
    ...{ permission, state, since, until, entries },
  }));
  const plain = (permissions: readonly Permission[]): string => JSON.stringify(permissions);
  if (plain(told) !== plain(permissionsIn(evidence.entries)))
    return not('the permissions do not follow from the entries');
  const isTold = events.every(({ entry, hash, event_state, event_time }) => {
    const found = entryAt.get(entry);
    return found?.hash === hash && stateSaid(found) === event_state && found.at === event_time;
  });
  if (!isTold || events.length !== evidence.entries.length) return not('the events are not those of the entries');
  const { terms, sha256, agreed } = said.privacy_notice;
  if (termsHash(terms) !== sha256) return not('the terms were altered');
  if (agreed !== null && (entryAt.get(agreed)?.type !== 'app.agreed' || entryAt.get(agreed)?.facts.terms !== sha256))
    return not('the entry in which the terms were agreed to names others');
  return { ok: true, signed: evidence.entries.filter(({ signature }) => signature !== undefined).length };
}
