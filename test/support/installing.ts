/** A territory with its members, their releases, and a box's rooms for installing them: all real but the engine. */
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { writeArchive } from '#common/archive/archive.js';
import { signRelease, signRotation } from '#common/archive/release.js';
import type { Clock } from '#common/clock.js';
import { files } from '#common/files.js';
import { publicJwkOf } from '#common/jws.js';
import { credentialTypes, issueCredential } from '#common/members/credential.js';
import { isoOf } from '#common/members/iso.js';
import { issueStatusList, statusListUrl } from '#common/members/status-list.js';
import { signSuccession } from '#common/members/succession.js';
import type { CatalogueRelease } from '#contract/catalogue.js';
import type { PublicJwk } from '#contract/directory.js';
import type { InstalledApp } from '#contract/installed.js';
import type { Manifest } from '#contract/manifest.js';
import { credentialContext, issuerOf, type StatusLists, subjectOf } from '#contract/member.js';
import { Refusal } from '#contract/problems.js';
import type { OutcomeReport } from '#contract/rollout.js';
import type { AppSuccessions, Succession } from '#contract/succession.js';
import { createInstaller, type Installer } from '../../agent/apps/installer.js';
import type { Catalogue, Runner, Sockets } from '../../agent/apps/uses.js';
import { createChanges } from '../../agent/changes/changes.js';
import { type Grants as AllGrants, createGrants } from '../../agent/consent/grants.js';
import { createLedger, type OwnerSigner } from '../../agent/consent/ledger.js';
import { openLeases } from '../../agent/leases/open.js';
import type { Say } from '../../agent/links/client.js';
import { createLinkRoom, type LinkRoom } from '../../agent/links/links.js';
import { createMembers } from '../../agent/members/members.js';
import { keyFileOf } from '../../agent/storage/keys.js';
import type { Storage } from '../../agent/storage/storage.js';
import { openStore, type Store } from '../../agent/store/store.js';
import type { Tell } from '../../agent/terms/client.js';
import { createTerms, type TermsRoom } from '../../agent/terms/terms.js';
import { architecture, collect, inPieces, type SomeApp, someApp, someManifest } from './archive.js';
import { type FileRunner, fileRunner } from './file-runner.js';
import { keysIn, storageOver } from './stored-values.js';

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const origin = 'https://north.example';
const day = 86_400_000;

export interface TestMember {
  id: string;
  index: number;
  key: KeyObject;
  jwk: PublicJwk;
  credential: string;
}

export async function testTerritory(wish: { id?: string; now: number; key?: KeyObject }) {
  const { id: territory = 'north', now, key = newKey() } = wish;
  const jwk = await publicJwkOf(key);
  let members = 0;
  return {
    id: territory,
    keys: [jwk],
    async member(
      id: string,
      more: { key?: KeyObject; index?: number; validUntil?: number; name?: string } = {},
    ): Promise<TestMember> {
      const its = more.key ?? newKey();
      members += 1;
      const index = more.index ?? members * 7;
      const entry = (statusPurpose: 'suspension' | 'revocation') => ({
        type: 'BitstringStatusListEntry' as const,
        statusPurpose,
        statusListIndex: String(index),
        statusListCredential: statusListUrl(origin, statusPurpose),
      });
      const jwkOf = await publicJwkOf(its);
      const credential = await issueCredential({
        key,
        credential: {
          '@context': [...credentialContext],
          id: `urn:uuid:${randomUUID()}`,
          type: [...credentialTypes],
          issuer: issuerOf(territory),
          validFrom: isoOf(now - day),
          validUntil: isoOf(more.validUntil ?? now + 400 * day),
          credentialSubject: {
            id: subjectOf(territory, id),
            member: id,
            territory,
            name: more.name ?? 'Example Software',
            class: 'var',
            vettingLevel: 2,
            charterVersion: '1',
            since: isoOf(now - 90 * day),
          },
          credentialStatus: [entry('suspension'), entry('revocation')],
          cnf: { jwk: jwkOf },
        },
      });
      return { id, index, key: its, jwk: jwkOf, credential };
    },
    /** Apps pass from one of its members to another. */
    succession(
      serial: number,
      [from, to]: readonly [TestMember, TestMember],
      more: Partial<Succession> & { keys?: PublicJwk[]; signedBy?: KeyObject } = {},
    ): Promise<string> {
      const { keys: kept = [], signedBy = key, ...told } = more;
      const succession: Succession = {
        ...{ territory, serial, at: now, apps: ['example.visits'] },
        from: {
          ...{ member: from.id, name: from.id, keys: [...kept, from.jwk] },
          ...{ left: 'expelled', since: now - day, because: 'it sold what it was trusted with' },
        },
        to: { member: to.id, name: to.id, jwk: to.jwk },
        ...{ reason: 'somebody has to look after it', decidedBy: 'the committee', review: 'write to the committee' },
        ...told,
      };
      return signSuccession({ key: signedBy, succession });
    },
    async lists(
      sequence: number,
      told: { suspended?: TestMember[]; expelled?: TestMember[]; at?: number; signedBy?: KeyObject } = {},
    ): Promise<StatusLists> {
      const at = told.at ?? now;
      const list = (purpose: 'suspension' | 'revocation', of: TestMember[] = []) =>
        issueStatusList({
          key: told.signedBy ?? key,
          territory,
          origin,
          purpose,
          indexes: of.map(({ index }) => index),
          sequence,
          validFrom: at,
          validUntil: at + 40 * day,
        });
      return {
        suspension: await list('suspension', told.suspended),
        revocation: await list('revocation', told.expelled),
      };
    },
  };
}
export type TestTerritory = Awaited<ReturnType<typeof testTerritory>>;

