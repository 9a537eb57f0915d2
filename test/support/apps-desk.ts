/** A desk of apps that holds its data in memory and is led along by the test: what it was asked is recorded. */
import { createHash } from 'node:crypto';
import type { Capability } from '#contract/capabilities.js';
import type { CatalogueEntry } from '#contract/catalogue.js';
import type { Change } from '#contract/changes.js';
import type { AppDecision, AppMember, AppOffer, AppSuccession, Grant, InstalledApp } from '#contract/installed.js';
import type { Manifest, Words } from '#contract/manifest.js';
import { type ProblemCode, problem, Refusal } from '#contract/problems.js';
import type { AppGrants, AppLogs, AppsDesk } from '../../agent/owner/features.js';

const day = 86_400_000;
export const releaseOf = (name: string): string => createHash('sha256').update(name).digest('hex');
/** Four squares in two colours, 8 by 8. */
export const icon =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAHElEQVR42mN4utULjsQLbOGIgYoSyBxkRVSUAABFV1UBXt17dAAAAABJRU5ErkJggg==';

export const told = (code: ProblemCode, detail?: string) => {
  const { title, remedy } = problem(code, detail);
  return { code, title, remedy, ...(detail ? { detail } : {}) };
};

export const memberOf = (change: Partial<AppMember> = {}): AppMember => ({
  id: 'acme',
  territory: 'au-nsw-1',
  name: 'Acme',
  class: 'var',
  vettingLevel: 2,
  since: Date.UTC(2024, 4, 17),
  standing: 'good',
  checkedAt: Date.now() - 2 * 3_600_000,
  freshness: 'fresh',
  ...change,
});

const name: Words = { en: 'Visits', de: 'Besuche' };

export const manifestOf = (change: Partial<Manifest> = {}): Manifest => ({
  id: 'example.visits',
  version: '1.0.0',
  name,
  summary: { en: 'Keeps count of who came, and tells you when somebody is expected.' },
  icon,
  api: '1.0',
  capabilities: [
    { capability: 'storage', reason: { en: 'The visits are kept on your box and nowhere else.' } },
    {
      capability: 'network.egress:mail.example.com',
      reason: { en: 'Sends a message to the guests that you invite.' },
      optional: true,
    },
    { capability: 'notify', reason: { en: 'Tells you when somebody is expected.' }, optional: true },
  ],
  resources: { memoryMiB: 64, cpus: 0.5, pids: 32, storageMiB: 10 },
  run: { command: ['/app/visits'] },
  health: { kind: 'ready' },
  terms: {
    en: `Use it as you like.\n\n${'We answer for what the app does, within the law of your place.\n'.repeat(30)}`,
  },
  ...change,
});

export const offerOf = (manifest = manifestOf(), change: Partial<AppOffer> = {}): AppOffer => ({
  release: releaseOf(`${manifest.id} ${manifest.version}`),
  source: 'catalogue',
  manifest,
  member: memberOf(),
  sizeBytes: 42_000_000,
  missingBytes: 310_000,
  installed: null,
  asks: manifest.capabilities.map(({ capability }) => capability),
  problem: null,
  ...change,
});

export const grantOf = (capability: Capability, until: number | null = null): Grant => ({
  capability,
  grantedAt: Date.now() - 3 * day,
  until,
});

export const installedOf = (manifest = manifestOf(), change: Partial<InstalledApp> = {}): InstalledApp => ({
  id: manifest.id,
  release: releaseOf(`${manifest.id} ${manifest.version}`),
  manifest,
  member: memberOf(),
  installedAt: Date.now() - 40 * day,
  updatedAt: Date.now() - 3 * day,
  state: 'running',
  health: null,
  restarts: 0,
  sandbox: 'podman',
  stopped: null,
  grants: manifest.capabilities.map(({ capability }) => grantOf(capability)),
  usedBytes: 3_200_000,
  quotaBytes: 10 * 2 ** 20,
  waiting: null,
  succession: null,
  foreign: null,
  leases: [],
  held: null,
  failed: null,
  change: null,
  ...change,
});

export const entryOf = ({ manifest, release, member, sizeBytes }: AppOffer): CatalogueEntry => ({
  app: manifest.id,
  release,
  version: manifest.version,
  name: manifest.name.en,
  summary: manifest.summary.en,
  member: { id: member.id, name: member.name },
  sizeBytes,
  publishedAt: Date.now() - 5 * day,
  private: false,
});

