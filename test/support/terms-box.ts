/** A box with apps that have plans, whose provider takes what it is told as the test says. */
import path from 'node:path';
import type { Test } from 'tap';
import { readAgreement } from '#common/agreements.js';
import type { AgreementsTaken, AgreementsTold } from '#contract/agreements.js';
import type { Manifest } from '#contract/manifest.js';
import { agreedPlan, planDigest, textHash } from '#contract/plan-digest.js';
import type { Plan } from '#contract/plans.js';
import { Refusal } from '#contract/problems.js';
import { fileRunner } from './file-runner.js';
import { ownFolder } from './folder.js';
import {
  type InstallingBox,
  installingBox,
  type TestRelease,
  testCatalogue,
  testRelease,
  testSigner,
  testTerritory,
} from './installing.js';
import { createManualClock } from './manual-clock.js';

export const day = 86_400_000;
export const app = 'acme.visits';

export function planOf(more: Partial<Plan> & { words?: string } = {}): Plan {
  const { words = 'You pay for what you use, and may leave at any time.', ...rest } = more;
  return {
    id: 'personal',
    name: { en: 'Personal' },
    audience: ['natural-person'],
    prices: [{ amount: '2.00', currency: 'EUR', per: 'month' }],
    noticeDays: 30,
    text: { en: { text: words, sha256: textHash(words) } },
    ...rest,
  };
}
export const digestOf = (plan: Plan): string => planDigest(agreedPlan(plan));
export const yesTo = (plan: Plan, more: { class?: string; language?: string; digest?: string } = {}) => ({
  ...{ plan: plan.id, class: plan.audience[0] ?? '', language: 'en', digest: digestOf(plan) },
  ...more,
});

export async function termsBench(t: Test, { folder: given }: { folder?: string } = {}) {
  const folder = given ?? (await ownFolder(t));
  const clock = createManualClock();
  const territory = await testTerritory({ now: clock.now() });
  const acme = await territory.member('acme');
  const shelf = testCatalogue();
  const { signer, jwk } = await testSigner();
  const fresh = await territory.lists(5);
  const provider = {
    isOff: false,
    said: [] as AgreementsTold['agreements'],
    refuses: null as AgreementsTaken['taken'][number]['refused'],
    /** What its answer waits for. */
    answering: async () => {},
  };
  const disk = { /** Before each commit, with what it is about. */ before: (_commit: string): void => {} };
  const time = { isKnown: true, listeners: new Set<() => void>() };
  /** Where it is a member, and as which box. */
  const home = { box: 'box-000000000001', territory: 'north' };
  let count = 0;
  let box: InstallingBox | undefined;

  const tools = {
    ...{ folder, clock, shelf, signer, provider, disk, territory, acme, home },
    async open(): Promise<InstallingBox> {
      box = await installingBox({
        ...{ folder, clock, catalogue: shelf.catalogue, runner: fileRunner(folder) },
        keys: (id) => (id === 'north' ? territory.keys : []),
        at: (name) => disk.before(name),
        own: () => ({ ...home }),
        territory: home.territory,
        isTimeKnown: () => time.isKnown,
        onTime(listener) {
          time.listeners.add(listener);
          return () => time.listeners.delete(listener);
        },
        async tell({ agreements }) {
          if (provider.isOff) throw new Refusal('est-unreachable', 'https://north.example');
          provider.said.push(...agreements);
          await provider.answering();
          return { taken: agreements.map(() => ({ refused: provider.refuses })) };
        },
      });
      if (box.ledger.ownerKeys().length === 0) await box.ledger.appendKey(jwk, 'owner.set', signer);
      await box.members.judge(acme.credential, fresh);
      return box;
    },
    async again(): Promise<InstallingBox> {
      await box?.close();
      return tools.open();
    },
    knowTime(isKnown: boolean): void {
      time.isKnown = isKnown;
      for (const listener of [...time.listeners]) listener();
    },
    async release(version: string, more: Partial<Manifest> = {}): Promise<TestRelease> {
      count += 1;
      const made = await testRelease(path.join(folder, `release-${count}`), {
        ...{ by: acme, territory: 'north', status: fresh },
        manifest: { id: app, version, ...more },
      });
      shelf.publish(made);
      return made;
    },
    async install(now: InstallingBox, { id }: TestRelease): Promise<void> {
      const grants = now.desk.show(app) ? [] : [{ capability: 'storage' as const }];
      const change = await now.desk.decide({ release: id, grants, termsAccepted: true }, signer);
      await now.changes.ended(change);
      await now.idle();
      if (!provider.isOff) await now.terms.idle();
    },
    /** Resolves once the owner's agreement is so. */
    until: (now: InstallingBox, holds: (its: ReturnType<InstallingBox['terms']['of']>) => boolean) =>
      new Promise<void>((resolve) => {
        const look = (): boolean => {
          if (!holds(now.terms.of(app))) return false;
          resolve();
          return true;
        };
        if (look()) return;
        const end = now.terms.onChange(() => look() && end());
      }),
    /** Agreed to and installed. */
    async has(now: InstallingBox, made: TestRelease, plan: Plan): Promise<void> {
      await now.terms.agree(made.id, yesTo(plan), signer);
      await tools.install(now, made);
    },
    last: async () => {
      const told = provider.said.at(-1);
      return told && { ...told, signed: await readAgreement(told.agreement) };
    },
    entries: async (now: InstallingBox) => (await now.ledger.export()).entries,
  };
  t.teardown(() => box?.close());
  return tools;
}