export interface TestRelease extends SomeApp {
  wza(more?: { status?: StatusLists; without?: string[] }): AsyncIterable<Uint8Array>;
  entry(more?: Partial<CatalogueRelease>): CatalogueRelease;
  status: StatusLists;
}

/** A release of that member's, with the status lists that go with it. */
export async function testRelease(
  folder: string,
  wish: {
    by: TestMember;
    territory: string;
    status: StatusLists;
    manifest?: Partial<Manifest>;
    text?: string;
    files?: Record<string, Uint8Array>;
    member?: string;
    /** Keys that it had before, oldest first. */
    before?: KeyObject[];
    /** That the app has passed to this member. */
    succession?: string[];
  },
): Promise<TestRelease> {
  const { by, territory, status } = wish;
  await mkdir(folder, { recursive: true });
  const manifest = someManifest(wish.manifest);
  const more = { manifest, territory, member: wish.member ?? by.id };
  const text = wish.text ?? `#!/bin/sh\necho ${manifest.version}\n`;
  const made = await someApp(folder, { key: by.key, text, files: wish.files ?? {}, more });
  const chain = [...(wish.before ?? []), by.key];
  const rotation = await Promise.all(
    (wish.before ?? []).map(async (key, at) =>
      signRotation({ member: by.id, jwk: await publicJwkOf(chain[at + 1]!), at: 1, key }),
    ),
  );
  const { jws, id } = await signRelease({ release: made.release, key: by.key, rotation, succession: wish.succession });
  return {
    ...made,
    jws,
    id,
    status,
    wza(some = {}) {
      const blobs = made.parts.blobs.filter(({ digest }) => !some.without?.includes(digest));
      return writeArchive({ release: jws, credential: by.credential, status: some.status ?? status, blobs });
    },
    entry: (some = {}) => ({
      id,
      app: manifest.id,
      version: manifest.version,
      member: by.id,
      state: 'published',
      publishedAt: 1,
      private: false,
      release: jws,
      credential: by.credential,
      status,
      ...some,
    }),
  };
}

/** A catalogue's answers, as they would come over the wire; `off` is a provider that cannot be reached. */
export function testCatalogue() {
  const entries = new Map<string, { entry: CatalogueRelease; made: TestRelease }>();
  const asked: string[] = [];
  const reports: OutcomeReport[] = [];
  const told = {
    off: false,
    cutAt: undefined as number | undefined,
    succession: undefined as AppSuccessions | undefined,
  };
  const check = (): void => {
    if (told.off) throw new Refusal('est-unreachable', origin);
  };
  const catalogue: Catalogue = {
    async page() {
      check();
      return { entries: [], cursor: null };
    },
    async app(app) {
      check();
      const releases = [...entries.values()].filter(({ entry }) => entry.app === app);
      return {
        app,
        owner: 'someone',
        ...(told.succession && { succession: told.succession }),
        releases: releases.map(({ entry: { id, version, state, publishedAt } }) => ({
          id,
          version,
          state,
          publishedAt,
          private: false,
        })),
      };
    },
    async report(report) {
      check();
      reports.push(report);
    },
    async release(id) {
      check();
      const found = entries.get(id);
      if (!found) throw new Refusal('listing-unknown', id);
      return { ...found.entry, ...(told.succession && { succession: told.succession }) };
    },
    async blob(digest, from) {
      check();
      asked.push(`${digest} ${from}`);
      const made = [...entries.values()].find(({ made }) => made.release.blobs.some((one) => one.digest === digest));
      if (!made) throw new Refusal('blob-missing', digest);
      const { readFile } = await import('node:fs/promises');
      const bytes = (await readFile(made.made.fileOf(digest))).subarray(from);
      const end = told.cutAt;
      told.cutAt = undefined;
      return inPieces(end === undefined ? bytes : bytes.subarray(0, end), 100);
    },
  };
  return {
    catalogue,
    asked,
    /** What the box has told of its changes. */
    reports,
    told,
    publish: (made: TestRelease, more: Partial<CatalogueRelease> = {}) =>
      void entries.set(more.id ?? made.id, { entry: made.entry(more), made }),
  };
}

