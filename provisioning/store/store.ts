/**
 * The provider's one database: a sublevel a concern, and everything that must hold together in one synced batch.
 * The broker is never the store of record; this is.
 */
import path from 'node:path';
import type { AbstractSublevel } from 'abstract-level';
import { type Commits, createCommits, type Database, type Operation } from '#common/commits.js';
import { isDiskFull, openDatabase } from '#common/database.js';
import type { Command, CommandResult, DesiredState } from '#contract/commands.js';
import type { PublicJwk } from '#contract/directory.js';
import type { LostReason, Sample } from '#contract/health.js';
import type { LeavePhase, LeaveReason } from '#contract/leave.js';
import type { LedgerEntry, LedgerHead } from '#contract/ledger.js';
import type { MemberLink, OfferedRelease } from '#contract/links.js';
import type { Words } from '#contract/manifest.js';
import type { AppIdPolicy, LevelPolicy, MemberRecord } from '#contract/member-register.js';
import type { AdmittedBy, FactoryIdentity, FleetEvent, RevocationReason } from '#contract/operator.js';
import type { CommandState } from '#contract/operator-commands.js';
import { Refusal } from '#contract/problems.js';
import type {
  OutcomeKind,
  OutcomeProblem,
  OutcomeWord,
  RolloutBy,
  RolloutPlan,
  RolloutState,
} from '#contract/rollout.js';
import type { Birth, Reported } from '#contract/status.js';
import type { Succession } from '#contract/succession.js';
import type { Bucket } from './rollup.js';
import { type WatchStore, watchSublevels } from './watch.js';

/** Keyed by the hash of its code; its id is the first 12 digits of that hash. */
export interface ClaimRecord {
  label: string;
  createdAt: number;
  expiresAt: number;
  revokedAt?: number;
  /** One claim, one key: the same key gets the same certificate again, another key is refused. */
  use?: { at: number; keyHash: string; box: string; certificate: string };
}

export interface CertificateRecord {
  /** Upper-case hex, as node:crypto prints it. */
  serial: string;
  notAfter: number;
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  keyHash: string;
  /** DER in base64. */
  der: string;
}

/** Keyed by box id. What is optional is missing in the records of earlier releases. */
export interface BoxRecord {
  enrolledAt: number;
  /** Of the claim it came with; empty when it came otherwise. */
  claim: string;
  /** Missing: by claim. */
  admittedBy?: AdmittedBy;
  factory?: FactoryIdentity;
  certificate: CertificateRecord;
  /** Issued by a renewal and not yet seen in use; both are accepted until it is. */
  next?: CertificateRecord;
  /** Earlier ones that have not run out: they end with the box. */
  previous?: { serial: string; notAfter: number }[];
  revokedAt?: number;
  /** Missing: an operator revoked it. */
  revocation?: { reason: RevocationReason; text?: string; to?: string };
  leaving?: { phase: LeavePhase; reason: LeaveReason; to?: string; at: number; objection?: string };
  /** Until when what looked like a copy of it is settled. */
  settledAt?: number;
}

/** What is known of one device. Keyed by `{maker}!{serial}`. */
export interface FactoryRecord {
  /** The box that it is, or was last. */
  box: string;
  /** The box whose revocation bars it. */
  barred?: { box: string; at: number };
  /** Each voucher serves once: the key that it served. */
  voucherKeyHash?: string;
}

export const factoryKey = ({ maker, serial }: FactoryIdentity): string => `${maker}!${serial}`;

/** A box that asked to be admitted. Keyed by the hash of its key, so that asking again is the same request. */
export interface RequestRecord {
  firstAt: number;
  lastAt: number;
  address: string;
  /** SubjectPublicKeyInfo, DER in base64. */
  spki: string;
  factory?: FactoryIdentity;
  claimLabel?: string;
  decision?: { at: number } & ({ refused: string } | { box: string; certificate: string; notAfter: number });
}

/** One certificate that a CRL must name. Keyed by its serial. */
export interface RevocationRecord {
  at: number;
  notAfter: number;
  reason: RevocationReason;
}

/** Whether a revoked box's session at the broker is over. Keyed by box id. */
export interface CutRecord {
  at: number;
  state: 'pending' | 'cut';
  detail?: string;
}

/** Which sequences of one epoch are here: everything up to `contiguous`, and `above` it these ranges. */
export interface Track {
  contiguous: number;
  above: [number, number][];
  /** Sequences that the box has declared lost; they count as gaps for ever. */
  lost: number;
  /** Of those, how many for which reason, where the box gave one. */
  why?: Partial<Record<LostReason, number>>;
}