/** A maker that was expelled, and who is to take over. */
export const successionOf = (change: Partial<AppSuccession> = {}): AppSuccession => ({
  ...{ serial: 3, territory: 'au-nsw-1', answer: null, problem: null, next: null },
  from: {
    ...{ name: 'Gone Ltd', left: 'expelled', since: Date.now() - 9 * day },
    because: 'It passed on what owners had trusted it with, and did not stop when told to.',
  },
  to: memberOf({ id: 'harbour', name: 'Harbour Software' }),
  decisions: [
    {
      ...{ from: 'Gone Ltd', to: 'Harbour Software', at: Date.now() - 2 * day },
      reason: 'It has looked after apps of this kind for years, and takes over what people depend on.',
      decidedBy: 'the standing committee of the territory',
      review: 'write to review@north.example within 30 days',
    },
  ],
  ...change,
});

const stepsOf = {
  install: ['app-next', 'app-fetch', 'app-verify', 'app-load', 'app-start', 'app-pass', 'app-commit'],
  update: ['app-next', 'app-fetch', 'app-verify', 'app-load', 'app-wait', 'app-start', 'app-pass', 'app-commit'],
  remove: ['app-stop', 'app-container', 'app-data', 'app-record', 'app-image'],
};
type Kind = keyof typeof stepsOf;
const pageSize = 5;