export interface BoxWish {
  folder: string;
  clock: Clock;
  keys: (territory: string) => readonly PublicJwk[];
  catalogue: Catalogue;
  runner?: Runner & Partial<FileRunner>;
  /** The apps' real sockets; without, they are folders. */
  api?: (made: { grants: AllGrants; storage: Storage; clock: Clock }) => Promise<OpenApi>;
  freeBytes?: () => number;
  /** Where the image has blobs that apps share. */
  shipped?: string;
  /** Around each commit, for who wants to cut. */
  at?: (name: string) => void;
  isTimeKnown?: () => boolean;
  /** What the provider answers about links; one that can not be reached unless it is said. */
  say?: Say;
  /** What the provider answers about agreements; one that can not be reached unless it is said. */
  tell?: Tell;
  /** Told when the time becomes known. */
  onTime?: (listener: () => void) => () => void;
  /** As which box it is known in its territory. */
  own?: () => { box: string; territory: string } | undefined;
  /** That it is a member of. */
  territory?: string;
  /** Tells the app of its update; nobody listens where nothing is said. */
  announce?: (app: string, update: { version: string; seconds: number }) => boolean;
  monotonic?: () => number;
  boot?: string;
}

export interface OpenApi {
  sockets: Sockets;
  stop(): Promise<void>;
}

interface Put {
  sublevel?: { prefix: string | undefined } | undefined;
  value?: unknown;
}

/** Of a commit: what it is about, and how far the change is that it belongs to. */
export function nameOf(operations: readonly Put[]): string {
  const names = operations.map(({ sublevel, value }) => {
    const room = (sublevel?.prefix ?? '').replaceAll('!', '');
    if (room !== 'changes' || typeof value !== 'object' || value === null || !('steps' in value)) return room;
    const steps = value.steps as { kind: string; state: string }[];
    const back = steps.find(({ state }) => state === 'undoing' || state === 'undone');
    const last = back ?? steps.findLast(({ state }) => state !== 'waiting');
    return `${room} ${last?.kind ?? 'begun'} ${last?.state ?? ''}`.trim();
  });
  return [...new Set(names)].filter((name) => name !== 'ledgerMeta').join(' + ');
}