/** What the box has said of itself. Keyed by box id, written by ingest alone. */
export interface LifeRecord {
  lastSeen: number;
  tracks: Record<string, Track>;
  birth?: Birth;
  /** The session of its last death, as it was told. */
  ended?: string;
  /** Epochs of its births, the last one last. Missing: that of `birth` is the only one. */
  born?: string[];
  /** When its last birth came, by this clock. */
  bornAt?: number;
  /**
   * An epoch came back after another, by this clock: for the first time, the last time, when the birth that it followed
   * had come, and when it was last told.
   */
  cloned?: { since: number; at: number; after: number; toldAt: number };
  reported?: Reported;
  /** The highest that was seen of each of its ledgers, the newest ledger last. */
  ledgers?: LedgerHead[];
  /** How often it was written; PostgreSQL's store sees by it that nobody else did in between. */
  version?: number;
  /** Samples that were taken and are not stored here, as they were counted when this was written. */
  gaps?: number;
  /** By epoch: which of its events are here. */
  eventTracks?: Record<string, Track>;
  /** How many of them came on this day since 1970, by this clock. */
  eventDay?: { day: number; count: number };
  health?: { at: number; values: Sample['values'] };
}

/** What the operator says of a box. Keyed by box id. */
export interface AboutRecord {
  /** Missing: that of its claim code. */
  label?: string;
  place?: string;
  at: number;
}

/** Who may publish under an app id. Keyed by it, or by `example.*` where an operator has kept a whole domain. */
export interface AppIdRecord {
  owner: string;
  at: number;
  /** An operator said so; or the domain was proved; else it was the first who published. */
  byOperator?: boolean;
  domain?: string;
}

/** What a list needs of a release. Keyed by `{app}!{release}`. */
export interface ReleaseRecord {
  version: string;
  channel: string;
  architecture: 'amd64' | 'arm64';
  member: string;
  name: Words;
  summary: Words;
  sizeBytes: number;
  publishedAt: number;
  /** Only for the boxes in `catalogueBoxes`. */
  private: boolean;
  /** Missing: it is published. */
  ended?: { state: 'withdrawn' | 'stopped'; reason: string; at: number };
}

/** What its member signed, and the blobs that it names, as hex. Keyed by the release's id. */
export interface ReleaseText {
  app: string;
  jws: string;
  blobs: string[];
}

/** Octets that are whole and whose hash was seen. Keyed by their SHA-256, hex. */
export interface BlobRecord {
  size: number;
  /** When it was last wanted: what nobody needs goes a while after. */
  at: number;
  /** Who uploaded it, and so may have it. */
  holders: string[];
}

/** What a box has said of its links last. Keyed by box id. */
export interface LinkBoxRecord {
  sequence: number;
  /** The hash of the code that its owner shows. */
  code?: string;
}

/** Keyed by the hash of the code: one member asks with it, and no second one. */
export interface LinkCodeRecord {
  box: string;
  expiresAt: number;
  use?: { member: string; link: string };
}

/** Keyed by `{member}!{link}`. Without `since` it waits for the owner. */
export interface LinkRecord {
  box: string;
  /** As its member signed it. */
  request: string;
  note?: string;
  askedAt: number;
  since?: number;
  ended?: { at: number; by: 'owner' | 'member' | 'provider' };
  installed: MemberLink['installed'];
  /** When something was offered over it, within the last week. */
  offeredAt: number[];
}

/** Keyed by `{box}!{app}`. */
export interface OfferRecord {
  link: string;
  member: string;
  version: string;
  releases: OfferedRelease[];
  message?: string;
  at: number;
  until: number;
  declinedAt?: number;
}

/** Of a release that reaches the boxes in waves. Keyed by the release's id. */
export interface RolloutRecord {
  app: string;
  channel: string;
  architecture: 'amd64' | 'arm64';
  private: boolean;
  plan: RolloutPlan;
  state: RolloutState;
  /** Of the plan's, the first is 0. */
  wave: number;
  /** Boxes whose position is below it, in millionths of the whole. Never falls. */
  reach: number;
  /** Known to have the app when the wave began, and those of them that it reached. */
  fleet: number;
  inReach: number;
  startedAt: number;
  waveAt: number;
  /** Results that were known when it was resumed. */
  since: { done: number; failed: number };
  /** Why it does not go on. */
  why?: { by: RolloutBy; text: string; at: number };
}

