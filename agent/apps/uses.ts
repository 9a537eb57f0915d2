/** What the installer is handed: other rooms, as far as it uses them. */
import type { Static } from 'typebox';
import type { Capability } from '#contract/capabilities.js';
import type { CatalogueApp, CataloguePage, CatalogueRelease } from '#contract/catalogue.js';
import type { Told as ToldShape } from '#contract/changes.js';
import type { PublicJwk } from '#contract/directory.js';
import type { Grant, Sandbox } from '#contract/installed.js';
import type { Manifest } from '#contract/manifest.js';
import type { StatusLists } from '#contract/member.js';
import type { Release } from '#contract/release.js';
import type { AppState } from '#contract/status.js';
import type { OwnerSigner } from '../consent/ledger.js';

export interface RunApp {
  id: string;
  release: string;
  /** Digest of the OCI manifest. */
  image: string;
  manifest: Manifest;
  /** Mounted read-only at /run/webizen. */
  socketDirectory: string;
  /** Writable, mounted at /run/app. */
  runDirectory: string;
}

type Told = Static<typeof ToldShape>;

export interface AppRunner {
  readonly sandbox: Sandbox;
  load(image: string, tar: () => AsyncIterable<Uint8Array>): Promise<void>;
  images(): Promise<string[]>;
  unload(image: string): Promise<void>;
  start(app: RunApp): Promise<void>;
  settled(id: string, signal: AbortSignal): Promise<void>;
  stop(id: string): Promise<void>;
  remove(id: string): Promise<void>;
  show(id: string): { state: AppState; restarts: number; health: Told | null; sandbox: Sandbox } | undefined;
  leftovers(): Promise<{ id: string; release: string }[]>;
  onChange(listener: (id: string) => void): () => void;
}

export interface AppGrants {
  of(app: string): Grant[];
  allows(app: string, capability: Capability): boolean;
  set(
    app: string,
    wish: { give: { capability: Capability; until?: number }[]; take: Capability[]; release?: string },
    signer?: OwnerSigner,
  ): Promise<void>;
  drop(app: string): Promise<void>;
  onChange(listener: (change: { app: string }) => void): () => void;
}

export interface AppSockets {
  /** Answers the socket's directory. Opened again with another quota, it has that one. */
  open(app: { id: string; quotaBytes: number }): Promise<string>;
  close(id: string): Promise<void>;
}

export interface AppStorage {
  usedBytes(app: string): number;
  /** All of the app's data, and the key to them. */
  forget(app: string): Promise<void>;
}

/** The catalogue of the box's territory. @throws Refusal `est-unreachable`, and what the provider answers */
export interface Catalogue {
  page(wish: { query?: string; cursor?: string }): Promise<CataloguePage>;
  app(id: string): Promise<CatalogueApp>;
  release(id: string): Promise<CatalogueRelease>;
  blob(digest: string, from: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/** common/archive, as far as it is used here. */
export interface ArchiveRules {
  openArchive(
    source: AsyncIterable<Uint8Array>,
    wish: { directory: string; freeBytes(): number; reserveBytes?: number },
  ): Promise<{
    release: string;
    credential: string;
    status: StatusLists | undefined;
    blobs: ReadonlyMap<string, string>;
  }>;
  verifyRelease(jws: string, jwk: PublicJwk): Promise<{ id: string; release: Release }>;
  followRotation(jws: string, bound: PublicJwk): Promise<PublicJwk | undefined>;
  checkImage(
    release: Release,
    wish: { fileOf(digest: string): string | undefined; architecture: 'amd64' | 'arm64' },
  ): Promise<{ configDigest: string }>;
  imageTar(release: Release, fileOf: (digest: string) => string): AsyncIterable<Uint8Array>;
}
