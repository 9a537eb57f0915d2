/**
 * A box that is cut before one effect or commit: `node install-child.js FOLDER CUT [WHO [MILLISECONDS]]`. What it does
 * stands in FOLDER/plan.json. Each effect and each commit is an event, counted from 1 once the box has started: its name is
 * printed, and before the CUT-th, or so long after it began, comes SIGKILL: for `agent`, itself, for `engine`, podman's
 * service, or for `both`. Without a cut of its own it ends when its change has.
 */
import { createPrivateKey } from 'node:crypto';
import { appendFileSync, createReadStream, readFileSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import type { Capability } from '#contract/capabilities.js';
import type { CatalogueRelease } from '#contract/catalogue.js';
import type { PublicJwk } from '#contract/directory.js';
import { Refusal } from '#contract/problems.js';
import type { AppSuccessions } from '#contract/succession.js';
import type { Catalogue } from '../../agent/apps/uses.js';
import type { OwnerSigner } from '../../agent/consent/ledger.js';
import { engineProxy, engineRunner, realApi } from './engine-box.js';
import { type InstallingBox, installingBox, testSigner } from './installing.js';

export interface InstallPlan {
  action: 'install' | 'update' | 'remove' | 'succeed';
  app: string;
  release: string;
  grants: Capability[];
  /** PEM. */
  ownerKey: string;
  keys: PublicJwk[];
  /** What its owner uploads. */
  archive: string;
  /** What the catalogue has. */
  entries: CatalogueRelease[];
  blobs: Record<string, string>;
  /** Podman's service; without it nothing is run. */
  engine?: { socketPath: string; pid: number };
  /** What the catalogue says of who comes after the app's maker, under the serial 3. */
  succession?: AppSuccessions;
  /** Where a provider writes down what it is told, a line each. */
  told: string;
  /** The app holds its update; once it waits, its owner says that it is not to. */
  holds?: boolean;
}

/** Says so once, when the update of the app waits for it. */
export function sayNow(box: InstallingBox, app: string, signer: OwnerSigner): void {
  let said = false;
  const look = (): void => {
    if (said || !box.room.updates.held(app)) return;
    said = true;
    box.desk.updateNow(app, signer).catch(() => {}); // it has gone on already
  };
  box.room.updates.onChange(look);
  look();
}

/** A catalogue that reads from files, as another process has written them. */
export const catalogueOf = (plan: InstallPlan, at: (name: string) => void = () => {}): Catalogue => ({
  page: async () => ({ entries: [], cursor: null }),
  app: async (app) => ({
    app,
    owner: 'example-soft',
    ...(plan.succession && { succession: plan.succession }),
    releases: plan.entries.map(({ id, version, state, publishedAt }) => ({
      ...{ id, version, state, publishedAt },
      private: false,
    })),
  }),
  async report({ outcomes }) {
    at('before it is told');
    appendFileSync(plan.told, outcomes.map((one) => `${JSON.stringify(one)}\n`).join(''));
    at('before it knows that it was told');
  },
  async release(id) {
    const entry = plan.entries.find((one) => one.id === id);
    if (!entry) throw new Refusal('listing-unknown', id);
    return entry;
  },
  async blob(digest, from) {
    const bytes = (await readFile(plan.blobs[digest] ?? '')).subarray(from);
    return (async function* () {
      const half = Math.ceil(bytes.length / 2);
      yield bytes.subarray(0, half);
      at('before the second half of a blob');
      yield bytes.subarray(half);
    })();
  },
});

if (process.argv[1]?.endsWith('install-child.js')) {
  const [folder = '', cut = '0', who = 'agent', wait = ''] = process.argv.slice(2);
  const plan = JSON.parse(readFileSync(path.join(folder, 'plan.json'), 'utf8')) as InstallPlan;
  let counting = false;
  let count = 0;
  const kill = (): void => {
    writeSync(1, 'killed\n');
    if (who !== 'agent' && plan.engine) process.kill(plan.engine.pid, 'SIGKILL');
    if (who !== 'engine') process.kill(process.pid, 'SIGKILL');
  };
  const at = (name: string): void => {
    if (!counting) return;
    count += 1;
    writeSync(1, `${name}\n`);
    if (count !== Number(cut)) return;
    if (wait === '') kill();
    else setTimeout(kill, Number(wait));
  };
  const wish = { folder, clock: systemClock, keys: () => plan.keys, catalogue: catalogueOf(plan, at), at };
  const engine = plan.engine && (await engineParts(folder, { ...plan.engine, at }));
  const box = await installingBox({ ...wish, ...engine?.parts });
  await box.idle();
  for (const { id } of engine ? box.desk.list() : []) await box.runner.settled(id, AbortSignal.timeout(60_000));
  const { signer } = await testSigner(createPrivateKey(plan.ownerKey));
  const { action, app, release } = plan;
  counting = true;
  if (action === 'install') await box.desk.offerFile(createReadStream(plan.archive));
  if (action === 'update') await box.desk.offer(release);
  if (action === 'succeed') await box.desk.update(app);
  if (plan.holds) {
    await box.room.leases.take(app, { hold: 'update', reason: 'A trial', seconds: 3600 });
    sayNow(box, app, signer);
  }
  const grants = plan.grants.map((capability) => ({ capability }));
  const begun = {
    remove: () => box.desk.remove(app, signer),
    succeed: async () => (await box.desk.succeed(app, { serial: 3, accept: true }, signer)) ?? '',
    install: () => box.desk.decide({ release, grants, termsAccepted: true }, signer),
  };
  const id = await begun[action === 'update' ? 'install' : action]();
  await box.changes.ended(id);
  counting = false;
  await box.close();
  await engine?.close();
  process.exit(0);
}

/** Podman behind a proxy that tells of each request, real sockets. */
async function engineParts(folder: string, engine: { socketPath: string; at: (name: string) => void }) {
  const socketPath = path.join(folder, 'engine.sock');
  const end = await engineProxy({ socketPath, engine: engine.socketPath, at: engine.at });
  const runner = engineRunner({ folder, socketPath });
  await runner.open();
  return {
    parts: { runner, api: realApi(folder) },
    async close() {
      await runner.close();
      await end();
    },
  };
}