/** The newest that a box told of a release. Keyed by `{release}!{alias of the box}`. */
export interface OutcomeRecord {
  kind: OutcomeKind;
  outcome: OutcomeWord;
  problem?: OutcomeProblem;
  from?: string;
  /** By the box's clock, and when it was told by ours. */
  at: number;
  toldAt: number;
  agent: string;
  box: string;
}

/** Boxes by what they told of a release, and by the codes of their problems. Keyed by the release's id. */
export interface OutcomeCounts {
  outcomes: Record<string, number>;
  codes: Record<string, number>;
}

/** What was heard of a box last, so that it counts once. Keyed by box id. */
export interface HeardRecord {
  recent: string[];
}

/** Both were here since it was last settled: the return of the one that stays is no news. */
export const isCloned = (
  { settledAt = 0 }: Pick<BoxRecord, 'settledAt'>,
  life: Pick<LifeRecord, 'cloned'> | undefined,
): boolean => (life?.cloned?.after ?? 0) > settledAt;

/** The newest status lists of members, as compact JWS. */
export interface StatusListsRecord {
  sequence: number;
  /** Milliseconds since 1970; 0 has them made again. */
  madeAt: number;
  origin: string;
  suspension: string;
  revocation: string;
}

/** An app passed to another member. Keyed by its serial, 16 digits. */
export interface SuccessionRecord {
  succession: Succession;
  /** The same, signed by the key that the territory signs with now. */
  jws: string;
}

/** Which key the territory signs for its members with, and those before it, newest first. */
export interface SigningRecord {
  kid: string;
  /** Until when what each has signed is believed. */
  former: { jwk: PublicJwk; at: number; until: number }[];
}

/** `all`: what the territory has set for its members. */
export interface MemberSettings {
  policy?: LevelPolicy;
  /** Whose a new app id is. Missing: `first`. */
  appIds?: AppIdPolicy;
  /** Missing: the first key signs still. */
  signing?: SigningRecord;
  /** Where it was reached last. */
  origin?: string;
}

/** A message of a box, until its member has acknowledged it. Keyed by `{app}!{order, 16 digits}`. */
export interface UpMessage {
  box: string;
  member: string;
  name: string;
  id: string;
  at: number;
  expiresAt: number;
  sealed: string;
}

/** A message for a box, until that has it. Keyed by `{box}!{order, 16 digits}!{app}!{name}`. */
export interface DownMessage {
  member: string;
  id: string;
  expiresAt: number;
  sealed: string;
}

/** What became of a message for a box. Keyed by `{app}!{id}`. */
export interface DownState {
  state: 'waiting' | 'delivered' | 'refused' | 'expired';
  code?: string;
  box: string;
  /** Where it waits. */
  place: string;
  expiresAt: number;
  /** Of what was sent: the same again is the same message. */
  digest: string;
}

/** From this store to PostgreSQL: `moving` since then, or `moved` then. */
export interface FleetMove {
  state: 'moving' | 'moved';
  at: number;
}

export interface MessageUsage {
  bytes: number;
  count: number;
}

/** Something that was asked of a box. Keyed by `{box}!{sequence, 16 digits}`. */
export interface CommandRecord {
  command: Command;
  state: CommandState;
  sentAt?: number;
  /** The last that the box gave, and when it came. */
  answer?: CommandResult;
  answeredAt?: number;
  /** Of a bundle in `diagnostics/`. */
  diagnosticsBytes?: number;
}

type Sub<V> = AbstractSublevel<Database, string | Buffer | Uint8Array, string, V>;

