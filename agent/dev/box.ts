/**
 * A box for one app that is being written: the agent as it runs on boxes, and in place of provider, owner and installer
 * somebody who always says yes. What goes wrong on boxes can be switched on, by the ways that it comes about there.
 */
import path from 'node:path';
import type { Logger } from 'pino';
import { blobFile, imageTar } from '#common/archive/layout.js';
import { systemClock } from '#common/clock.js';
import type { Handlers } from '#common/control.js';
import { files } from '#common/files.js';
import type { Capability } from '#contract/capabilities.js';
import {
  DevFaultWish,
  type DevOptions,
  DevRun,
  type DevState,
  devFaultNames,
  isDevFaultName,
  read,
} from '#contract/developing.js';
import { Refusal } from '#contract/problems.js';
import { type Agent, createAgent } from '../agent.js';
import { createRunner } from '../apps/runtime/create-runner.js';
import type { Runner } from '../apps/runtime/runner.js';
import { parseConfig } from '../config.js';
import type { Simulated } from '../simulated.js';
import { createDevEngine } from './engines.js';
import { createFaults } from './faults.js';
import { createDevHost } from './host.js';
import { devTerritory, openDevTerritory } from './territory.js';

export interface DevBox {
  /** @throws Refusal `directory-in-use` when another one serves this folder */
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly handlers: Handlers;
}

const mebibyte = 1024 * 1024;

