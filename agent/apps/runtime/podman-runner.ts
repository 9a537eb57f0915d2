/** Apps in containers of podman's. The agent's restart never stops one: containers are found again by name and label. */
import path from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { causeOf } from './causes.js';
import { createRunner } from './create-runner.js';
import type { Engine, Run } from './engine.js';
import { createImages } from './images.js';
import { textOf } from './output.js';
import { createPodman } from './podman.js';
import type { RunApp, Runner } from './runner.js';
import { seccompProfile } from './seccomp.js';
import { createSocketClient } from './socket-client.js';
import { containerSpec, labels, limits, runVolume, volumesOf } from './spec.js';

export interface PodmanWish {
  /** Of podman's service. */
  socketPath: string;
  /** The runtime's own, 0700, gone with a reboot: /run/webizen/runtime. */
  stateDirectory: string;
  files: Files;
  /** Has what the engine wrote on the disk; where nothing is said, that is left to the machine. */
  flush?: (() => Promise<void>) | undefined;
  clock: Clock;
  log: Pick<Logger, 'info' | 'warn'>;
  /** From SIGTERM to SIGKILL. */
  graceSeconds?: number;
}

export const createPodmanRunner = (wish: PodmanWish): Runner =>
  createRunner({ engine: createPodmanEngine(wish), stateDirectory: wish.stateDirectory, clock: wish.clock });

export function createPodmanEngine({
  socketPath,
  stateDirectory,
  files,
  flush = async () => {},
  log,
  graceSeconds = 10,
}: Omit<PodmanWish, 'clock'>): Engine {
  const podman = createPodman({ client: createSocketClient(socketPath) });
  const images = createImages({ podman, flush });
  const seccompFile = path.join(stateDirectory, 'seccomp.json');
  const nameOf = (id: string): string => `webizen-${id}`;

  /** What an engine had begun to remove when it was killed can be neither looked at nor stopped, only removed. */
  async function finishRemoval(id: string): Promise<void> {
    const found = await podman.containers(labels.app);
    const isHalf = found.some((one) => one.labels[labels.app] === id && one.state === 'removing');
    if (isHalf) await podman.remove(nameOf(id));
  }

  /**
   * One that the engine cannot even look at is what a power cut left of it, with files that are empty: removed, as there is
   * nothing in it that is the app's own.
   */
  async function look(id: string): ReturnType<typeof podman.container> {
    try {
      return await podman.container(nameOf(id));
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'runtime-failed') throw error;
      const found = (await podman.containers(labels.app)).find((one) => one.labels[labels.app] === id);
      if (found === undefined || found.state === 'running') throw error;
      log.warn({ app: id, err: error }, 'what is left of its container is removed');
      await podman.remove(nameOf(id));
      return undefined;
    }
  }

  async function halt(id: string): Promise<void> {
    await finishRemoval(id);
    await podman.stop(nameOf(id), graceSeconds);
  }

  async function create(app: RunApp): Promise<{ container: string; was: 'running' | 'ended' | 'missing' }> {
    const spec = containerSpec({
      ...app,
      imageId: await images.idOf(app.image),
      seccompFile,
    });
    await finishRemoval(app.id);
    const found = await look(app.id);
    // Half stopped by an engine that was killed, it runs on: that engine would neither start it nor end what it removes.
    if (found && !found.State.Running) await podman.stop(found.Id, graceSeconds);
    const alike = (...names: (keyof typeof labels)[]) =>
      names.every((name) => found?.Config.Labels?.[labels[name]] === spec.labels[labels[name]]);
    // One that an agent of another version made runs on until it ends by itself: that agent's limits bound it.
    if (found?.State.Running && alike('app', 'release', 'image', 'socket'))
      return { container: found.Id, was: 'running' };
    if (found && alike('spec')) return { container: found.Id, was: 'ended' };
    // By its name: an engine that was killed while it made one has no container of that name, and lets no other have it.
    await podman.remove(nameOf(app.id));
    for (const { name, options } of volumesOf(app.id))
      if ((await podman.volume(name)) === undefined) await podman.createVolume(name, options, { [labels.app]: app.id });
    return { container: await podman.create(spec), was: 'missing' };
  }

  /** One that cannot be started is made anew, once: an engine that was killed may have started half of it. */
  async function run(app: RunApp, again = true): Promise<string> {
    const { container, was } = await create(app);
    if (was === 'running') {
      log.info({ app: app.id, container }, 'found running');
      return container;
    }
    try {
      await podman.start(container);
    } catch (error) {
      await podman.remove(container).catch(() => {});
      if (again && error instanceof Refusal && error.code === 'runtime-failed') return run(app, false);
      throw error;
    }
    // As for images: the engine does not wait until what it made is on the disk. What never starts costs the card nothing.
    if (was === 'missing') await flush();
    return container;
  }

  async function obtain(app: RunApp): Promise<Run> {
    try {
      const container = await run(app);
      const found = await podman.container(container);
      const pid = found?.State.Pid ?? 0; // 0: it has ended meanwhile
      return { container, startedAt: found?.State.StartedAt ?? '', ...(pid > 0 ? { pid } : {}) };
    } catch (error) {
      if (error instanceof Refusal && error.code === 'runtime-failed')
        throw new Refusal('app-start-failed', error.detail, { cause: error });
      throw error;
    }
  }

  return {
    sandbox: 'podman',
    open: () => files.write(seccompFile, JSON.stringify(seccompProfile)),
    close: () => podman.close(),
    load: images.load,
    images: images.list,
    unload: images.unload,
    obtain,
    ended: ({ container }, signal) => podman.ended(container, signal),
    async causeOf({ container }) {
      const [found, output] = await Promise.all([podman.container(container), podman.output(container, 64 * 1024)]);
      const end = found && { code: found.State.ExitCode, outOfMemory: found.State.OOMKilled === true };
      return causeOf(end, textOf(output));
    },
    inside: (id, { container }) => ({
      exec: (command, signal) => podman.exec(container, command, signal),
      runDirectory: () => podman.volume(runVolume(id)),
    }),
    stop: halt,
    async remove(id) {
      await podman.remove(nameOf(id));
      for (const { name } of volumesOf(id)) await podman.removeVolume(name);
    },
    async leftovers() {
      const found = await podman.containers(labels.app);
      return found.map((one) => ({ id: one.labels[labels.app] ?? '', release: one.labels[labels.release] ?? '' }));
    },
    logs: async (id, { tailBytes }) => textOf(await podman.output(nameOf(id), 4 * limits.logBytes), tailBytes),
  };
}
