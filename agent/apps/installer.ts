/** Installed apps: the desk before the owner, the steps for the change runner, and the keeper that runs what is installed. */
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import type { PublicJwk } from '#contract/directory.js';
import { Refusal } from '#contract/problems.js';
import type { Changes } from '../changes/changes.js';
import type { StepKind } from '../changes/run.js';
import type { Members } from '../members/members.js';
import { openBlobs } from './blobs.js';
import { openBring } from './bring.js';
import { type AppsDesk, createDesk } from './desk.js';
import { createImageCheck } from './image-check.js';
import { createInstallSteps } from './install-steps.js';
import { openInstalled, releaseOf } from './installed.js';
import { createKeeper } from './keeper.js';
import { createLooking } from './looking.js';
import { type Mandates, noMandates } from './mandate.js';
import { type Architecture, createOffers } from './offers.js';
import { createOutcomeCourier } from './outcome-courier.js';
import { createOutcomeWatch } from './outcome-watch.js';
import { openOutcomes } from './outcomes.js';
import { createProvide } from './provide.js';
import { createRemoveSteps } from './remove-steps.js';
import { createRunning } from './running.js';
import { createSuccessions } from './successions.js';
import { createTable } from './table.js';
import {
  type Catalogue,
  type Grants,
  type Holds,
  type LedgerRoom,
  noTerms,
  type Runner,
  type Sockets,
  type Storage,
  type Terms,
} from './uses.js';

/** What an installed app is, by what its member signed. */
export interface AppBinding {
  release: string;
  version: string;
  member: string;
  /** That its messages are encrypted to; undefined where it has none. */
  key: PublicJwk | undefined;
  /** The member's, that the app is bound to. */
  bound: PublicJwk;
}

/** `digest`: 64 hex digits. */
export interface KeptApp {
  id: string;
  name: string;
  version: string;
  source: 'catalogue' | 'file';
  usedBytes: number;
  blobs: { digest: string; size: number; file: string }[];
}

export interface Installer {
  desk: AppsDesk;
  /** Undefined when no such app is installed. */
  bindingOf(app: string): AppBinding | undefined;
  /** All that are installed, with the blobs of those that came as files: nobody else may have them. */
  kept(): KeptApp[];
  /** For the change runner. */
  kinds: Record<string, StepKind>;
  /** After the runner of apps, the API and the change runner. */
  start(): Promise<void>;
  /** Resolves when what should run has been started, and nothing is being tidied up. */
  idle(): Promise<void>;
  /** Behind the change runner. Apps run on. */
  stop(): Promise<void>;
}

/** What stays free on the disk whatever is installed. */
const reserveBytes = 64 * 1024 * 1024;
const lookMilliseconds = 24 * 3_600_000;

export async function createInstaller(wish: {
  dataDir: string;
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  architecture: Architecture;
  members: Members;
  catalogue: Catalogue;
  /** Where the image has blobs that apps share. */
  shipped?: string | undefined;
  /** The territory that the box is a member of: its provider is told of the releases that it gave out. */
  own: () => string | undefined;
  runner: Runner;
  sockets: Sockets;
  grants: Grants;
  holds: Holds;
  storage: Storage;
  ledger: LedgerRoom;
  changes: () => Changes;
  clock: Clock;
  freeBytes: () => number;
  terms?: Terms;
  /** Of makers who manage this box for its owner. */
  mandates?: Mandates;
  /** Blobs that are kept though no app needs them now: of the base that apps to come will share. */
  isShared?: (digest: string) => boolean;
  onRefused: (refusal: Refusal) => void;
}): Promise<Installer> {
  const {
    isShared = () => false,
    mandates = noMandates,
    terms = noTerms,
    clock,
    onRefused,
    runner,
    sockets,
    holds,
  } = wish;
  const table = createTable();
  const refused = (error: unknown): void =>
    onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error }));
  const outcomes = await openOutcomes(wish);
  const installed = await openInstalled({ ...wish, outcomes });
  const directory = path.join(wish.dataDir, 'blobs');
  const blobs = await openBlobs({ directory, freeBytes: wish.freeBytes, reserveBytes });
  const bring = await openBring({ ...wish, blobs, shipped: wish.shipped });
  const running = createRunning({ runner, sockets, holds });
  const successions = createSuccessions({ ...wish, installed });
  const offers = createOffers({ ...wish, terms, installed, bring, successions });
  const isPinned = (digest: string): boolean => isShared(digest) || table.isPinned(digest);
  const images = createImageCheck();
  const rooms = {
    ...wish,
    mandates,
    terms,
    installed,
    outcomes,
    blobs,
    bring,
    offers,
    images,
    successions,
    running,
    table,
    isPinned,
  };
  const provide = createProvide(rooms);
  const keeper = createKeeper({ ...rooms, provide });
  const looking = createLooking({ ...rooms, onRefused: refused });
  const desk = createDesk({ ...rooms, keeper, looking, reserveBytes });
  const parts = { ...rooms, tidy: keeper.tidy };
  const watch = createOutcomeWatch(rooms);
  const courier = createOutcomeCourier({ ...rooms, report: wish.catalogue.report });
  const stopping = new AbortController();
  let daily: Promise<void> | undefined;
  let asking: Promise<void> = Promise.resolve();
  let endWatching = (): void => {};

  /** A territory that has expelled a maker may have said since who comes after them. */
  async function askForHeirs(): Promise<void> {
    await keeper.enforce();
    for (const { id, stopped } of installed.list())
      if (stopped === 'expelled' && !stopping.signal.aborted) await desk.learn(id).catch(refused);
  }

  /** Once a day: what asks for nothing more goes ahead, what does waits for the owner. */
  async function look(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(lookMilliseconds * (0.9 + Math.random() / 10), stopping.signal);
      for (const { id } of stopping.signal.aborted ? [] : installed.list()) await desk.update(id).catch(refused);
    }
  }

  function bindingOf(app: string): AppBinding | undefined {
    const record = installed.get(app);
    const held = record?.current ?? record?.next?.held;
    if (!record || !held) return undefined;
    const { manifest, member } = releaseOf(held);
    const bound = record.current ? record.jwk : (record.next?.jwk ?? record.jwk);
    return { release: held.release, version: manifest.version, member, key: manifest.messages?.key, bound };
  }

  const kept = (): KeptApp[] =>
    installed.list().flatMap(({ id, current }) => {
      if (!current) return [];
      const { manifest, blobs: made } = releaseOf(current);
      const ours = current.source === 'file' ? made : [];
      return {
        ...{ id, name: manifest.name.en, version: manifest.version, source: current.source },
        usedBytes: wish.storage.usedBytes(id),
        blobs: ours.flatMap(({ digest, size }) => {
          const file = blobs.fileOf(digest);
          return file === undefined ? [] : { digest: digest.slice('sha256:'.length), size, file };
        }),
      };
    });

  return {
    desk,
    bindingOf,
    kept,
    kinds: { ...createInstallSteps(parts), ...createRemoveSteps(parts) },
    async start() {
      await keeper.start();
      watch.start();
      courier.start();
      daily ??= look();
      endWatching = wish.members.onChange(() => {
        asking = asking.then(askForHeirs).catch(refused);
      });
    },
    idle: keeper.idle,
    async stop() {
      stopping.abort();
      endWatching();
      await daily;
      await asking;
      await watch.stop();
      await courier.stop();
      await keeper.stop();
    },
  };
}
