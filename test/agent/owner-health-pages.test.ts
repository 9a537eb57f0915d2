/** How the box is doing, as its owner meets it: real Chromium, phone and desktop, light and dark. */
import t from 'tap';
import type { Condition } from '#contract/conditions.js';
import { conditionTable } from '#contract/conditions-table.js';
import type { OwnerView } from '#contract/owner.js';
import { findings, headline } from '../../agent/owner/web/care.js';
import { figuresOf } from '../../agent/owner/web/figures.js';
import { createAppsDesk, installedOf } from '../support/apps-desk.js';
import { calmValues, startOwnerConsole } from '../support/owner-console.js';
import { heading, launch, looker, openPage, sizes } from '../support/owner-pages.js';
import { setUpOwner } from '../support/owner-session.js';

const browser = await launch(t);
const hour = 3_600_000;
const visits = 'example.visits';

const condition = (kind: string, change: Partial<Condition> = {}): Condition => ({
  ...{ kind, severity: 'attention', since: Date.now() - 3 * hour, evidence: 'It was measured.' },
  ...change,
});
const weak = condition('under-voltage', { evidence: 'The voltage is too low at this moment.' });
const filling = condition('disk-filling', {
  severity: 'trouble',
  evidence: 'Full in about 36 hours: 29.1 GB of 31.3 GB are in use, and 1.5 GB more each day.',
});
const cut = condition('restarted-unexpectedly', {
  severity: 'info',
  evidence: 'It was started 2 hours ago without having been switched off.',
});
const looping = condition('app-crash-looping', {
  about: visits,
  evidence: 'It was started again 6 times within the last hour.',
});

for (const size of ['phone', 'desktop'] as const)
  t.test(`home says whether the box is well, and its page why and what to do, on the ${size}`, async (test) => {
    const apps = createAppsDesk();
    const served = await startOwnerConsole(test, { apps });
    const { box, fed, url, announce } = served;
    const cookie = await setUpOwner(served);
    fed.elect({ territory: 'au-nsw-1', ownJurisdiction: 'AU-NSW' });
    fed.enrolled();
    apps.put(installedOf());
    const page = await openPage(browser, `${url}/icon.svg`, sizes[size]);
    const [name = '', value = ''] = cookie.split('=');
    await page.context().addCookies([{ name, value, url }]);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    const look = looker(test, page, size, 'health');

    await page.goto(url);
    await heading(page, 'Your box is healthy.');
    await page.getByRole('link', { name: 'How your box is doing' }).press('Enter');
    await heading(page, 'All that your box measures is well.');
    await page.locator('h1:focus').waitFor();
    const figures = page.getByRole('region', { name: 'What it measured' });
    test.match(
      await figures.textContent(),
      /41 % in use, 19\sGB free.*Memory52 % in use.*48 °C, normal.*Power supplySteady.*90 % of its life left.*Wi-FiGood.*22\sdays ago/s,
    );
    await look('1-well');

    box.conditions = [cut];
    announce();
    await page.getByText('The box was cut off from power, or crashed.').waitFor();
    await heading(page, 'All that your box measures is well.');
    box.conditions = [filling, weak, looping, cut];
    box.values = {
      ...calmValues,
      'hw.status{hw.state=under_voltage}': 1,
      'hw.temperature': 84,
      [`container.memory.usage{webizen.app=${visits}}`]: 45e6,
      [`container.restarts{webizen.app=${visits}}`]: 6,
    };
    announce();
    await heading(page, '3 things are not well.');
    await page.getByText(filling.evidence).waitFor();
    await page.getByText(conditionTable['under-voltage'].owner).waitFor();
    await figures.getByText('84 °C, hot').waitFor();
    await figures.getByText('45 MB of memory, started again 6 times').waitFor();
    await figures.getByText('Too weak at this moment').waitFor();
    await look('2-unwell');

    await page.getByRole('link', { name: 'My box' }).click();
    await heading(page, 'Your box is in trouble.');
    await page.getByText('The disk is filling up.').waitFor();
    await page.getByText(/An app keeps ending: Visits/).waitFor();
    test.equal(
      await page.getByText('cut off from power').count(),
      0,
      'what is only to know is not among what needs care',
    );
    await look('3-home');
    box.conditions = [weak];
    announce();
    await heading(page, 'One thing needs your care.');
    box.conditions = [];
    announce();
    await heading(page, 'Your box is healthy.');
    test.same(complaints, []);
    await page.context().close();
  });

