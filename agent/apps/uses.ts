/** What the installer is handed: other rooms, as far as it uses them. */
import type { CatalogueApp, CataloguePage, CatalogueRelease } from '#contract/catalogue.js';
import type { Release } from '#contract/release.js';
import type { OutcomeReport } from '#contract/rollout.js';
import type { Grants as AllGrants } from '../consent/grants.js';
import type { Ledger } from '../consent/ledger.js';
import type { UpdateHolds } from '../leases/gate.js';
import type { Runner as WholeRunner } from './runtime/runner.js';

export type Runner = Omit<WholeRunner, 'open' | 'close' | 'ready' | 'logs'>;
export type Grants = Pick<AllGrants, 'of' | 'allows' | 'set' | 'drop' | 'onChange'>;
/** Leases: what apps hold, and how an update waits for it. */
export type Holds = UpdateHolds;
export type LedgerRoom = Pick<Ledger, 'append' | 'decide'>;

/** What the owner has agreed to pay. */
export interface Terms {
  /** Whether the release asks for nothing that its owner has not agreed to. */
  covers(release: Release): boolean;
  /** Whether there is an agreement about the app now. */
  holds(app: string): boolean;
  onChange(listener: (app: string) => void): () => void;
}

/** Where nobody can agree to anything, what has plans is not to be had. */
export const noTerms: Terms = {
  covers: ({ manifest }) => manifest.plans === undefined,
  holds: () => false,
  onChange: () => () => {},
};

export interface Sockets {
  /** Answers the socket's directory. Opened again with another quota, it has that one. */
  open(app: { id: string; quotaBytes: number }): Promise<string>;
  /** Nothing of it is left; no container has it mounted any more. */
  close(id: string): Promise<void>;
}

export interface Storage {
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
  report(report: OutcomeReport): Promise<void>;
}
