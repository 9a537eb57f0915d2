/** The console as an operator meets it: real Chromium, phone and desktop, light and dark, the keyboard alone. */
import type { Page } from 'playwright-core';
import t from 'tap';
import type { AdmissionRequest, StoredSample } from '#contract/operator.js';
import { boxOf, secret, startConsole } from '../support/console.js';
import { launch, openPage, overflow, shots, sizes, type View, violations } from '../support/owner-pages.js';

const now = Date.now();
const gib = 2 ** 30;

t.jobs = 3; // two of them mostly wait for the page to ask again
const browser = await launch(t);

/** A plausible sample of a small box; the values swing slowly. */
function sampleAt(at: number): StoredSample {
  const minute = at / 60_000;
  const wave = (period: number) => (1 + Math.sin((minute * 2 * Math.PI) / period)) / 2;
  const seconds = (at - now) / 1000 + 90_000;
  return {
    at,
    values: {
      'system.cpu.utilization': 0.06 + 0.2 * wave(17) * wave(5) + 0.1 * wave(2.3),
      'system.memory.limit': 4 * gib,
      'system.memory.usage': (1.4 + 0.5 * wave(41)) * gib,
      'system.memory.utilization': (1.4 + 0.5 * wave(41)) / 4,
      'system.filesystem.limit': 58 * gib,
      'system.filesystem.usage': (21 + seconds / 90_000) * gib,
      'system.filesystem.utilization': 22 / 58,
      'hw.temperature': 46 + 9 * wave(23),
      'system.network.io{network.io.direction=receive}': seconds * 41_000 + 300_000 * wave(7),
      'system.network.io{network.io.direction=transmit}': seconds * 9000 + 200_000 * wave(11),
    },
  };
}

const hardware = {
  ...{ model: 'Raspberry Pi 4 Model B Rev 1.5', os: 'Debian GNU/Linux 13', arch: 'arm64', cpus: 4 },
  atRest: 'plain' as const,
};
const healthy = 'box-8f3kq0vz7ahm';

async function startFedConsole(test: Parameters<typeof startConsole>[0]) {
  const served = await startConsole(test);
  const { fleet, events } = served;
  const day = 86_400_000;
  fleet.boxes.set(
    healthy,
    boxOf(healthy, now, {
      gaps: 3,
      birth: {
        kind: 'birth',
        session: '0011223344556677',
        epoch: '8899aabbccddeeff',
        lastSequence: 60,
        at: now - 7_200_000,
        agent: '0.1.0',
        api: '1.0',
        hardware,
      },
      reported: {
        at: now,
        agent: '0.1.0',
        apps: [
          { id: 'visits', state: 'running', sandbox: 'none', restarts: 0 },
          { id: 'notes', state: 'backing-off', sandbox: 'none', restarts: 7 },
        ],
        leases: [{ app: 'visits', hold: 'update', reason: 'Copies <b>photos</b>', until: now + 3 * 3_600_000 }],
      },
    }),
  );
  for (let at = now - 3_500_000; at < now; at += 60_000) {
    if (at > now - 1_500_000 && at < now - 1_000_000) continue; // a gap, to be drawn as one
    fleet.sample(healthy, sampleAt(at));
  }
  const others: [string, Parameters<typeof boxOf>[2]][] = [
    ['box-0c4n9x2rt5ge', { state: 'offline', lastSeen: now - 3 * 3_600_000, health: sampleAt(now - 3 * 3_600_000) }],
    ['box-4pd7wq1m8szk', {}],
    ['box-9y2hv6e3j0bn', { state: 'enrolled', lastSeen: null, health: null, enrolledAt: now - 600_000 }],
    ['box-k5t1rg8c4xwq', { state: 'revoked', revokedAt: now - day, lastSeen: now - day }],
  ];
  for (const [id, change] of others) fleet.boxes.set(id, boxOf(id, now, { health: sampleAt(now - 20_000), ...change }));
  const full = fleet.boxes.get('box-4pd7wq1m8szk');
  if (full?.health) full.health.values['system.filesystem.utilization'] = 0.93;
  events.record({ type: 'enrolled', box: healthy, text: 'the box enrolled with a claim code' });
  events.record({ type: 'online', box: healthy, text: 'the box is online' });
  events.refused('claim-used', { detail: 'claim 4f0a2b' });
  events.refused('publish-outside', { box: healthy, detail: 'wz/1/00/box-other/up/health' });
  return served;
}

