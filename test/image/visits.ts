/** An app that counts its starts in the box's storage, installed by its owner from the territory's catalogue. */
import path from 'node:path';
import { readExport } from '#contract/app-export.js';
import { CataloguePage } from '#contract/catalogue.js';
import { AppOffer, type InstalledApp } from '#contract/installed.js';
import { onBootPartition } from './card.js';
import type { Machine } from './machine.js';
import { admit, type Maker } from './maker.js';
import { becomeOwner, type Phone } from './phone.js';
import { basePort, host, type Rig } from './rig.js';
import type { Territory } from './territory.js';

const app = 'example.visits';
const named = (code: string): string => `visits: ${code}`;

export interface Visits {
  maker: Maker;
  phone: Phone;
  /** Waits until it runs, is well, and has stored that it was started so many times or more; signs in where nobody is. */
  runs(machine: Machine, when: string, times: number): Promise<unknown>;
}

export interface Guest {
  machine: Machine;
  card: string;
  territory: Territory;
}

/** The owner's yes to all that it asks. */
export async function installFromCatalogue({ expect }: Rig, phone: Phone, release: string): Promise<void> {
  const { entries } = await phone.read('/v1/catalogue', CataloguePage);
  expect(
    entries.some((entry) => entry.release === release),
    'the app is in the catalogue',
  );
  const offer = await phone.read(`/v1/offers/${release}`, AppOffer);
  expect(
    offer.problem === null && offer.missingBytes < offer.sizeBytes / 100,
    `it can be installed, and ${offer.missingBytes} of ${offer.sizeBytes} bytes are to be fetched: the box has the Node`,
  );
  const grants = offer.asks.map((capability) => ({ capability }));
  await phone.send('POST', '/v1/apps', { release, grants, termsAccepted: true });
}

/** While the territory serves and the box, which nobody owns, is online. */
export async function installVisits(rig: Rig, { machine, card, territory }: Guest): Promise<Visits> {
  const { until, say, passed } = rig;
  const est = `https://${host}:${basePort}`;
  const maker = admit(territory, { home: path.join(rig.home, 'maker'), est, base: rig.images.nodeBase });
  const release = maker.publish(app, {
    change: (manifest) => ({
      ...manifest,
      health: { kind: 'http', path: '/health', graceSeconds: 300, timeoutSeconds: 60 }, // emulated
    }),
  });
  passed(named('published'));
  const [, setupCode = ''] =
    /\b([A-Z0-9]{5}-[A-Z0-9]{5})\b/.exec(onBootPartition(card, 'webizen-setup-code.txt')) ?? [];
  const phone = await becomeOwner(setupCode);
  passed(named('owned'));
  await installFromCatalogue(rig, phone, release);

  let shown: string | undefined;
  async function seen(): Promise<InstalledApp | undefined> {
    const found = await phone.apps().catch(async (error: unknown) => {
      await phone.signIn();
      throw error;
    });
    const one = found.find(({ id }) => id === app);
    const now = one && `${one.state} ${JSON.stringify(one.health)} ${one.change ?? ''}`;
    if (now !== shown) say(`visits is ${now}`);
    shown = now;
    return one;
  }
  const visits: Visits = {
    maker,
    phone,
    runs: (on, when, times) =>
      until(on, named(when), async () => {
        const one = await seen();
        if (one?.state !== 'running' || one.health !== null || one.change !== null) return false;
        const exported = readExport(Buffer.from(await phone.send('GET', `/v1/apps/${app}/export`)));
        const count = exported.ok ? exported.kept.find(({ key }) => key === 'count') : undefined;
        return count !== undefined && Number(Buffer.from(count.value).toString()) >= times;
      }),
  };
  await visits.runs(machine, 'installed', 1);
  return visits;
}
