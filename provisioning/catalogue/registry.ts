/**
 * What is published, and who may publish under which app id. An id belongs to whom an operator reserved it for, to the
 * member who proved its domain, or, where the territory does not want proof, to the first who published it; it never
 * changes hands by publishing. An ended release never comes back, and its
 * version is used for ever.
 */
import { announcedBy } from '#common/archive/release.js';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { Capability } from '#contract/capabilities.js';
import type { ReleaseState } from '#contract/catalogue.js';
import { compareVersions } from '#contract/manifest.js';
import { Refusal } from '#contract/problems.js';
import type { RolloutPlan } from '#contract/rollout.js';
import type { EventLog } from '../fleet/events.js';
import type { Rollouts } from '../rollouts/rollouts.js';
import type { AppIdRecord, ReleaseRecord } from '../store/catalogue.js';
import type { Store } from '../store/store.js';
import { createTurns } from '../store/turns.js';

export interface Listed extends ReleaseRecord {
  id: string;
  app: string;
}

/** With what its member signed, and the blobs that it names. */
export interface Found extends Listed {
  jws: string;
  blobs: string[];
}

export const stateOf = ({ ended }: ReleaseRecord): ReleaseState => ended?.state ?? 'published';

export interface NewListing {
  listed: Listed;
  jws: string;
  /** 64 hex digits each. */
  blobs: string[];
  /** Of a private release. */
  boxes: readonly string[] | undefined;
  /** Undefined: whoever may see it has it at once. */
  rollout?: RolloutPlan | undefined;
}

/** An id on its way to another member, and what is known of its app to ask for. */
export interface Passing {
  app: string;
  asks: readonly Capability[];
}

export interface Registry {
  owner(app: string): AppIdRecord | undefined;
  /** @throws Refusal `app-id-taken`, `app-id-unproven` */
  checkPublisher(app: string, member: string): void;
  /** @throws Refusal `app-id-taken` */
  checkOwner(app: string, member: string): void;
  /** An id, or `example.*` for a whole domain. @throws Refusal `app-id-taken` when somebody has published under it */
  reserve(app: string, member: string): Promise<void>;
  /** A whole domain, by proof. @throws Refusal `app-id-taken` */
  keep(ids: string, member: string, domain: string): Promise<void>;
  /**
   * Answers ids of one member with what their newest releases ask for, and the commit that makes them another's: the one
   * who asks makes it part of a commit of its own, and meanwhile nothing else is published.
   * @param apps all that it has where none are named
   * @throws Refusal `app-id-other`
   */
  pass<T>(
    wish: { from: string; to: string; apps?: readonly string[] | undefined },
    work: (apps: readonly Passing[], operations: readonly Operation[]) => Promise<T>,
  ): Promise<T>;
  /** Ids from the one after `after` on, in order. */
  apps(after: string): AsyncIterable<string>;
  /** The same with whole domains that are kept for somebody. */
  kept(after: string): AsyncIterable<string>;
  find(id: string): Found | undefined;
  /** Newest version first. */
  releasesOf(app: string): Promise<Listed[]>;
  /** By its member, or because it is offered to the box. */
  isNamed(id: string, box: string): boolean;
  /** Its maker offers it to this very box, over a link. */
  isOfferedTo(id: string, box: string): boolean;
  /** Releases that are published and need this blob. */
  needing(hex: string): AsyncIterable<Listed>;
  /**
   * Registers the id where it is new. The same release again answers what stands, lets more boxes see a private one, and
   * takes the newer signature.
   * @throws Refusal `app-id-taken`, `version-used`, `version-older`, `release-ended`, `release-visibility`, `rollout-late`
   */
  add(listing: NewListing): Promise<{ isNew: boolean; listed: Listed }>;
  /** For ever. Stopped outweighs withdrawn. @throws Refusal `listing-unknown` */
  end(id: string, state: 'withdrawn' | 'stopped', reason: string): Promise<Listed>;
}

const usesOf = (blobs: readonly string[], id: string): string[] => blobs.map((hex) => `${hex}!${id}`);