export function createAppsDesk() {
  const apps = new Map<string, InstalledApp>();
  const offers = new Map<string, AppOffer>();
  const decisions = new Map<string, { offer: AppOffer; decision: AppDecision } | { removed: string }>();
  const listeners = new Set<(id: string) => void>();
  const granting = new Set<(change: { app: string }) => void>();
  const asked: { act: string; what?: unknown; signed?: boolean }[] = [];
  let changes: Change[] = [];
  const box = {
    catalogue: [] as CatalogueEntry[],
    isOffline: false,
    logs: 'ready\n',
    /** What the next call refuses. */
    refuses: undefined as ProblemCode | undefined,
    /** Told as the octets of a file come in. */
    onOctets: (_bytes: number): void => {},
    onFileFailed: (_error: unknown): void => {},
    /** Until then an upload is being checked. */
    checked: Promise.resolve(),
    /** The offer that an uploaded file makes. */
    file: offerOf(manifestOf(), { source: 'file', missingBytes: 0 }),
  };

  const tell = (id: string): void => {
    for (const listener of listeners) listener(id);
  };
  function refuse(): void {
    const code = box.refuses;
    box.refuses = undefined;
    if (code) throw new Refusal(code);
  }
  function alter(id: string, change: Partial<InstalledApp>): void {
    const app = apps.get(id);
    if (!app) throw new Refusal('app-not-installed', id);
    apps.set(id, { ...app, ...change });
    tell(id);
  }
  function alterChange(id: string, change: Partial<Change>): void {
    changes = changes.map((one) => (one.id === id ? { ...one, ...change } : one));
    tell(id);
  }
  function begin(kind: Kind, about: { offer: AppOffer; decision: AppDecision } | { removed: string }): string {
    const id = String(changes.length + 1).padStart(16, '0');
    const steps = stepsOf[kind].map((step) => ({ kind: step, state: 'waiting' as const, note: null }));
    const times = { startedAt: Date.now(), endedAt: null, deadlineAt: null };
    changes = [{ id, kind: `app-${kind}`, state: 'doing', ...times, steps, problem: null }, ...changes];
    decisions.set(id, about);
    const app = 'removed' in about ? about.removed : about.offer.manifest.id;
    if (apps.has(app)) alter(app, { change: id });
    tell(app);
    return id;
  }

  const desk: AppsDesk = {
    list: () => [...apps.values()],
    show: (id) => apps.get(id),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async browse({ query, cursor }) {
      asked.push({ act: 'browse', what: { query, cursor } });
      if (box.isOffline) throw new Refusal('unavailable');
      const found = box.catalogue.filter(({ name }) => name.toLowerCase().includes((query ?? '').toLowerCase()));
      const from = Number(cursor ?? 0);
      const next = from + pageSize;
      return { entries: found.slice(from, next), cursor: next < found.length ? String(next) : null };
    },
    async offer(release) {
      refuse();
      const found = offers.get(release);
      if (!found) throw new Refusal('not-found');
      return found;
    },
    async offerFile(source) {
      refuse();
      try {
        let bytes = 0;
        for await (const octets of source) {
          bytes += octets.length;
          box.onOctets(bytes);
          refuse();
        }
        asked.push({ act: 'offerFile', what: bytes });
        await box.checked;
      } catch (error) {
        box.onFileFailed(error);
        throw error;
      }
      offers.set(box.file.release, box.file);
      return box.file;
    },
    async decide(decision, signer) {
      refuse();
      const offer = offers.get(decision.release);
      if (!offer) throw new Refusal('not-found');
      asked.push({ act: 'decide', what: decision, signed: typeof signer.sign === 'function' });
      return begin(offer.installed === null ? 'install' : 'update', { offer, decision });
    },
    async succeed(id, answer, signer) {
      refuse();
      asked.push({ act: 'succeed', what: { id, ...answer }, signed: typeof signer.sign === 'function' });
      const succession = apps.get(id)?.succession;
      if (succession) alter(id, { succession: { ...succession, answer: answer.accept ? 'yes' : 'no' } });
      return null;
    },
    async updateNow(id, signer) {
      refuse();
      asked.push({ act: 'updateNow', what: id, signed: typeof signer.sign === 'function' });
      if (!apps.get(id)?.held) throw new Refusal('update-not-held', id);
      alter(id, { held: null });
    },
    async remove(id, signer) {
      refuse();
      asked.push({ act: 'remove', what: id, signed: typeof signer.sign === 'function' });
      return begin('remove', { removed: id });
    },
    async stop(id, signer) {
      refuse();
      asked.push({ act: 'stop', what: id, signed: typeof signer.sign === 'function' });
      alter(id, { state: 'stopped', stopped: 'owner' });
    },
    async start(id, signer) {
      refuse();
      asked.push({ act: 'start', what: id, signed: typeof signer.sign === 'function' });
      alter(id, { state: 'running', stopped: null });
    },
  };

  const grants: AppGrants = {
    async set(app, { give, take }, signer) {
      refuse();
      asked.push({ act: 'grants', what: { app, give, take }, signed: typeof signer?.sign === 'function' });
      const kept = (apps.get(app)?.grants ?? []).filter(
        ({ capability }) => !take.includes(capability) && !give.some((one) => one.capability === capability),
      );
      const given = give.map(({ capability, until }) => ({ capability, grantedAt: Date.now(), until: until ?? null }));
      const found = apps.get(app);
      if (found) apps.set(app, { ...found, grants: [...kept, ...given] });
      for (const listener of granting) listener({ app });
    },
    onChange(listener) {
      granting.add(listener);
      return () => granting.delete(listener);
    },
  };

  const logs: AppLogs = async (id) => {
    asked.push({ act: 'logs', what: id });
    return box.logs;
  };

  return {
    desk,
    grants,
    logs,
    box,
    asked,
    changes: () => changes,
    put(app: InstalledApp) {
      apps.set(app.id, app);
      tell(app.id);
    },
    offer(offer: AppOffer) {
      offers.set(offer.release, offer);
      return offer;
    },
    alter,
    /** Everything before this step is done, and it is under way. */
    reach(id: string, step: string, code?: ProblemCode) {
      const mine = changes.find((one) => one.id === id);
      const at = mine?.steps.findIndex(({ kind }) => kind === step) ?? 0;
      const steps = (mine?.steps ?? []).map((one, index) => ({
        ...one,
        state: index < at ? ('done' as const) : index === at ? ('doing' as const) : ('waiting' as const),
      }));
      alterChange(id, { steps, problem: code ? told(code) : null });
    },
    fail(id: string, code: ProblemCode, detail?: string) {
      const about = decisions.get(id);
      if (about && 'offer' in about && apps.has(about.offer.manifest.id))
        alter(about.offer.manifest.id, { change: null });
      const steps = (changes.find((one) => one.id === id)?.steps ?? []).map((one) => ({
        ...one,
        state: one.state === 'doing' ? ('failed' as const) : one.state === 'done' ? ('undone' as const) : one.state,
      }));
      alterChange(id, { state: 'undone', endedAt: Date.now(), problem: told(code, detail), steps });
    },
    finish(id: string) {
      const about = decisions.get(id);
      if (about && 'removed' in about) apps.delete(about.removed);
      else if (about) {
        const { offer, decision } = about;
        const { manifest, release, member } = offer;
        const before = apps.get(manifest.id);
        const given = decision.grants.map(({ capability, until }) => grantOf(capability, until ?? null));
        const held = (before?.grants ?? []).filter(
          (one) => !given.some(({ capability }) => capability === one.capability),
        );
        apps.set(
          manifest.id,
          installedOf(manifest, {
            ...before,
            manifest,
            release,
            member,
            waiting: null,
            change: null,
            grants: [...held, ...given],
          }),
        );
      }
      const steps = (changes.find((one) => one.id === id)?.steps ?? []).map((one) => ({
        ...one,
        state: 'done' as const,
      }));
      alterChange(id, { state: 'done', endedAt: Date.now(), steps });
    },
  };
}