export async function createDevBox(
  options: DevOptions,
  {
    say,
    print,
    log,
  }: {
    /** A fact about the box, for the developer. */
    say(line: string): void;
    /** What the app prints. */
    print(chunk: Uint8Array): void;
    log: Logger;
  },
): Promise<DevBox> {
  const { dataDir, runtimeDir } = options;
  const stateDirectory = path.join(runtimeDir, 'runtime');
  const config = parseConfig(
    JSON.stringify({
      ...{ dataDir: path.join(dataDir, 'box'), runtimeDir, developing: true },
      health: { intervalSeconds: 10 },
    }),
  );
  const conditions = { diskFull: false, networkCut: false };
  const host = createDevHost({ conditions, reach: options.reach });
  const standing = await openDevTerritory({
    directory: path.join(dataDir, 'territory'),
    files,
    at: systemClock.now(),
  });
  const engines = createDevEngine({ options, stateDirectory, log, print });
  const { sandbox } = options;

  let app: DevRun | undefined;
  let socket: string | null = null;
  let now: { agent: Agent; runner: Runner } | undefined;
  let told = '';
  const taken = new Set<Capability>();
  const loaded = new Set<string>();
  const listeners = new Set<(online: boolean) => void>();

  const running = () => {
    if (!now) throw new Refusal('unavailable');
    return { ...now, ...now.agent.rooms() };
  };
  const current = (): DevRun => {
    if (!app) throw new Refusal('unavailable', 'no app was started yet');
    return app;
  };

  const simulated: Simulated = {
    standing: () => standing,
    territory: devTerritory,
    connectivity: {
      online: () => !faults.isOn('provider'),
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    app(id) {
      if (app?.manifest.id !== id) return undefined;
      const { state = 'starting', restarts = 0 } = now?.runner.show(id) ?? {};
      return { state, restarts, sandbox, release: app.release, version: app.manifest.version };
    },
    ready: (id) => now?.runner.ready(id),
    logs: async (id, wish) => (await now?.runner.logs(id, wish)) ?? '',
  };

  /** In words, once each time that something is new. */
  function tell(id: string): void {
    const run = now?.runner.show(id);
    if (!run || run.state === 'starting' || run.state === 'stopped') return;
    const why = run.health ? `: ${run.health.code}, ${run.health.detail ?? run.health.title}` : '';
    const words =
      run.state === 'backing-off'
        ? `${id} is started again in a moment${why}`
        : run.health
          ? `${id} fails its health check${why}`
          : `${id} runs, and is healthy`;
    if (words !== told) say(words);
    told = words;
  }

  /** As a provider tells it; the owner would confirm a time that lies before what was last known. */
  async function setTime(date: number): Promise<void> {
    const { clock } = running();
    const validity = { notBefore: 0, notAfter: Number.MAX_SAFE_INTEGER };
    if ((await clock.learn({ date, validity })) === 'below-floor') await clock.lower();
  }

  async function openAgent(): Promise<void> {
    const agent = createAgent(config, host, { log, simulated });
    await agent.start();
    const runner = createRunner({ engine: engines.engine(), stateDirectory, clock: agent.rooms().clock });
    await runner.open();
    runner.onChange(tell);
    now = { agent, runner };
    await faults.setTime();
    agent.rooms().sampler.start();
  }

  const quotaOf = ({ manifest }: DevRun): number =>
    faults.isOn('quota') ? running().storage.usedBytes(manifest.id) : manifest.resources.storageMiB * mebibyte;

  /** Opened anew it has the quota of now. */
  async function openSocket(run: DevRun): Promise<string> {
    const directory = await running().api.open({ id: run.manifest.id, quotaBytes: quotaOf(run) });
    socket = path.join(directory, 'api.sock');
    return directory;
  }

  async function startApp(run: DevRun): Promise<void> {
    const socketDirectory = await openSocket(run);
    const { manifest, release, built } = run;
    const { runner } = running();
    if (built) {
      const config = built.blobs[1]?.digest ?? ''; // as releases have it (agent/contract/release.ts)
      const fileOf = (digest: string): string => path.join(built.folder, blobFile(digest));
      await runner.load({ digest: built.image.digest, config }, () => imageTar(built, fileOf));
      loaded.add(built.image.digest);
    }
    const image = built?.image.digest ?? release;
    await runner.start({ id: manifest.id, release, image, manifest, socketDirectory });
    engines.follow(manifest.id);
  }

  /** What was built and is run no more. An engine may have images of others: they are left alone. */
  async function unload(): Promise<void> {
    for (const image of loaded) await running().runner.unload(image);
    loaded.clear();
  }

  async function leave(id: string): Promise<void> {
    await running().runner.remove(id);
    await running().api.close(id);
    await running().grants.drop(id);
  }

  /** The owner's yes, and no where a fault takes something back. */
  async function grant({ manifest }: DevRun): Promise<void> {
    const { grants } = running();
    const asked = manifest.capabilities.map(({ capability }) => capability);
    const may = asked.filter((capability) => !taken.has(capability));
    const held = grants.of(manifest.id).map(({ capability }) => capability);
    await grants.set(manifest.id, {
      give: may.filter((capability) => !held.includes(capability)).map((capability) => ({ capability })),
      take: held.filter((capability) => !may.includes(capability)),
    });
  }

  async function run(next: DevRun): Promise<void> {
    if (app && app.manifest.id !== next.manifest.id) await leave(app.manifest.id);
    const isFirst = app?.manifest.id !== next.manifest.id;
    app = next;
    told = '';
    await grant(next);
    await startApp(next);
    if (!isFirst) return;
    const { capabilities, id, version } = next.manifest;
    say(`app       ${id} ${version}`);
    for (const { capability } of capabilities) say(`granted   ${capability}`);
    say(`socket    ${socket}`);
  }

  async function restart(): Promise<void> {
    const { agent, runner } = running();
    await runner.close();
    await agent.stop();
    await openAgent();
    if (app) await startApp(app);
  }

  const faults = createFaults({
    conditions,
    setTime,
    forgetTime: () => running().clock.forget(),
    connectivity(online) {
      for (const listener of [...listeners]) listener(online);
    },
    cutTunnels: () => running().egress.stop(),
    resize: async () => void (app && (await openSocket(app))),
    taken: () => taken,
    async take(capability, isTaken) {
      const asked = current().manifest.capabilities.map((one) => one.capability);
      if (capability && !asked.includes(capability)) throw new Refusal('dev-not-asked-for', capability);
      for (const one of capability ? [capability] : asked)
        if (isTaken) taken.add(one);
        else taken.delete(one);
      await grant(current());
    },
    restart,
    kill: () => engines.kill(current().manifest.id),
  });

  /** One thing at a time: what comes while the agent is started again waits for it. */
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  const state = (): DevState => ({
    socket,
    sandbox,
    faults: devFaultNames.filter(faults.isOn),
  });

  return {
    async start() {
      await openAgent();
      say(`box       ${standing.box} of the territory dev, on this machine alone`);
      say(`root      ${standing.root}`);
      say(
        sandbox === 'none'
          ? 'sandbox   none: THE APP IS NOT SANDBOXED, it can do all that you can'
          : `sandbox   ${sandbox}`,
      );
    },
    async stop() {
      await turn;
      if (!now) return;
      const { agent, runner, api } = running();
      api.announceShutdown();
      if (app) await runner.remove(app.manifest.id);
      await unload();
      await engines.stop();
      await runner.close();
      faults.stop();
      await agent.stop();
    },
    handlers: {
      async state() {
        return state();
      },
      run: (parameters) => inTurn(() => run(read(DevRun, parameters))),
      /** Resolves with its first good health check. */
      settled: () => running().runner.settled(current().manifest.id, AbortSignal.timeout(24 * 3_600_000)),
      /** The app is stopped, its socket stays. */
      rest: () => inTurn(() => running().runner.stop(current().manifest.id)),
      fault: (parameters) =>
        inTurn(async () => {
          const { name, on, capability } = read(DevFaultWish, parameters);
          if (!isDevFaultName(name)) throw new Refusal('dev-fault-unknown', name);
          const says = await faults.turn(name, on, capability);
          say(says);
          return { says };
        }),
    },
  };
}