function someRequests(): AdmissionRequest[] {
  const base = { state: 'waiting' as const, address: '203.0.113.7', claimLabel: null, decidedAt: null, reason: null };
  const times = { firstAt: now - 900_000, lastAt: now - 20_000 };
  const factory = { maker: 'tui', serial: 'TUI-0001' };
  const hash = (letter: string) => letter.repeat(64);
  return [
    { ...base, ...times, id: hash('a'), code: '7Q4M-XKT2', factory, box: null },
    { ...base, ...times, id: hash('b'), code: 'M0RE-TEXT', factory: null, claimLabel: 'Mr Tui, flat 3', box: null },
    {
      ...{ ...base, ...times, id: hash('c'), code: 'WH0K-N0WS', factory: null, box: null },
      ...{ state: 'refused', decidedAt: now - 60_000, reason: 'We do not know you: ring 555 0100.' },
    },
    {
      ...{ ...base, ...times, id: hash('d'), code: 'G00D-0NE5', factory, box: healthy },
      ...{ state: 'approved', decidedAt: now - 120_000 },
    },
  ];
}

async function open(url: string, viewport: View): Promise<Page> {
  const page = await openPage(browser, url, viewport);
  page.context().setDefaultTimeout(30_000); // well below tap's, so that a failure names what it waited for
  return page;
}

async function signIn(page: Page): Promise<void> {
  await page.getByLabel('Operator secret').fill(secret);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation').waitFor();
}

const title = (page: Page) => page.locator('h1').textContent();

