/** What the standard API needs of the rest of the agent, seen through interfaces as small as its routes allow. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AppEvent, Attestation, AttestationRequest, Box, NewNotification, Notified } from '#contract/api.js';
import type { Capability } from '#contract/capabilities.js';
import type { Sample } from '#contract/health.js';
import type { Lease, NewLease } from '#contract/leases.js';
import type { NewMessage, QueuedMessage, ReceivedMessages } from '#contract/messages.js';
import type { NewUsage, UsageEntry, UsageView } from '#contract/metering.js';
import type { AppState, Sandbox } from '#contract/status.js';
import type { Caller } from './access.js';

/** An app as the API knows it. Its socket is its identity. */
export interface ApiApp {
  id: string;
  quotaBytes: number;
}

/** An app of the configuration: what it may do stands there, and does not change. */
export interface FixedApp extends ApiApp {
  grants: readonly Capability[];
}

/** What the owner has granted, see agent/consent/grants.ts. */
export interface LiveGrants {
  of(app: string): readonly { capability: Capability }[];
  allows(app: string, capability: Capability): boolean;
  onChange(
    listener: (change: { app: string; given: readonly Capability[]; taken: readonly Capability[] }) => void,
  ): () => void;
}

/** Connections to servers outside, asked for by CONNECT (RFC 9110 section 9.3.6); see agent/egress/egress.ts. */
export interface Tunnels {
  /** Takes the socket over, whatever becomes of it. */
  open(wish: { caller: Caller; request: IncomingMessage; socket: Duplex; head: Buffer }): void;
}

export interface AppView {
  state: AppState;
  sandbox: Sandbox;
  restarts: number;
  /** Of an installed release; null or absent for an app of the configuration. */
  release?: string | null;
  version?: string | null;
}

export interface Connectivity {
  /** Whether the provider is connected now. */
  online(): boolean;
  /** Answers the way to end it. */
  subscribe(listener: (online: boolean) => void): () => void;
}

export interface StorageEntryView {
  key: string;
  etag: string;
  sizeBytes: number;
  contentType: string;
  modifiedAt: number;
}

export type StorageWrite = { key: string; ifMatch?: string | undefined; ifNoneMatch?: string | undefined } & (
  | { op: 'put'; value: Buffer; contentType: string }
  | { op: 'delete' }
);

/** See agent/storage/storage.ts, which also says what each refuses. */
export interface StorageView {
  get(app: string, key: string): { etag: string; contentType: string; modifiedAt: number; value: Buffer };
  head(app: string, key: string): StorageEntryView;
  list(
    app: string,
    range: { prefix: string; after: string | undefined; limit: number },
  ): Promise<{ entries: StorageEntryView[]; more: boolean }>;
  write(
    app: { id: string; quotaBytes: number },
    writes: readonly StorageWrite[],
  ): Promise<{ key: string; etag: string | null; existed: boolean }[]>;
  watch(app: string, wish: { prefix: string; since: string | undefined }, listener: () => void): StorageWatch;
  usedBytes(app: string): number;
}

/** See agent/storage/feed.ts. */
export interface StorageWatch {
  readonly isResumed: boolean;
  cursor(): string;
  next(): { key: string; etag: string | null } | 'lost' | undefined;
  end(): void;
}

/** See agent/identity/attest.ts. */
export interface AttestView {
  /** @throws Refusal `attest-not-enrolled`, `attest-time-unknown`, `attest-certificate`, `attest-unreleased` */
  attest(app: string, wish: AttestationRequest): Promise<Attestation>;
}

/** See agent/notices/notices.ts. */
export interface NotificationsView {
  /** @throws Refusal `notifications-too-many` */
  add(app: string, notification: NewNotification): Promise<{ notification: Notified; isNew: boolean }>;
}

/** See agent/messages/messages.ts, which also says what each refuses. */
export interface MessagesView {
  send(app: string, message: NewMessage, idempotencyKey?: string): Promise<QueuedMessage>;
  list(
    app: string,
    page: { cursor?: string | undefined; limit: number; waitSeconds: number; signal: AbortSignal },
  ): Promise<ReceivedMessages>;
  remove(app: string, id: string): Promise<void>;
  onNews(
    listener: (
      news: { app: string; at: number; id: string; name: string } & (
        | { type: 'message' }
        | { type: 'message-dropped'; code: string }
      ),
    ) => void,
  ): () => void;
}

/** See agent/metering/metering.ts, which also says what each refuses. */
export interface MeteringView {
  count(app: string, usage: NewUsage, key: string): Promise<{ entry: UsageEntry; isNew: boolean }>;
  view(app: string): UsageView;
  entries(app: string, after: number, limit: number): Promise<UsageEntry[]>;
}

/** See agent/leases/leases.ts, which also says what each refuses. */
export interface LeasesView {
  take(app: string, wish: NewLease, key?: string): Promise<{ lease: Lease; isNew: boolean }>;
  list(app: string): Lease[];
  extend(app: string, id: string, seconds: number): Promise<Lease>;
  release(app: string, id: string): Promise<void>;
}

export interface Features {
  box(): Box;
  health: { latest(): Sample | null };
  /** Undefined for an app that is not run by this agent. */
  appView(id: string): AppView | undefined;
  /** The app says that it is up. */
  ready(id: string): void;
  storage: StorageView;
  /** Undefined: a box that cannot vouch for anything, and says so. */
  attest?: AttestView;
  /** Undefined: nobody is there to be told. */
  notifications?: NotificationsView;
  /** Undefined: a box without a provider that could carry them. */
  messages?: MessagesView;
  /** Undefined: a box that neither updates apps nor is restarted for one. */
  leases?: LeasesView;
  /** Undefined: a box on which nobody can agree to anything. */
  metering?: MeteringView;
  /** The end of what an app printed; undefined where that is not kept. */
  logs?(app: string, wish: { tailBytes: number }): Promise<string>;
  /** What holds now of what an event stream tells: for who begins to listen. */
  standing?(app: string): AppEvent[];
}
