/** Updates of the system: what the provider selects is looked at, taken where it may be, and carried out as a change. */
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import type { OctetSource } from '#common/download.js';
import type { NewOsSettings, OsView, ReportedOs } from '#contract/os.js';
import type { OsAsk, OsKeys, OsRelease, OsSelection } from '#contract/os-release.js';
import { Refusal } from '#contract/problems.js';
import type { Changes } from '../changes/changes.js';
import type { StepKind } from '../changes/run.js';
import type { Ledger, OwnerSigner } from '../consent/ledger.js';
import type { Left } from '../host/left.js';
import type { OsHost, Slots } from '../host/slots.js';
import type { RebootHolds } from '../leases/gate.js';
import { openOsBook } from './book.js';
import { openBundle } from './bundle.js';
import { createChoosing } from './choice.js';
import { type Before, type GateLimits, type LocalHealth, usualGate } from './gate.js';
import { isStreamed } from './install.js';
import { type OsPlan, planOs } from './plan.js';
import { markSettled } from './settled.js';
import { createOsSteps, osChange, osGroup } from './steps.js';
import { openStream, type Pieces } from './stream.js';
import { reportOf, type Seen, viewOf } from './view.js';

/** The territory's catalogue of systems. */
export interface OsSource {
  /** What this box is to run; undefined: what it has. @throws Refusal as the provider says, `est-unreachable`, `not-a-member` */
  selected(ask: OsAsk): Promise<OsSelection | undefined>;
  octets(sha256: string): OctetSource;
  pieces(bundle: OsRelease['bundle']): Pieces;
}

export interface OwnerSystem {
  view(): OsView;
  set(settings: NewOsSettings, signer: OwnerSigner): Promise<void>;
  /** 0: no longer. */
  hold(days: number, signer: OwnerSigner): Promise<void>;
  /** @throws Refusal `os-nothing-waits` */
  now(version: string, signer: OwnerSigner): Promise<void>;
  onChange(listener: () => void): () => void;
}

export interface Updates {
  /** For the change runner. */
  kinds: Record<string, StepKind>;
  owner: OwnerSystem;
  reported(): ReportedOs;
  /** Something that a plan follows from may be otherwise. */
  look(): void;
  /** The catalogue is asked now. @throws Refusal as `OsSource.selected`, and what is wrong with what it selected */
  ask(): Promise<void>;
  /** That the catalogue is asked for on the provider's word. @throws Refusal `os-not-selected`, and as `ask` */
  wanted(version: string): Promise<void>;
  /** After the change runner. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface UpdatesParts {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  ledger: Pick<Ledger, 'decide'>;
  clock: Clock & { trusted(): boolean; until(moment: number, signal?: AbortSignal): Promise<void> };
  monotonic: () => number;
  boot: string;
  os: OsHost;
  /** What the image trusts. */
  pinned: OsKeys;
  source: OsSource;
  changes: () => Changes;
  holds: Pick<RebootHolds, 'ask' | 'end'> & { onChange(listener: () => void): () => void };
  conditions: { isTooHot(): boolean; isPowerWeak(): boolean };
  before: () => Before;
  health: LocalHealth;
  /** Whether apps are not even tried: a system on trial must work without that. */
  isSafeMode?: () => boolean;
  limits?: GateLimits;
  left: Left;
  reboot: () => Promise<void>;
  /** Below it a folder is kept. */
  directory: string;
  freeBytes: () => number;
  /** The slot that runs has proved itself. */
  onGood: () => Promise<void>;
  onRefused: (refusal: Refusal) => void;
}

/** What stays free on the disk whatever is fetched. */
const reserveBytes = 64 * 1024 * 1024;
const firstPause = 60_000;
const day = 86_400_000;

