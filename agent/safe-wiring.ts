/** Safe mode, wired: whether this start is one, what it leaves out, and what answers where not even the store opens. */
import { cp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import { mendDatabase } from '#common/database.js';
import { version } from '#common/version.js';
import { Refusal } from '#contract/problems.js';
import type { StepKind } from './changes/run.js';
import type { Config } from './config.js';
import type { EventRoom } from './events-wiring.js';
import { openFactory } from './factory/factory.js';
import { ownRuntimeDirectory } from './ground.js';
import type { Host } from './host/host.js';
import { createLocalNames, linksOfMachine, mdnsPort } from './owner/mdns.js';
import { createTries } from './owner/tries.js';
import { openTime, resetOf } from './reset-wiring.js';
import { type BareConsole, createBareConsole } from './safe/bare.js';
import type { BareAct } from './safe/bare-page.js';
import { takeLastWords } from './safe/last-words.js';
import type { SafeLimits } from './safe/record.js';
import { neverSafe, openSafe, type Safe } from './safe/safe.js';
import { bootId } from './time/boot.js';

export interface SafeWish {
  log: Logger;
  limits?: SafeLimits | undefined;
  /** Missing: nobody starts the agent again. */
  restart?: (() => void) | undefined;
}

/** Never rejects for a fault of the machine: such a one may be why it is needed. */
export async function openSafeMode(config: Config, host: Host, { log, limits, restart }: SafeWish): Promise<Safe> {
  if (!config.safeMode) return neverSafe;
  await ownRuntimeDirectory(config.runtimeDir).catch((error: unknown) =>
    log.warn({ err: error }, 'the starts of the agent cannot be counted'),
  );
  const system = /^IMAGE_VERSION="?([^"\n]*)/m.exec((await host.kernel('/etc/os-release')) ?? '')?.[1] ?? '';
  const safe = await openSafe({
    files: host.files,
    memoryFile: path.join(config.runtimeDir, 'starts.json'),
    cardFile: path.join(config.dataDir, 'starts.json'),
    boot: await bootId(host),
    software: `${version} ${system}`.slice(0, 200),
    words: await takeLastWords(host.files, config.runtimeDir),
    ...{ limits, clock: host.clock, monotonic: host.monotonic },
    restart: restart ?? (() => {}),
  });
  const view = safe.view(host.clock.now());
  if (view) log.warn({ reason: view.reason, count: view.count, ...view.fault }, 'safe mode');
  return safe;
}

/** What has begun with an app waits: it can be turned back, and goes on behind safe mode. */
export const heldBack = (kinds: Readonly<Record<string, StepKind>>): Record<string, StepKind> =>
  Object.fromEntries(
    Object.entries(kinds).map(([name, kind]) => [
      name,
      { ...kind, do: () => Promise.reject(new Refusal('safe-mode')), isFinal: () => false },
    ]),
  );

/** The provider hears of safe mode and of its end. */
export function tellSafe(safe: Safe, events: EventRoom, now: () => number): void {
  const view = safe.view(now());
  if (view) {
    const { end, error, app } = view.fault;
    const fault = { ...(end && { end }), ...(error && { error: error.slice(0, 200) }), ...(app && { app }) };
    void events.record({ type: 'safe-mode', facts: { reason: view.reason, count: view.count, ...fault } });
  }
  safe.start(({ isBack }) => {
    if (isBack) void events.record({ type: 'safe-mode-left' });
  });
}

const isDamaged = (error: unknown): boolean => {
  for (let at = error; at instanceof Error; at = at.cause)
    if (
      (at instanceof Refusal && at.code === 'store-damaged') ||
      /corrupt/i.test(`${Reflect.get(at, 'code')} ${at.message}`)
    )
      return true;
  return false;
};

/** A copy of what was, where there is room for it; then level makes its index anew from the tables that can be read. */
async function mend(dataDir: string): Promise<void> {
  const store = path.join(dataDir, 'store');
  const [beside, kept] = [path.join(dataDir, 'store-damaged.new'), path.join(dataDir, 'store-damaged')];
  try {
    await rm(beside, { recursive: true, force: true });
    await cp(store, beside, { recursive: true });
    await rm(kept, { recursive: true, force: true });
    await rename(beside, kept);
  } catch {
    await rm(beside, { recursive: true, force: true });
  }
  await mendDatabase(store);
}

/** In place of the owner's console, where the agent could not be put together in safe mode either. */
export async function openBareConsole(
  config: Config,
  host: Host,
  wish: SafeWish & { safe: Safe; error: unknown; assetsDir: string },
): Promise<BareConsole> {
  const { safe, error, log, restart } = wish;
  const { dataDir, bootDir, owner } = config;
  const { files, clock } = host;
  const onRefused = (refusal: Refusal): void => log.warn({ code: refusal.code }, refusal.message);
  const factory = await openFactory({ dataDir, bootDir, files, clock, onRefused }).catch(() => undefined);
  const slots = await host.os?.slots().catch(() => undefined);
  const canGoBack = config.mayReboot && slots?.other.isGood === true && slots.other.version !== undefined;
  const hasCode = factory?.hasSetupCode() === true;
  const tries = createTries({ clock: { now: host.monotonic, sleep: clock.sleep }, random: Math.random });
  const offers: BareAct[] = [
    ...(hasCode && isDamaged(error) ? (['mend'] as const) : []),
    ...(hasCode && canGoBack ? (['back'] as const) : []),
    ...(hasCode ? (['reset'] as const) : []),
  ];
  const said = error instanceof Error ? error.message : String(error);
  const fault = { code: error instanceof Refusal ? error.code : 'internal', said: said.slice(0, 300) };
  const nothing = { end: null, error: null, app: null };
  const unknown = { reason: 'crashes' as const, count: 1, fault: nothing, since: 0, triesAt: 0 };

  const doing: Record<BareAct, () => Promise<void>> = {
    again: async () => {},
    mend: () => mend(dataDir),
    async back() {
      if (slots) await host.os?.activate(slots.other.name);
    },
    async reset() {
      await resetOf(config, host, await openTime(config, host), onRefused).ask({ kind: 'reset', by: 'console' });
    },
  };

  const made = createBareConsole({
    view: () => ({
      name: factory?.name() ?? 'webizen',
      safe: safe.view(clock.now()) ?? unknown,
      before: slots?.other.version,
      ...{ fault, offers },
    }),
    isCode: async (address, code) =>
      (await tries.attempt(address, async () => ((await factory?.verifySetupCode(code)) ? true : undefined))) === true,
    act: (act) => doing[act](),
    afterwards(act) {
      if (act !== 'back') return restart?.();
      void host.reboot().catch((why: unknown) => {
        log.error({ err: why }, 'cannot restart');
        restart?.(); // the other system is started whenever the machine is
      });
    },
    assetsDir: wish.assetsDir,
    host: owner?.host ?? '',
    port: owner?.port ?? 0,
    onFault: (why) => log.error({ err: why }, 'the page of safe mode'),
  });
  const names =
    factory && owner?.mdns
      ? createLocalNames({
          label: factory.name(),
          isOwned: () => true,
          links: linksOfMachine,
          port: mdnsPort,
          clock: { now: host.monotonic, sleep: clock.sleep },
          random: Math.random,
          onProblem: (why) => log.warn({ err: why }, 'cannot announce the box on the local network'),
        })
      : undefined;
  return {
    async start() {
      const port = await made.start();
      names?.start();
      return port;
    },
    async stop() {
      tries.stop();
      await names?.stop();
      await made.stop();
    },
  };
}