export interface Store extends WatchStore {
  readonly claims: Sub<ClaimRecord>;
  readonly boxes: Sub<BoxRecord>;
  readonly factories: Sub<FactoryRecord>;
  readonly requests: Sub<RequestRecord>;
  readonly revocations: Sub<RevocationRecord>;
  /** `last`: the newest CRL's. */
  readonly crls: Sub<{ number: number; thisUpdate: number }>;
  readonly cuts: Sub<CutRecord>;
  /** `last`: when this store was made from a backup, and of when that is. */
  readonly restorations: Sub<{ at: number; backupAt: number }>;
  readonly members: Sub<MemberRecord>;
  /** Decisions about members. `{index, 12 digits}`. */
  readonly memberLedger: Sub<LedgerEntry>;
  /** `last` */
  readonly memberLists: Sub<StatusListsRecord>;
  readonly memberSettings: Sub<MemberSettings>;
  readonly successions: Sub<SuccessionRecord>;
  readonly lives: Sub<LifeRecord>;
  readonly abouts: Sub<AboutRecord>;
  /** By name: what to ask the fleet's table for. */
  readonly savedFilters: Sub<{ query: string; at: number }>;
  /** `{box}!{time, 16 digits}!{epoch}!{sequence, 16 digits}` to the values. */
  readonly samples: Sub<Sample['values']>;
  /** `{box}!{begin, 16 digits}`: what five minutes of samples, and an hour of them, came to. */
  readonly rollupMinutes: Sub<Bucket>;
  readonly rollupHours: Sub<Bucket>;
  readonly events: Sub<FleetEvent>;
  /** `state`: whether what boxes tell is on its way to a database, or there. */
  readonly fleetMoves: Sub<FleetMove>;
  readonly appIds: Sub<AppIdRecord>;
  readonly releases: Sub<ReleaseRecord>;
  readonly releaseTexts: Sub<ReleaseText>;
  /** `{release}!{box}`: who may see a private one. */
  readonly releaseBoxes: Sub<true>;
  readonly blobs: Sub<BlobRecord>;
  /** `{blob}!{release}` to its app, while the release is published. */
  readonly blobUses: Sub<string>;
  readonly linkBoxes: Sub<LinkBoxRecord>;
  readonly linkCodes: Sub<LinkCodeRecord>;
  readonly links: Sub<LinkRecord>;
  /** `{box}!{link}` to its member. */
  readonly linkPlaces: Sub<string>;
  readonly offers: Sub<OfferRecord>;
  readonly messagesUp: Sub<UpMessage>;
  readonly messagesDown: Sub<DownMessage>;
  readonly messageStates: Sub<DownState>;
  /** `{box}!{app}!{name}` to the last number of the stream that is here. */
  readonly messageStreams: Sub<{ stream: string; last: number }>;
  /** `{time, 16 digits}!{up|down|state}!{key there}`: when it goes. */
  readonly messageEnds: Sub<true>;
  readonly messageUsage: Sub<MessageUsage>;
  /** `order`: the last that was given; `expired!{app}`: how many nobody fetched. */
  readonly messageMeta: Sub<number>;
  readonly rollouts: Sub<RolloutRecord>;
  readonly outcomes: Sub<OutcomeRecord>;
  readonly outcomeCounts: Sub<OutcomeCounts>;
  readonly outcomesHeard: Sub<HeardRecord>;
  /** `{app}!{box}` to the release that it last said it has. */
  readonly installs: Sub<string>;
  /** `aliases`: what the names of boxes that members read are made with, base64. */
  readonly rolloutKeys: Sub<string>;
  readonly commands: Sub<CommandRecord>;
  /** Those without a final answer. */
  readonly commandsOpen: Sub<true>;
  /** The highest sequence that was given. */
  readonly commandBoxes: Sub<{ sequence: number }>;
  /** What boxes are told to be like from now on. Keyed by box id. */
  readonly desired: Sub<DesiredState>;
  /** All of it is on the disk, or none of it. @throws Refusal `disk-full` */
  commit(operations: readonly Operation[]): Promise<void>;
  /** Told of what has just been committed, before `commit` answers. Answers the way to end it. */
  onCommitted(listener: (operations: readonly Operation[]) => void): () => void;
  /** Every entry as it is stored, of the moment of the call. */
  snapshot(): AsyncIterable<[string, string]>;
  close(): Promise<void>;
}

/** A release's store opens under the release before it: expand now, contract one release later. */
const storeVersion = 1;

