/** What is stored of app ids, releases and the blobs that they name. */
import type { Database } from '#common/commits.js';
import type { Words } from '#contract/manifest.js';
import { sublevel } from './sublevel.js';

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

export const catalogueSublevels = (db: Database) => ({
  appIds: sublevel<AppIdRecord>(db, 'appids'),
  releases: sublevel<ReleaseRecord>(db, 'releases'),
  releaseTexts: sublevel<ReleaseText>(db, 'releasetexts'),
  /** `{release}!{box}`: who may see a private one. */
  releaseBoxes: sublevel<true>(db, 'releaseboxes'),
  blobs: sublevel<BlobRecord>(db, 'blobs'),
  /** `{blob}!{release}` to its app, while the release is published. */
  blobUses: sublevel<string>(db, 'blobuses'),
});

export type CatalogueStore = Readonly<ReturnType<typeof catalogueSublevels>>;