t.test('every page fits phone and desktop, light and dark, and breaks no rule', { buffered: true }, async (test) => {
  const { url, claims, requests } = await startFedConsole(test);
  requests.all.push(...someRequests());
  await claims.create({ label: 'Mrs Nguyen, 4 Rose St' });
  const used = await claims.create({});
  await claims.revoke(used.id);
  for (const [size, viewport] of Object.entries(sizes)) {
    const page = await open(url, viewport);
    const complaints: string[] = [];
    page.on('console', (message) => {
      // Asking whether somebody is signed in is answered by 401 until somebody is.
      if (message.type() === 'error' && !/\b401\b/.test(message.text())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    const look = async (name: string) => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        const found = await violations(page, colorScheme === 'light' ? 'all' : 'color-contrast');
        test.same(found, [], `${name}, ${size}, ${colorScheme}: axe finds nothing`);
        const file = `${shots}/${name}-${size}-${colorScheme}.png`;
        await page.screenshot({ path: file, fullPage: true, caret: 'initial' });
      }
      test.ok((await overflow(page)) <= 0, `${name}, ${size}: nothing sticks out sideways`);
    };
    await page.getByLabel('Operator secret').waitFor();
    await look('sign-in');
    await signIn(page);
    await page.getByText('box-4pd7wq1m8szk').waitFor();
    test.equal(await title(page), 'Two boxes need care.');
    await look('glance');
    await page.getByRole('link', { name: 'Boxes', exact: true }).click();
    await page.getByText(healthy).waitFor();
    test.equal(await title(page), 'Five boxes.');
    await look('boxes');
    await page.getByRole('link', { name: healthy }).click();
    await page.locator('[data-chart=network] canvas').waitFor();
    await page.getByText('a box publishes only', { exact: false }).waitFor();
    test.equal(await title(page), `${healthy} is online and healthy.`);
    await page.getByText('Holds its own update: “Copies <b>photos</b>”').waitFor();
    await page.getByText('not encrypted').waitFor();
    await look('box');
    await page.getByRole('link', { name: 'Claims' }).click();
    await page.getByText('Mrs Nguyen').waitFor();
    await look('claims');
    await page.getByRole('link', { name: 'Requests' }).click();
    await page.getByText('7Q4M-XKT2').waitFor();
    test.equal(await title(page), 'Two boxes ask to be admitted.');
    await page.getByRole('button', { name: 'Refuse 7Q4M-XKT2' }).click();
    await look('requests');
    await page.getByRole('link', { name: 'Events' }).click();
    await page.getByText('What to do:').first().waitFor();
    await look('events');
    test.same(complaints, [], `${size}: the browser complains of nothing`);
    await page.context().close();
  }
});

t.test(
  'by the keyboard alone: sign in, choose a box, choose a time, and refuse to revoke by mistake',
  { buffered: true },
  async (test) => {
    const { url, fleet } = await startFedConsole(test);
    const page = await open(url, sizes.desktop);
    await page.getByLabel('Operator secret').waitFor();
    const press = async (key: string, until: string) => {
      for (let times = 0; times < 40; times += 1) {
        await page.keyboard.press(key);
        const focus = await page.evaluate<string>(
          '(document.activeElement.getAttribute("aria-label") ?? document.activeElement.innerText ?? "") + "|" + document.activeElement.id',
        );
        if (focus.split('|').includes(until)) return;
      }
      throw new Error(`cannot reach ${until} by ${key}`);
    };
    await page.keyboard.press('Tab');
    test.equal(await page.evaluate('document.activeElement.className'), 'skip', 'first comes the skip link');
    await press('Tab', 'secret');
    await page.keyboard.type('not the secret');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    test.match(await page.getByRole('alert').textContent(), /not the operator secret.*What to do.*secret-wrong/);
    await page.keyboard.type(secret); // the field was selected again
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Two boxes need care.' }).waitFor();
    await press('Tab', 'Boxes');
    await page.keyboard.press('Enter');
    await page.locator('h1:focus').waitFor();
    await page.getByText(healthy).waitFor();
    await press('Tab', healthy);
    await page.keyboard.press('Enter');
    await page.locator('[data-chart=cpu] canvas').waitFor();
    await page.locator('h1:focus').waitFor();
    test.match(page.url(), `/boxes/${healthy}`);
    await page.getByLabel('Hour', { exact: true }).focus();
    await page.keyboard.press('ArrowLeft');
    test.ok(await page.getByLabel('15 min').isChecked());

    await press('Tab', 'Revoke this box…');
    await page.keyboard.press('Enter');
    await page.getByLabel('Type “revoke” to confirm').waitFor();
    await page.screenshot({ path: `${shots}/revoke-desktop-light.png`, caret: 'initial' });
    test.same(await violations(page), []);
    await press('Tab', 'revoke-word');
    await page.keyboard.type('yes');
    await page.keyboard.press('Enter');
    await page.getByText('Type the word revoke').waitFor();
    test.equal(fleet.boxes.get(healthy)?.state, 'online', 'nothing happened');
    await page.keyboard.press('Escape');
    test.notOk(await page.locator('dialog').isVisible());
    await page.keyboard.press('Enter');
    await press('Tab', 'revoke-word');
    await page.keyboard.type('revoke');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: `${healthy} is revoked.` }).waitFor();
    test.equal(fleet.boxes.get(healthy)?.state, 'revoked');
    await page.context().close();
  },
);

t.test('a chart grows when a sample arrives, over the stream and without it', { buffered: true }, async (test) => {
  const { url, fleet, events } = await startFedConsole(test);
  const page = await open(`${url}/boxes/${healthy}`, sizes.desktop);
  await signIn(page);
  const cpu = page.locator('[data-chart=cpu]');
  await cpu.locator('canvas').waitFor();
  const points = async () => Number(await cpu.getAttribute('data-points'));
  const before = await points();
  test.equal(before, fleet.samples.get(healthy)?.length, 'each stored sample is a point');
  const arrive = (share: number) => {
    const at = Date.now();
    fleet.sample(healthy, { at, values: { ...sampleAt(at).values, 'system.cpu.utilization': share } });
  };
  arrive(0.77);
  events.announce({ type: 'health', box: healthy, text: 'new samples' });
  await cpu.getByText('77%').first().waitFor();
  test.equal(await points(), before + 1);
  test.match(await cpu.textContent(), '1 gap', 'and a gap is drawn as one');

  await page.route('**/v1/events', (route) =>
    route.request().headers().accept?.includes('event-stream') ? route.abort() : route.continue(),
  );
  await page.reload();
  await page.getByText('Every 5 s').waitFor();
  await cpu.locator('canvas').waitFor();
  arrive(0.66);
  await cpu.getByText('66%').first().waitFor();
  test.equal(await points(), before + 2);
  await page.context().close();
});