t.test(
  'what a box says is shown as text, whoever has named it, and a kind of a later version by its evidence',
  async (test) => {
    const served = await startOwnerConsole(test);
    const { box, fed, url } = served;
    const cookie = await setUpOwner(served);
    fed.elect({ territory: 'au-nsw-1', ownJurisdiction: 'AU-NSW' });
    fed.enrolled();
    const page = await openPage(browser, `${url}/icon.svg`, sizes.phone);
    const [name = '', value = ''] = cookie.split('=');
    await page.context().addCookies([{ name, value, url }]);
    const hostile = '<img src=x onerror=alert(1)>';
    box.conditions = [condition('fan-stuck', { about: hostile, evidence: `The fan ${hostile} stands still.` })];
    await page.goto(`${url}/health`);
    await heading(page, 'One thing is not well.');
    await page.getByText(`fan stuck: ${hostile}.`).waitFor();
    await page.getByText('Ask your provider.').waitFor();
    test.equal(await page.getByRole('img', { name: 'x' }).count(), 0);
    await page.context().close();
  },
);

t.test('one thing is said once', async (test) => {
  const served = await startOwnerConsole(test);
  const cookie = await setUpOwner(served);
  served.fed.elect({ territory: 'au-nsw-1', ownJurisdiction: 'AU-NSW' });
  served.fed.enrolled();
  const view = async (): Promise<OwnerView> =>
    (await (await fetch(`${served.url}/v1/view`, { headers: { cookie } })).json()) as OwnerView;
  const keys = async () => findings(await view()).map(({ key }) => key);
  served.box.conditions = [condition('clock-untrusted')];
  test.same(await keys(), ['clock-untrusted ']);
  served.box.offered = Date.now() - 1000 * hour;
  test.same(await keys(), ['time'], 'the time that waits for a yes says it already');
  served.box.offered = null;
  served.box.conditions = [condition('certificate-late')];
  served.fed.alter({ certificate: { serial: '1', notAfter: Date.now() - hour, renewAt: 0 } });
  test.same(await keys(), ['certificate']);
  served.fed.alter({ certificate: null });
  served.box.conditions = [condition('app-crash-looping', { about: 'door' })];
  const failing = await view();
  failing.status.apps = [
    {
      ...{ id: 'door', state: 'backing-off', sandbox: 'none', restarts: 9, pid: null },
      grants: [],
      quotaBytes: 1,
      usedBytes: 0,
    },
  ];
  test.match(findings(failing), [{ key: 'app-crash-looping door', title: 'An app keeps ending: door.' }]);
  test.equal(findings(failing).length, 1);
  test.equal(headline(findings(failing), true), 'One thing needs your care.');
});

t.test('figures that were not measured are left out', async (test) => {
  test.same(figuresOf({}, [{ id: 'door', name: 'Door' }]), []);
  test.same(figuresOf({ 'system.filesystem.utilization': 0.5 }, []), [], 'a part alone says nothing');
  test.match(
    figuresOf({ 'hw.temperature': 71.4, 'container.memory.usage{webizen.app=door}': 2e6 }, [
      { id: 'door', name: 'Door' },
    ]),
    [
      { name: 'Temperature', said: ['71 °C, warm'] },
      { name: 'Apps', said: [/^Door: 2\sMB of memory$/] },
    ],
  );
});
