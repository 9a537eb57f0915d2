/** A box whose provider is led along by the test: it answers what it is told to, also what a provider never should. */
import path from 'node:path';
import type { Test } from 'tap';
import { signLinkRequest } from '#common/members/link-request.js';
import type { Capability } from '#contract/capabilities.js';
import { parseLinkCode } from '#contract/link-code.js';
import type { LinksAnswer, LinksStatement } from '#contract/links.js';
import type { Manifest } from '#contract/manifest.js';
import type { Appointment } from '#contract/owner-links.js';
import { Refusal } from '#contract/problems.js';
import { architecture } from './archive.js';
import { fileRunner } from './file-runner.js';
import { ownFolder } from './folder.js';
import {
  type InstallingBox,
  installingBox,
  type TestMember,
  type TestRelease,
  testCatalogue,
  testRelease,
  testSigner,
  testTerritory,
} from './installing.js';
import { createManualClock } from './manual-clock.js';

export const day = 86_400_000;
export const needs = (capability: Capability, optional = false) => ({
  capability,
  reason: { en: 'to work' },
  ...(optional ? { optional } : {}),
});

type Offer = LinksAnswer['offers'][number];

export async function linkedBench(t: Test) {
  const folder = await ownFolder(t);
  const clock = createManualClock();
  const territory = await testTerritory({ now: clock.now() });
  const acme = await territory.member('acme');
  const bracken = await territory.member('bracken');
  const shelf = testCatalogue();
  const { signer, jwk } = await testSigner();
  const fresh = await territory.lists(5);
  const provider = {
    isOff: false,
    said: [] as LinksStatement[],
    ask: null as LinksAnswer['ask'],
    ended: [] as LinksAnswer['ended'],
    offers: [] as Offer[],
    /** What it has taken, where that is more than was said. */
    sequence: 0,
  };
  const own = { box: 'box-000000000001', territory: 'north' };
  let count = 0;
  let box: InstallingBox | undefined;

  const tools = {
    ...{ folder, clock, territory, acme, bracken, shelf, signer, provider, own },
    last: () => provider.said.at(-1),
    async open(): Promise<InstallingBox> {
      box = await installingBox({
        ...{ folder, clock, catalogue: shelf.catalogue, runner: fileRunner(folder), own: () => own },
        keys: (id) => (id === 'north' ? territory.keys : []),
        async say(statement) {
          if (provider.isOff) throw new Refusal('est-unreachable', 'https://north.example');
          provider.said.push(statement);
          provider.sequence = Math.max(provider.sequence, statement.sequence);
          const { sequence, ask, ended, offers } = provider;
          return { sequence, ask, ended, offers };
        },
      });
      if (box.ledger.ownerKeys().length === 0) await box.ledger.appendKey(jwk, 'owner.set', signer);
      await box.members.judge(acme.credential, fresh);
      await box.links.idle();
      return box;
    },
    async again(): Promise<InstallingBox> {
      await box?.close();
      return tools.open();
    },
    /** As after a hint. */
    async asked(now: InstallingBox): Promise<void> {
      now.links.refresh();
      await now.links.idle();
    },
    async release(version: string, more: Partial<Manifest> & { by?: TestMember } = {}): Promise<TestRelease> {
      const { by = acme, ...manifest } = more;
      count += 1;
      const made = await testRelease(path.join(folder, `release-${count}`), {
        ...{ by, territory: 'north', status: fresh },
        manifest: { id: 'acme.visits', version, ...manifest },
      });
      shelf.publish(made);
      return made;
    },
    /** Who was told the code asks with it. */
    async asks(
      code: string,
      wish: { by?: TestMember; id?: string; note?: string } & Partial<Parameters<typeof signLinkRequest>[0]> = {},
    ): Promise<NonNullable<LinksAnswer['ask']>> {
      const { by = acme, id = 'link-0000000000000001', ...more } = wish;
      const about = { key: by.key, code: parseLinkCode(code)!, territory: 'north', member: by.id, at: clock.now() };
      return { id, request: await signLinkRequest({ ...about, ...more }), credential: by.credential, at: clock.now() };
    },
    async linked(now: InstallingBox, wish: { by?: TestMember; id?: string } = {}): Promise<string> {
      await now.links.showCode();
      provider.ask = await tools.asks(now.links.view().code?.code ?? '', wish);
      await tools.asked(now);
      const { id } = provider.ask;
      await now.links.confirm(id, signer);
      provider.ask = null;
      await now.links.idle();
      return id;
    },
    offerOf: (made: TestRelease, link: string, more: Partial<Offer> = {}): Offer => ({
      link,
      app: made.release.manifest.id,
      version: made.release.manifest.version,
      releases: [{ release: made.id, architecture }],
      at: clock.now(),
      until: clock.now() + 30 * day,
      ...more,
    }),
    /** The provider brings these offers, and what they give rise to has ended. */
    async offers(now: InstallingBox, ...offers: Offer[]): Promise<void> {
      provider.offers = offers;
      await tools.asked(now);
      await tools.settled(now);
    },
    async settled(now: InstallingBox): Promise<void> {
      await now.links.idle();
      for (const { id, endedAt } of now.changes.list()) if (endedAt === null) await now.changes.ended(id);
      await now.links.idle();
    },
    appoint: (now: InstallingBox, link: string, capabilities: Capability[], more: Partial<Appointment> = {}) =>
      now.links
        .appoint(link, { capabilities, apps: 5, storageMiB: 1000, memoryMiB: 1000, ...more }, signer)
        .then(() => now.links.idle()),
    entries: async (now: InstallingBox) => (await now.ledger.export()).entries,
    types: async (now: InstallingBox) => (await tools.entries(now)).map(({ type }) => type),
  };
  t.teardown(() => box?.close());
  return tools;
}
