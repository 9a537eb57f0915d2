/**
 * What the catalogue has for an app that is installed: the newest of its maker's releases, and what the maker's territory
 * says of who comes after them. Whatever is heard is verified before anything of it is kept.
 */
import type { CatalogueApp } from '#contract/catalogue.js';
import { compareVersions } from '#contract/manifest.js';
import { Refusal } from '#contract/problems.js';
import type { AppSuccessions } from '#contract/succession.js';
import type { Members } from '../members/members.js';
import { type Installed, type InstalledRecord, releaseOf } from './installed.js';
import type { Architecture, Offers, Verified } from './offers.js';
import type { Successions } from './successions.js';
import type { Catalogue } from './uses.js';

export interface Looking {
  /** @throws Refusal `release-…`, `credential-…`, and what the catalogue answers */
  fetched(release: string): Promise<Verified>;
  /** Where a release is not by whom the app is bound to: what is told of that; what nobody tells, its territory is asked. */
  heedHeir(verified: Verified, told?: AppSuccessions | null): Promise<void>;
  /** Undefined where the catalogue has nothing newer. @throws Refusal as `fetched` */
  newest(record: InstalledRecord): Promise<Verified | undefined>;
}

const channelOf = ({ channel = 'stable' }: { channel?: string | undefined }): string => channel;

export function createLooking(parts: {
  installed: Installed;
  offers: Offers;
  successions: Successions;
  members: Members;
  catalogue: Catalogue;
  /** Of this box. */
  architecture: Architecture;
  onRefused(error: unknown): void;
}): Looking {
  const { installed, offers, successions, members, catalogue } = parts;

  /** From the catalogue, whatever is held already: it says too what was withdrawn. */
  async function fetched(release: string): Promise<Verified> {
    const entry = await catalogue.release(release);
    const { release: jws, credential, status } = entry;
    const verified = await offers.verify({ jws, credential, status, source: 'catalogue' });
    if (verified.held.release !== release || entry.id !== release) throw new Refusal('release-other', release);
    await offers.heed(entry);
    await heedHeir(verified, entry.succession ?? null);
    return verified;
  }

  /** The territory of an installed app's maker: what another says of the same id is about another app. */
  function territoryOf(id: string): string | undefined {
    const current = installed.get(id)?.current;
    return current ? releaseOf(current).territory : undefined;
  }

  /** Neither a territory that is gone nor one that lies keeps an app from the updates of its own maker. */
  const asked = (territory: string, id: string) => members.askSuccessions(territory, id).catch(parts.onRefused);

  /** What comes with a release is looked at only where the release needs it. */
  async function heedHeir(verified: Verified, told?: AppSuccessions | null): Promise<void> {
    const { manifest, territory } = verified.release;
    if (told === null || territoryOf(manifest.id) !== territory) return;
    const problem = await offers.problem(verified);
    if (problem?.code === 'app-bound-elsewhere' || problem?.code === 'succession-undecided') {
      const heard = told ?? (await asked(territory, manifest.id));
      if (heard) await successions.heed(manifest.id, heard).catch(parts.onRefused);
    }
    const record = installed.get(manifest.id);
    if (record && (await successions.isHeirs(record, verified))) await successions.note(manifest.id, verified.held);
  }

  /** The catalogue's list of an app, and what the territory of its maker says of who comes after them. */
  async function listed({ id }: InstalledRecord): Promise<CatalogueApp | undefined> {
    const territory = territoryOf(id) ?? '';
    const isOwn = members.isOwn(territory);
    const unlisted = (error: unknown): undefined => {
      if (!(error instanceof Refusal) || error.code !== 'listing-unknown') throw error;
    };
    const list = await catalogue.app(id).catch(unlisted); // it came as a file
    const told = isOwn && list ? list.succession : await asked(territory, id);
    if (told) await successions.heed(id, told).catch(parts.onRefused);
    return list;
  }

  /** The newest that was published, is newer than what runs and has not failed here, of the channel that it came by. */
  async function newest(record: InstalledRecord): Promise<Verified | undefined> {
    const { current } = record;
    const list = current && (await listed(record));
    if (!list) return undefined;
    const { releases } = list;
    const { version, channel } = releaseOf(current).manifest;
    for (const { id, state, reason } of releases)
      await offers.heed({ id, app: record.id, state, ...(reason === undefined ? {} : { reason }) });
    const candidates = releases
      .filter((one) => one.state === 'published' && compareVersions(one.version, version) > 0)
      .filter(
        ({ id, architecture = parts.architecture }) => architecture === parts.architecture && !installed.barred(id),
      )
      .sort((a, b) => compareVersions(b.version, a.version));
    for (const { id } of candidates) {
      const verified = await fetched(id);
      const { manifest } = verified.release;
      if (manifest.id !== record.id) throw new Refusal('release-other', id);
      const now = installed.get(record.id) ?? record;
      // Until the owner has said yes to who made it, it is none of ours.
      if (channelOf(manifest) === channelOf({ channel }) && !(await successions.isHeirs(now, verified)))
        return verified;
    }
    return undefined;
  }

  return { fetched, heedHeir, newest };
}