export function createRegistry({
  store,
  clock,
  events,
  wantsProof = () => false,
  rollouts,
}: {
  store: Store;
  clock: Clock;
  /** Whether a new id needs one; else it is the first member's who publishes it. */
  wantsProof?: () => boolean;
  events: Pick<EventLog, 'compose'>;
  rollouts: Pick<Rollouts, 'published' | 'view'>;
}): Registry {
  const { appIds, releases, releaseTexts, releaseBoxes, blobUses, offers } = store;
  const turns = createTurns();

  /** `a.b.c` belongs to whoever `a.b.*` or `a.*` is kept for, the longest first. */
  function owner(app: string): AppIdRecord | undefined {
    const own = appIds.getSync(app);
    if (own) return own;
    const labels = app.split('.');
    for (let count = labels.length - 1; count > 0; count -= 1) {
      const kept = appIds.getSync(`${labels.slice(0, count).join('.')}.*`);
      if (kept) return kept;
    }
    return undefined;
  }

  function checkOwner(app: string, member: string): void {
    const its = owner(app);
    if (its && its.owner !== member) throw new Refusal('app-id-taken', app);
  }

  function checkPublisher(app: string, member: string): void {
    checkOwner(app, member);
    if (wantsProof() && !owner(app)) throw new Refusal('app-id-unproven', app);
  }

  function find(id: string): Found | undefined {
    const text = releaseTexts.getSync(id);
    const record = text && releases.getSync(`${text.app}!${id}`);
    return record && { ...record, ...text, id };
  }

  function isOfferedTo(id: string, box: string): boolean {
    const app = releaseTexts.getSync(id)?.app;
    const offer = app === undefined ? undefined : offers.getSync(`${box}!${app}`);
    return offer !== undefined && offer.until > clock.now() && offer.releases.some(({ release }) => release === id);
  }

  async function releasesOf(app: string): Promise<Listed[]> {
    const entries = await releases.iterator({ gte: `${app}!`, lt: `${app}"` }).all();
    return entries
      .map(([key, record]) => ({ ...record, app, id: key.slice(app.length + 1) }))
      .sort((a, b) => compareVersions(b.version, a.version) || b.publishedAt - a.publishedAt);
  }

  async function asksOf(app: string): Promise<Passing> {
    const [newest] = (await releasesOf(app)).filter(({ ended }) => !ended);
    const jws = newest && find(newest.id)?.jws;
    return { app, asks: jws ? announcedBy(jws).manifest.capabilities.map(({ capability }) => capability) : [] };
  }

  async function checkVersion({ app, version, channel, architecture }: Listed): Promise<void> {
    const before = (await releasesOf(app)).filter((one) => one.architecture === architecture);
    if (before.some((one) => one.version === version)) throw new Refusal('version-used', `${app} ${version}`);
    const [newest] = before.filter((one) => one.channel === channel);
    if (newest && compareVersions(version, newest.version) <= 0)
      throw new Refusal('version-older', `${newest.version} stands in ${channel}`);
  }

  const allow = (id: string, boxes: readonly string[] = []): Operation[] =>
    boxes.map((box) => ({ type: 'put', sublevel: releaseBoxes, key: `${id}!${box}`, value: true }));

  /**
   * A reply was lost, more boxes are to see it, or its member has a new key and signed it anew: it is the same release.
   * Nobody widens a private one to everybody by mistake.
   */
  async function again({ app, blobs, ...found }: Found, { jws, boxes, rollout }: NewListing): Promise<Listed> {
    if (found.ended) throw new Refusal('release-ended', found.ended.reason);
    if (found.private !== (boxes !== undefined))
      throw new Refusal('release-visibility', found.private ? 'it is private' : 'everybody sees it');
    if (rollout && !rollouts.view({ ...found, app })) throw new Refusal('rollout-late', found.id);
    const text: Operation = { type: 'put', sublevel: releaseTexts, key: found.id, value: { app, jws, blobs } };
    await store.commit([...(jws === found.jws ? [] : [text]), ...allow(found.id, boxes)]);
    return { ...found, app };
  }

  return {
    owner,
    checkOwner,
    checkPublisher,
    find,
    releasesOf,
    isNamed: (id, box) => releaseBoxes.getSync(`${id}!${box}`) === true || isOfferedTo(id, box),
    isOfferedTo,

    reserve: (app, member) =>
      turns.take('apps', async () => {
        const before = appIds.getSync(app);
        if (before?.owner === member) return;
        if (before && (await releasesOf(app)).length > 0)
          throw new Refusal('app-id-taken', `${app}: ${before.owner} has published under it`);
        const value: AppIdRecord = { owner: member, at: clock.now(), byOperator: true };
        const told = events.compose({ type: 'app-reserved', text: `${app} is reserved for ${member}` });
        await store.commit([{ type: 'put', sublevel: appIds, key: app, value }, told.operation]);
        told.tell();
      }),

    keep: (ids, member, domain) =>
      turns.take('apps', async () => {
        checkOwner(ids, member);
        if (appIds.getSync(ids)) return;
        const value: AppIdRecord = { owner: member, at: clock.now(), domain };
        const told = events.compose({ type: 'app-domain', text: `${member} has proved ${domain}: ${ids} is theirs` });
        await store.commit([{ type: 'put', sublevel: appIds, key: ids, value }, told.operation]);
        told.tell();
      }),

    pass: ({ from, to, apps }, work) =>
      turns.take('apps', async () => {
        const wanted = apps && new Set(apps);
        const its: string[] = [];
        // A domain stays whose it is; what was published below it has ids of its own.
        for await (const [app, { owner: member }] of appIds.iterator())
          if (!app.endsWith('.*') && member === from && (wanted?.delete(app) ?? true)) its.push(app);
        if (wanted && wanted.size > 0) throw new Refusal('app-id-other', [...wanted].join(', '));
        const value: AppIdRecord = { owner: to, at: clock.now(), byOperator: true };
        const operations = its.map((key): Operation => ({ type: 'put', sublevel: appIds, key, value }));
        return work(await Promise.all(its.map(asksOf)), operations);
      }),

    kept: (after) => appIds.keys({ gt: after }),

    async *apps(after) {
      for await (const app of appIds.keys({ gt: after })) if (!app.endsWith('.*')) yield app;
    },

    async *needing(hex) {
      for await (const [key, app] of blobUses.iterator({ gte: `${hex}!`, lt: `${hex}"` })) {
        const id = key.slice(hex.length + 1);
        const record = releases.getSync(`${app}!${id}`);
        if (record && !record.ended) yield { ...record, app, id };
      }
    },

    add: (listing) =>
      // One at a time: an id must not be registered twice at once, nor two versions judged by the same list.
      turns.take('apps', async () => {
        const { listed, jws, blobs, boxes, rollout } = listing;
        const { id, app, member, version, ...rest } = listed;
        checkPublisher(app, member);
        const found = find(id);
        if (found) return { isNew: false, listed: await again(found, listing) };
        await checkVersion(listed);
        const told = events.compose({ type: 'release-published', text: `${app} ${version} by ${member}, ${id}` });
        const record: ReleaseRecord = { ...rest, version, member };
        const own: AppIdRecord = { owner: member, at: clock.now() };
        const its: Operation[] = [
          ...(appIds.getSync(app) ? [] : [{ type: 'put', sublevel: appIds, key: app, value: own } as const]),
          { type: 'put', sublevel: releases, key: `${app}!${id}`, value: record },
          { type: 'put', sublevel: releaseTexts, key: id, value: { app, jws, blobs } },
          ...usesOf(blobs, id).map((key) => ({ type: 'put', sublevel: blobUses, key, value: app }) as const),
          ...allow(id, boxes),
          told.operation,
        ];
        await rollouts.published(listed, rollout, (operations) => store.commit([...its, ...operations]));
        told.tell();
        return { isNew: true, listed };
      }),

    end: (id, state, reason) =>
      turns.take('apps', async () => {
        const found = find(id);
        if (!found) throw new Refusal('listing-unknown', id);
        if (found.ended && (found.ended.state === state || state === 'withdrawn')) return found;
        const { jws: _, id: _id, app, blobs, ...record } = found;
        const value: ReleaseRecord = { ...record, ended: { state, reason, at: clock.now() } };
        const told = events.compose({ type: `release-${state}`, text: `${app} ${record.version}, ${id}: ${reason}` });
        await store.commit([
          { type: 'put', sublevel: releases, key: `${app}!${id}`, value },
          ...usesOf(blobs, id).map((key) => ({ type: 'del', sublevel: blobUses, key }) as const),
          told.operation,
        ]);
        told.tell();
        return { ...value, id, app };
      }),
  };
}