t.test('the first line says how things stand, from an empty territory on', { buffered: true }, async (test) => {
  const { url, fleet, events } = await startConsole(test);
  const page = await open(url, sizes.desktop);
  await signIn(page);
  await page.getByRole('heading', { name: 'No box yet.' }).waitFor();
  await page.screenshot({ path: `${shots}/empty-desktop-light.png`, caret: 'initial' });
  await page.getByRole('link', { name: 'Create a claim code' }).click();
  await page.getByLabel('For whom').fill('Mrs Nguyen');
  await page.getByRole('button', { name: 'Create the code' }).click();
  const code = await page.locator('[data-code]').textContent();
  test.match(code, /^([0-9A-Z]{5}-){3}[0-9A-Z]{5}$/);
  test.match(await page.getByRole('region', { name: 'The claim code: Mrs Nguyen' }).textContent(), /shown this once/);
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport);
    test.ok((await overflow(page)) <= 0, `the code fits: ${size}`);
    await page.screenshot({ path: `${shots}/code-${size}-light.png`, fullPage: true, caret: 'initial' });
  }
  test.same(await violations(page), []);
  await page.getByRole('button', { name: 'Done, hide the code' }).click();
  await page.getByRole('button', { name: 'Revoke the code for Mrs Nguyen' }).click();
  await page.getByRole('button', { name: 'Revoke the code', exact: true }).click();
  await page.getByRole('heading', { name: 'No claim code is open.' }).waitFor();

  await page.getByRole('link', { name: 'Fleet' }).click();
  for (const id of ['box-00000001', 'box-00000002', 'box-00000003']) {
    fleet.boxes.set(id, boxOf(id, Date.now(), { health: { ...sampleAt(Date.now()), at: Date.now() } }));
    events.record({ type: 'enrolled', box: id, text: 'the box enrolled' });
  }
  await page.getByRole('heading', { name: 'All 3 boxes are online.' }).waitFor();
  await page.getByRole('link', { name: 'Boxes', exact: true }).click();
  await page.getByRole('link', { name: 'box-00000003' }).click();
  await page.getByText('No sample in this time.').waitFor();
  fleet.sample('box-00000003', sampleAt(Date.now()));
  events.announce({ type: 'health', box: 'box-00000003', text: 'new samples' });
  await page.locator('[data-chart=cpu] canvas').waitFor();
  await page.screenshot({ path: `${shots}/first-sample-desktop-light.png`, caret: 'initial' });
  await page.goBack();
  await page.getByLabel('Find a box').fill('0002');
  await page.getByRole('heading', { name: 'One box matches.' }).waitFor();
  test.equal(await page.getByRole('row').count(), 2, 'the head and the one that matches');
  await page.getByLabel('Find a box').fill('nowhere');
  await page.getByRole('heading', { name: 'No box matches.' }).waitFor();
  await page.getByRole('button', { name: 'Show all boxes' }).click();
  await page.getByRole('heading', { name: 'Three boxes.' }).waitFor();
  test.equal(await page.getByRole('row').count(), 4);
  await page.goto(`${url}/boxes/box-unknown`);
  await page.getByRole('alert').waitFor();
  test.match(await page.getByRole('alert').textContent(), 'box-unknown');
  await page.context().close();
});

t.test(
  'when the provider does not answer the page says from when it is, and goes on where it was',
  { buffered: true },
  async (test) => {
    const served = await startFedConsole(test);
    const page = await open(served.url, sizes.desktop);
    await signIn(page);
    const worst = 'box-4pd7wq1m8szk';
    await page.getByText(worst).waitFor();
    await served.stop();
    await page.getByText(/The provider does not answer. What you see is from \d\d:\d\d/).waitFor();
    test.ok(await page.getByText(worst).isVisible(), 'what was known stays');
    test.same(await violations(page), []);
    await page.screenshot({ path: `${shots}/unreachable-desktop-light.png`, caret: 'initial' });
    await served.startAgain();
    await page.getByText('Your session has ended').waitFor();
    await page.getByLabel('Operator secret').fill(secret);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Two boxes need care.' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Operator secret').waitFor();
    await page.reload();
    await page.getByLabel('Operator secret').waitFor();
    test.notOk(await page.getByText(worst).isVisible());
    await page.context().close();
  },
);

