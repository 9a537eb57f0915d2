/**
 * Installed apps as they run: one container and one socket for each, of one release.
 *
 * Invariant: for one app, one thing at a time: a change that swaps releases, the start of the agent and the end of a
 * member's standing may all want something of it at once.
 */
import { type Held, releaseOf } from './installed.js';
import { quotaOf } from './plan.js';
import type { Holds, Runner, Sockets } from './uses.js';

export interface Running {
  /** Makes this release the one that runs under the app's name, in place of any other. Resolves before it is healthy. */
  run(id: string, held: Held): Promise<void>;
  /** As `run`, when its turn comes and if it is still so. */
  runIf(id: string, wanted: () => Held | undefined): Promise<void>;
  /** It can be started again as it is. */
  stop(id: string): Promise<void>;
  /** Container and socket are gone. */
  halt(id: string): Promise<void>;
  haltIf(id: string, wanted: () => boolean): Promise<void>;
}

export function createRunning(wish: { runner: Runner; sockets: Sockets; holds: Pick<Holds, 'end'> }): Running {
  const { runner, sockets, holds } = wish;
  const turns = new Map<string, Promise<unknown>>();

  function inTurn(id: string, work: () => Promise<void>): Promise<void> {
    const mine = (turns.get(id) ?? Promise.resolve()).then(work);
    const settled = mine
      .catch(() => {})
      .finally(() => {
        if (turns.get(id) === settled) turns.delete(id);
      });
    turns.set(id, settled);
    return mine;
  }

  async function stop(id: string): Promise<void> {
    await runner.stop(id);
    await holds.end(id);
  }

  async function halt(id: string): Promise<void> {
    await stop(id);
    await runner.remove(id);
    await sockets.close(id);
  }

  async function run(id: string, held: Held): Promise<void> {
    const { manifest, image } = releaseOf(held);
    const socketDirectory = await sockets.open({ id, quotaBytes: quotaOf(manifest) });
    await runner.start({ id, release: held.release, image: image.digest, manifest, socketDirectory });
  }

  return {
    run: (id, held) => inTurn(id, () => run(id, held)),
    runIf: (id, wanted) =>
      inTurn(id, async () => {
        const held = wanted();
        if (held) await run(id, held);
      }),
    stop: (id) => inTurn(id, () => stop(id)),
    halt: (id) => inTurn(id, () => halt(id)),
    haltIf: (id, wanted) =>
      inTurn(id, async () => {
        if (wanted()) await halt(id);
      }),
  };
}
