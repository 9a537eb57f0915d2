/**
 * A company and an owner, the whole way on real parts: a code is told, a link confirmed, a private app offered, installed,
 * managed, and all of it ended again, also while the provider lies dead.
 */
import t from 'tap';
import { systemClock } from '#common/clock.js';
import type { MemberLink } from '#contract/links.js';
import type { Manifest } from '#contract/manifest.js';
import type { LinksView } from '#contract/owner-links.js';
import { appIs, desk, isWell, openWay, say, type Way } from '../support/apps-way.js';
import { killed } from '../support/box.js';
import { packedBase } from '../support/var.js';

const base = await packedBase(t);
const app = 'example.visits';
const stranger = 'box-aaaaaaaaaaaa';

const linksOf = ({ box }: Way) => box.agent!.rooms().installed!.links;

async function seen(way: Way, holds: (view: LinksView) => boolean): Promise<LinksView> {
  for (;;) {
    const view = linksOf(way).view();
    if (holds(view)) return view;
    await systemClock.sleep(50); // a look, not an event
  }
}

async function listed(way: Way, holds: (link: MemberLink) => boolean): Promise<MemberLink> {
  for (;;) {
    const all = JSON.parse(way.done('link', 'list', '--json')) as MemberLink[];
    const found = all.find(holds);
    if (found) return found;
    await systemClock.sleep(200); // the same
  }
}

t.test('linked, offered, installed, managed, and ended', async (t) => {
  const way = await openWay(t, { base });
  way.done('app', 'init', 'visits', '--id', app, '--name', 'Visits');
  /** For the boxes of others: this one sees it only when it is offered. */
  const publish = async (version: string, change?: (manifest: Manifest) => Manifest): Promise<string> => {
    await way.sign('visits', version, change);
    const said = way.done('app', 'publish', 'visits', '--box', stranger);
    return /[0-9a-f]{64}/.exec(said)?.[0] ?? '';
  };
  const patient = (manifest: Manifest): Manifest => ({
    ...manifest,
    health: { kind: 'http', path: '/health', graceSeconds: 300, timeoutSeconds: 60 },
  });
  const first = await publish('1.0.0', patient);
  t.match(first, /^[0-9a-f]{64}$/);
  await t.rejects(desk(way).offer(first), { code: 'listing-unknown' }, 'nothing of it is seen here');

  await linksOf(way).showCode();
  const { code = '' } = linksOf(way).view().code ?? {};
  t.match(
    way.own.webizen(
      'link',
      code.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
    ),
    {
      status: 1,
      stderr: /link-code-malformed/,
    },
  );
  await linksOf(way).idle(); // the provider has the hash
  const [, link = ''] = /^link (link-\S+)/.exec(way.done('link', code, '--note', 'Front desk')) ?? [];
  t.match(await seen(way, ({ ask }) => ask !== null), {
    ask: { id: link, note: 'Front desk', member: { id: 'acme', name: 'Acme Apps', class: 'var', standing: 'good' } },
    links: [],
  });
  t.match(await listed(way, ({ id }) => id === link), { state: 'asked' });
  await linksOf(way).confirm(link, way.signer);
  t.match(await listed(way, ({ state }) => state === 'linked'), { id: link, note: 'Front desk', installed: [] });

  // Nobody asks on the box: it hears of it.
  t.match(way.done('app', 'offer', app, '--all', '--message', 'As we spoke of'), /^offered over 1 link/);
  t.match(await seen(way, ({ offers }) => offers.length > 0), {
    offers: [{ release: first, version: '1.0.0', message: 'As we spoke of', link }],
  });
  t.match(await say(way, first, ['storage']), { state: 'done' });
  await appIs(way, app, isWell);
  t.match(await listed(way, ({ installed }) => installed.length > 0), {
    installed: [{ app, version: '1.0.0', release: first }],
    offers: [{ state: 'installed' }],
  });
  t.same(linksOf(way).view().offers, []);

  const limits = { apps: 3, storageMiB: 5000, memoryMiB: 5000 };
  await linksOf(way).appoint(link, { capabilities: ['storage', 'health.read'], ...limits }, way.signer);
  const asks = (capability: 'health.read' | 'notify') => ({ capability, reason: { en: 'Shows how warm the box is.' } });
  const more = (manifest: Manifest): Manifest => ({
    ...manifest,
    capabilities: [...manifest.capabilities, asks('health.read')],
  });
  const second = await publish('1.1.0', more);
  way.done('app', 'offer', second, '--link', link);
  await appIs(way, app, (now) => now?.release === second && isWell(now));
  t.match(await listed(way, ({ installed }) => installed[0]?.version === '1.1.0'), { state: 'linked' });
  const { entries } = await way.box.agent!.rooms().ledger.export();
  t.match(
    entries.find(({ type }) => type === 'manager.agreed'),
    { by: 'box', facts: { app, version: '1.1.0', member: 'acme', link, grants: 'health.read' } },
  );
  t.match(await seen(way, ({ acts }) => acts.length > 0), { acts: [{ app, version: '1.1.0', by: 'Acme Apps' }] });

  await linksOf(way).dismiss(link, way.signer);
  const third = await publish('1.2.0', (manifest) => ({
    ...manifest,
    capabilities: [...manifest.capabilities, asks('notify')],
  }));
  way.done('app', 'offer', third, '--link', link);
  await seen(way, ({ offers }) => offers.some(({ release }) => release === third));
  t.match(desk(way).show(app), { release: second, change: null }, 'after the owner’s word it waits');
  way.done('app', 'offer', third, '--link', link, '--withdraw');
  await seen(way, ({ offers }) => offers.length === 0);

  // The owner ends it while the provider lies dead, and the box is started again in between.
  await killed(way.serving);
  await linksOf(way).end(link, way.signer);
  t.match(linksOf(way).view(), { links: [], told: false });
  await way.box.stop();
  await way.box.start();
  t.match(await seen(way, ({ told }) => !told), { links: [] }, 'it knows that it has to tell');
  way.serving = await way.provider.spawn();
  t.teardown(() => killed(way.serving));
  t.match(await listed(way, ({ state }) => state === 'ended'), { id: link, ended: { by: 'owner' }, installed: [] });
  await seen(way, ({ told }) => told);
  t.match(way.own.webizen('app', 'offer', app, '--link', link), { status: 1, stderr: /link-unknown/ });
  t.match(desk(way).show(app), { release: second }, 'and the app stays');
});