t.test(
  'a request is admitted, and another refused with a reason, by the keyboard',
  { buffered: true },
  async (test) => {
    const { url, requests, events } = await startFedConsole(test);
    const page = await open(`${url}/requests`, sizes.desktop);
    await signIn(page);
    await page.getByText('Nobody waits.').waitFor();
    test.equal(await title(page), 'No box asks to be admitted.');
    requests.all.push(...someRequests());
    events.record({ type: 'admission-asked', text: 'a box asks to be admitted: 7Q4M-XKT2' });
    await page.getByRole('link', { name: 'Requests 2 waiting' }).waitFor();

    await page.getByRole('button', { name: 'Admit 7Q4M-XKT2' }).press('Enter');
    await page.getByRole('button', { name: 'Admit the box' }).waitFor();
    await page.keyboard.press('Enter'); // the focus has moved there
    await page.getByRole('link', { name: 'Requests 1 waiting' }).waitFor();
    test.match(requests.all[0], { state: 'approved' });
    await page.getByRole('button', { name: 'Refuse M0RE-TEXT' }).press('Enter');
    await page.getByLabel('Why? The owner reads it.').waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('it is all that the owner learns').waitFor();
    test.same(await violations(page), []);
    await page.keyboard.type('Wrong territory: ring 555 0100.');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'No box asks to be admitted.' }).waitFor();
    test.match(requests.all[1], { state: 'refused', reason: 'Wrong territory: ring 555 0100.' });
    await page.context().close();
  },
);

t.test(
  'a copied card is told with what to do, until an operator says that it is seen to',
  { buffered: true },
  async (test) => {
    const { url, fleet } = await startFedConsole(test);
    const box = fleet.boxes.get(healthy)!;
    box.cloned = { since: now - 3_600_000, at: now };
    const page = await open(`${url}/boxes/${healthy}`, sizes.phone);
    await signIn(page);
    await page.getByRole('heading', { name: 'Two machines report as this box' }).waitFor();
    await page.screenshot({ path: `${shots}/cloned-phone-light.png`, fullPage: true });
    test.same(await violations(page), []);
    test.ok((await overflow(page)) <= 0);
    await page.getByRole('button', { name: 'The copy is gone' }).click();
    await page.getByRole('heading', { name: 'Two machines report as this box' }).waitFor({ state: 'detached' });
    test.equal(box.cloned, null);
    await page.context().close();
  },
);

t.test('a departure is objected to, and a barred device reinstated', { buffered: true }, async (test) => {
  const { url, fleet } = await startFedConsole(test);
  const box = fleet.boxes.get(healthy)!;
  const leaving = { phase: 'announced', reason: 'transfer', to: 'rata', at: now - 60_000, objection: null } as const;
  box.standing = { ...box.standing, leaving, factory: { maker: 'tui', serial: 'TUI-0001', barred: true } };
  const page = await open(`${url}/boxes/${healthy}`, sizes.phone);
  await signIn(page);
  await page.getByRole('heading', { name: 'Its owner is about to leave' }).waitFor();
  await page.getByLabel('Your objection').fill('A bill is open.');
  await page.screenshot({ path: `${shots}/departure-phone-light.png`, fullPage: true });
  test.same(await violations(page), []);
  test.ok((await overflow(page)) <= 0);
  await page.getByRole('button', { name: 'Record the objection' }).click();
  await page.getByText('You objected: “A bill is open.”').waitFor();
  await page.getByRole('button', { name: 'Let the device enrol again' }).click();
  await page.getByRole('heading', { name: 'Its device is barred' }).waitFor({ state: 'detached' });
  test.equal(box.standing.factory?.barred, false);
  await page.context().close();
});