export async function createUpdates(parts: UpdatesParts): Promise<Updates> {
  const { clock, os, source, changes, holds, conditions, onRefused } = parts;
  const book = await openOsBook(parts);
  const stopping = new AbortController();
  const { signal } = stopping;
  const listeners = new Set<() => void>();
  let woken = new AbortController();
  let slots: Slots | undefined;
  let plan: OsPlan = { do: 'nothing' };
  let fetchedBytes = 0;
  let running: Promise<void> = Promise.resolve();
  const undo: (() => void)[] = [];

  const tell = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const look = (): void => {
    woken.abort();
    woken = new AbortController();
    tell();
  };
  const onFault = (error: unknown): void =>
    onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error }));

  function onProgress(bytes: number): void {
    const isNews = Math.floor(bytes / 4_000_000) !== Math.floor(fetchedBytes / 4_000_000);
    fetchedBytes = bytes;
    if (isNews) tell();
  }
  const bundle = await openBundle({ ...parts, reserveBytes, onProgress });

  const underWay = () => changes().underWay(osGroup);
  const versionUnderWay = (): string | undefined => {
    const change = underWay();
    return change && String(changes().data(change.id)?.version ?? '');
  };

  /** How they are is remembered, for who looks. */
  async function lookAtSlots(): Promise<Slots> {
    slots = await os.slots();
    return slots;
  }
  const watchedOs: OsHost = { ...os, slots: lookAtSlots };
  const choosing = createChoosing({ ...parts, ...{ book, signal, onFault, slots: lookAtSlots }, onAsked: look });

  async function planWith(isInstalled: boolean): Promise<OsPlan> {
    const { compatible, booted } = await lookAtSlots();
    const { chosen, settings, saidNow, failed, floor } = book.now();
    fetchedBytes = chosen ? await bundle.fetchedBytes(chosen.release.bundle) : 0;
    return planOs({
      now: clock.now(),
      isTimeKnown: clock.trusted(),
      ...{ compatible, running: booted.version },
      selected: chosen,
      ...{ floor, settings, saidNow, failed, isInstalled, fetchedBytes },
      isStreamed: chosen !== null && isStreamed(chosen, book.now().unstreamed),
      freeBytes: parts.freeBytes() - reserveBytes,
      isTooHot: conditions.isTooHot(),
      isPowerWeak: conditions.isPowerWeak(),
    });
  }

  const changed = (until: number | null, over: AbortSignal): Promise<void> =>
    until === null ? clock.sleep(day, over) : clock.until(until, over);

  const steps = createOsSteps({
    ...parts,
    ...{ os: watchedOs, book, bundle, changed },
    seen: () => woken.signal,
    octets: (sha256) => source.octets(sha256),
    async stream(wanted, over) {
      const pieces = source.pieces(wanted);
      try {
        const stream = await openStream({ ...parts, bundle: wanted, pieces, signal: over, onProgress });
        return {
          ...stream,
          async close() {
            await stream.close();
            pieces.close();
          },
        };
      } catch (error) {
        pieces.close();
        throw error;
      }
    },
    limits: parts.limits ?? usualGate,
    async plan() {
      plan = await planWith(true);
      return plan;
    },
    changes,
  });

  /** One look: what may be begun is begun. Answers until when there is nothing to do. */
  async function next(): Promise<number | null> {
    const change = underWay();
    if (change) {
      // What is only being fetched gives way at once; later steps see for themselves.
      const data = changes().data(change.id);
      const step = change.steps.find(({ state }) => state !== 'done')?.kind;
      const isFetching = step === 'os-fetch' || (step === 'os-install' && data?.signature !== undefined);
      if (change.state === 'doing' && isFetching && data?.release !== book.now().chosen?.id)
        await changes()
          .abort(change.id)
          .catch(() => {}); // it has gone on, or ended
      return null;
    }
    plan = await planWith(false);
    const { chosen } = book.now();
    if (plan.do === 'refuse' && chosen)
      choosing.refuse({ version: chosen.release.version, code: plan.code, at: clock.now() });
    if (plan.do === 'install' && chosen)
      await changes()
        .begin(osChange(chosen, { from: slots?.booted.version, unstreamed: book.now().unstreamed }))
        .catch((error: unknown) => {
          if (!(error instanceof Refusal && error.code === 'change-under-way')) throw error;
        });
    tell();
    return plan.do === 'wait' ? plan.until : null;
  }

  async function keepLooking(): Promise<void> {
    while (!signal.aborted) {
      const seen = woken.signal;
      const until = await next().catch((error: unknown) => {
        if (!signal.aborted) onFault(error);
        return clock.now() + firstPause;
      });
      await changed(until, AbortSignal.any([signal, seen]));
    }
  }

  /** Whether the gate is still before what runs. */
  function isOnTrial(booted: string): boolean {
    const change = underWay();
    const gate = change?.steps.find(({ kind }) => kind === 'os-gate');
    return change !== undefined && gate?.state !== 'done' && changes().data(change.id)?.target === booted;
  }

  const seen = (): Seen => ({
    ...{ slots, plan, fetchedBytes, askedAt: choosing.askedAt(), refused: choosing.refused() },
    book: book.now(),
    change: underWay(),
    changing: versionUnderWay(),
  });
  const decide = (
    change: Parameters<typeof book.set>[0],
    type: string,
    facts: Record<string, string | number>,
    signer: OwnerSigner,
  ): Promise<void> => book.set(change, { decisions: [{ by: 'owner', type, facts }], signer });

  return {
    kinds: steps,
    reported: () => reportOf(seen()),
    look,
    ask: choosing.ask,
    async wanted(version) {
      await choosing.ask();
      if (book.now().chosen?.release.version !== version) throw new Refusal('os-not-selected', version);
    },
    owner: {
      view: () => viewOf(seen()),
      set: ({ automatic, window }, signer) =>
        decide(
          ({ settings }) => ({ settings: { ...settings, automatic, window } }),
          'os.settings',
          { automatic, ...(window && { from: window.from, minutes: window.minutes }) },
          signer,
        ),
      hold: (days, signer) =>
        decide(
          ({ settings }) => ({ settings: { ...settings, holdUntil: days === 0 ? null : clock.now() + days * day } }),
          'os.hold',
          { days },
          signer,
        ),
      async now(version, signer) {
        const { chosen } = book.now();
        if (chosen?.release.version !== version || slots?.booted.version === version)
          throw new Refusal('os-nothing-waits', version);
        await decide(() => ({ saidNow: version }), 'os.now', { version }, signer);
      },
      onChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    async start() {
      await lookAtSlots().catch(onFault);
      undo.push(book.onChange(look), holds.onChange(look));
      undo.push(changes().on(({ kind, endedAt }) => kind === 'os-update' && (endedAt === null ? tell() : look())));
      const settled = markSettled({ ...parts, ...{ book, signal, onFault, isOnTrial, slots: lookAtSlots } });
      running = Promise.all([settled, choosing.keepAsking(), keepLooking()]).then(() => {});
    },
    async stop() {
      stopping.abort();
      for (const one of undo) one();
      await running;
    },
  };
}
