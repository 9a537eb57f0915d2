/** What the standard API needs of the rest of the agent, seen through interfaces as small as its routes allow. */
import type { Box } from '#contract/api.js';
import type { Capability } from '#contract/capabilities.js';
import type { Sample } from '#contract/health.js';
import type { AppState } from '#contract/status.js';

/** An app as the API knows it. Its socket is its identity. */
export interface ApiApp {
  id: string;
  grants: readonly Capability[];
  quotaBytes: number;
}

export interface AppView {
  state: AppState;
  sandbox: 'none';
  restarts: number;
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
  usedBytes(app: string): number;
}

export interface Features {
  box(): Box;
  health: { latest(): Sample | null };
  /** Undefined for an app that is not run by this agent. */
  appView(id: string): AppView | undefined;
  storage: StorageView;
}