/** The rooms of one agent over one folder. */
export async function installingBox(wish: BoxWish) {
  const { folder, clock, at = () => {} } = wish;
  const refused: Refusal[] = [];
  const onRefused = (refusal: Refusal): void => void refused.push(refusal);
  const dataDir = path.join(folder, 'data');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const opened = await openStore(dataDir);
  const looks = new Set<() => void>();
  const told = opened.db.sublevel<string, unknown>('outcomes', { valueEncoding: 'json' });
  const store: Store = {
    ...opened,
    async commit(operations: Parameters<typeof opened.commit>[0]) {
      const name = nameOf(operations);
      at(`before commit ${name}`);
      await opened.commit(operations);
      for (const look of [...looks]) look();
    },
  };
  const trusted = wish.isTimeKnown ?? (() => true);
  const time = { ...clock, trusted, moment: () => clock.now() };
  const ledger = await createLedger({ store, clock });
  const grants = await createGrants({ store, ledger, clock, onRefused });
  const members = await createMembers({
    store,
    clock: time,
    keys: wish.keys,
    own: () => wish.territory ?? 'north',
    reach: async () => undefined,
    onRefused,
    onFork: async () => {},
  });
  const runner = wish.runner ?? fileRunner(folder, at);
  const socketsDirectory = path.join(folder, 'sockets');
  const storage = await storageOver(store, dataDir, {
    onRefused,
    files: {
      ...files,
      async destroy(file) {
        at('before destroy');
        await files.destroy(file);
        at('after destroy');
      },
    },
  });
  const api = await wish.api?.({ grants, storage, clock });
  const sockets: Sockets = api?.sockets ?? {
    async open({ id }) {
      const directory = path.join(socketsDirectory, id);
      at('before socket');
      await mkdir(directory, { recursive: true });
      return directory;
    },
    close: (id) => rm(path.join(socketsDirectory, id), { recursive: true, force: true }),
  };
  const room = await openLeases({
    store,
    ledger,
    clock: time,
    monotonic: wish.monotonic ?? (() => clock.now()),
    boot: wish.boot ?? 'boot',
    announce: wish.announce ?? (() => false),
    onRefused,
  });
  room.start();
  const installer: Installer = await createInstaller({
    dataDir,
    store,
    architecture,
    members,
    catalogue: wish.catalogue,
    own: () => wish.territory ?? 'north',
    shipped: wish.shipped,
    runner,
    sockets,
    grants,
    holds: room.updates,
    storage: {
      usedBytes: storage.usedBytes,
      async forget(app) {
        at('before forget');
        await storage.forget(app);
      },
    },
    ledger,
    mandates: { of: (verified) => links.mandates.of(verified) },
    terms: {
      covers: (release) => terms.covers(release),
      holds: (app) => terms.holds(app),
      onChange: (listener) => terms.onChange(listener),
    },
    changes: () => changes,
    clock,
    freeBytes: wish.freeBytes ?? (() => 1e12),
    onRefused,
  });
  const own = wish.own ?? (() => ({ box: 'box-000000000001', territory: 'north' }));
  const unreachable = async () => {
    throw new Refusal('est-unreachable', origin);
  };
  const terms: TermsRoom = await createTerms({
    ...{ store, ledger, clock, own, onRefused },
    isTimeKnown: trusted,
    onTime: wish.onTime ?? (() => () => {}),
    desk: installer.desk,
    tell: wish.tell ?? unreachable,
  });
  const links: LinkRoom = await createLinkRoom({
    ...{ store, ledger, clock, members, grants, architecture, onRefused },
    own,
    desk: installer.desk,
    changes: () => changes,
    say: wish.say ?? unreachable,
  });
  const changes = createChanges({ store, clock, kinds: installer.kinds, onRefused });
  grants.start();
  await changes.start();
  await installer.start();
  if (wish.say) await links.start();
  if (wish.tell) await terms.start();
  return {
    dataDir,
    socketsDirectory,
    store,
    desk: installer.desk,
    idle: installer.idle,
    links,
    terms,
    /** Resolves once nothing waits to be told to the provider. */
    async drained() {
      while ((await told.keys({ limit: 1 }).all()).length > 0)
        await new Promise<void>((resolve) => {
          const look = (): void => {
            looks.delete(look);
            resolve();
          };
          looks.add(look);
        });
    },
    members,
    changes,
    ledger,
    grants,
    room,
    runner,
    refused,
    blobsDirectory: path.join(dataDir, 'blobs'),
    /** As if the app had stored something. */
    async storeFor(app: string) {
      const value = Buffer.from('x');
      await storage.write({ id: app, quotaBytes: 1000 }, [{ op: 'put', key: 'k', value, contentType: 'text/plain' }]);
    },
    /** Whether it can be read, or anything of it is left. */
    async hasData(app: string): Promise<boolean> {
      const rows = await Promise.all(
        [store.values, store.names].map((sub) => sub.keys({ gte: `${app}!`, lt: `${app}"` }).all()),
      );
      const key = existsSync(keyFileOf(keysIn(dataDir), app));
      if (key && storage.get(app, 'k').value.toString() !== 'x') throw new Error('another value');
      return key || rows.flat().length > 0;
    },
    /** Resolves with what the owner sees once it holds. */
    until: (id: string, holds: (app: InstalledApp | undefined) => boolean) =>
      new Promise<InstalledApp | undefined>((resolve) => {
        const look = (): boolean => {
          const now = installer.desk.show(id);
          if (!holds(now)) return false;
          resolve(now);
          return true;
        };
        if (look()) return;
        const end = installer.desk.onChange(() => look() && end());
      }),
    async close() {
      await links.stop();
      await terms.stop();
      await changes.stop();
      await installer.stop();
      await members.stop();
      await grants.stop();
      await api?.stop();
      await storage.stop();
      await room.stop();
      await opened.close();
    },
  };
}
export type InstallingBox = Awaited<ReturnType<typeof installingBox>>;

/** The owner's key, as a signed-in session has it. */
export async function testSigner(key: KeyObject = newKey()): Promise<{ jwk: PublicJwk; signer: OwnerSigner }> {
  const jwk = await publicJwkOf(key);
  return {
    jwk,
    signer: {
      kid: jwk.kid,
      sign: async (data) => sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' }),
    },
  };
}

export { collect, files, newKey };