/** @throws Refusal as `openDatabase` */
export async function openStore(directory: string): Promise<Store> {
  const db = await openDatabase(path.join(directory, 'store'), storeVersion);
  const commits: Commits = createCommits(db);
  const json = { valueEncoding: 'json' } as const;
  const listeners = new Set<(operations: readonly Operation[]) => void>();
  return {
    ...watchSublevels(db),
    claims: db.sublevel<string, ClaimRecord>('claims', json),
    boxes: db.sublevel<string, BoxRecord>('boxes', json),
    factories: db.sublevel<string, FactoryRecord>('factories', json),
    requests: db.sublevel<string, RequestRecord>('requests', json),
    revocations: db.sublevel<string, RevocationRecord>('revocations', json),
    crls: db.sublevel<string, { number: number; thisUpdate: number }>('crls', json),
    cuts: db.sublevel<string, CutRecord>('cuts', json),
    restorations: db.sublevel<string, { at: number; backupAt: number }>('restorations', json),
    members: db.sublevel<string, MemberRecord>('members', json),
    memberLedger: db.sublevel<string, LedgerEntry>('memberLedger', json),
    memberLists: db.sublevel<string, StatusListsRecord>('memberLists', json),
    memberSettings: db.sublevel<string, MemberSettings>('memberSettings', json),
    successions: db.sublevel<string, SuccessionRecord>('successions', json),
    lives: db.sublevel<string, LifeRecord>('lives', json),
    abouts: db.sublevel<string, AboutRecord>('abouts', json),
    savedFilters: db.sublevel<string, { query: string; at: number }>('savedfilters', json),
    samples: db.sublevel<string, Sample['values']>('samples', json),
    rollupMinutes: db.sublevel<string, Bucket>('rollupminutes', json),
    rollupHours: db.sublevel<string, Bucket>('rolluphours', json),
    events: db.sublevel<string, FleetEvent>('events', json),
    fleetMoves: db.sublevel<string, FleetMove>('fleetmoves', json),
    appIds: db.sublevel<string, AppIdRecord>('appids', json),
    releases: db.sublevel<string, ReleaseRecord>('releases', json),
    releaseTexts: db.sublevel<string, ReleaseText>('releasetexts', json),
    releaseBoxes: db.sublevel<string, true>('releaseboxes', json),
    blobs: db.sublevel<string, BlobRecord>('blobs', json),
    blobUses: db.sublevel<string, string>('blobuses', json),
    linkBoxes: db.sublevel<string, LinkBoxRecord>('linkboxes', json),
    linkCodes: db.sublevel<string, LinkCodeRecord>('linkcodes', json),
    links: db.sublevel<string, LinkRecord>('links', json),
    linkPlaces: db.sublevel<string, string>('linkplaces', json),
    offers: db.sublevel<string, OfferRecord>('offers', json),
    messagesUp: db.sublevel<string, UpMessage>('messagesup', json),
    messagesDown: db.sublevel<string, DownMessage>('messagesdown', json),
    messageStates: db.sublevel<string, DownState>('messagestates', json),
    messageStreams: db.sublevel<string, { stream: string; last: number }>('messagestreams', json),
    messageEnds: db.sublevel<string, true>('messageends', json),
    messageUsage: db.sublevel<string, MessageUsage>('messageusage', json),
    messageMeta: db.sublevel<string, number>('messagemeta', json),
    rollouts: db.sublevel<string, RolloutRecord>('rollouts', json),
    outcomes: db.sublevel<string, OutcomeRecord>('outcomes', json),
    outcomeCounts: db.sublevel<string, OutcomeCounts>('outcomecounts', json),
    outcomesHeard: db.sublevel<string, HeardRecord>('outcomesheard', json),
    installs: db.sublevel<string, string>('installs', json),
    rolloutKeys: db.sublevel<string, string>('rolloutkeys', json),
    commands: db.sublevel<string, CommandRecord>('commands', json),
    commandsOpen: db.sublevel<string, true>('commandsopen', json),
    commandBoxes: db.sublevel<string, { sequence: number }>('commandboxes', json),
    desired: db.sublevel<string, DesiredState>('desired', json),
    async commit(operations) {
      try {
        await commits.commit(operations);
      } catch (error) {
        throw isDiskFull(error) ? new Refusal('disk-full', undefined, { cause: error }) : error;
      }
      for (const listener of listeners) listener(operations);
    },
    onCommitted(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    snapshot: () => db.iterator<string, string>({ keyEncoding: 'utf8', valueEncoding: 'utf8' }),
    async close() {
      await commits.idle();
      await db.close();
    },
  };
}

export const sampleKey = (box: string, at: number, epoch: string, sequence: number): string =>
  `${box}!${String(at).padStart(16, '0')}!${epoch}!${String(sequence).padStart(16, '0')}`;

/**
 * The put of one sample, encoded here: thousands come a second, and level's own way through the sublevel costs twice
 * the time.
 */
export const sampleOperation = (store: Store, key: string, values: Sample['values']): Operation => ({
  type: 'put',
  key: store.samples.prefixKey(key, 'utf8'),
  value: JSON.stringify(values),
  keyEncoding: 'utf8',
  valueEncoding: 'utf8',
});

/** Everything of a box between two times, both included. */
export const sampleRange = (box: string, from: number, to: number): { gte: string; lt: string } => ({
  gte: `${box}!${String(Math.max(0, from)).padStart(16, '0')}`,
  lt: `${box}!${String(Math.max(0, to)).padStart(16, '0')}"`, // the character after the separator
});

/** The time that a sample's key holds. */
export const sampleTime = (key: string): number => Number(key.split('!')[1]);
