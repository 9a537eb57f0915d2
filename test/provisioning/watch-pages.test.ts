/** Alerts, operators and the audit log as people meet them: real Chromium, phone and desktop, light and dark, the keyboard. */
import type { Page } from 'playwright-core';
import t from 'tap';
import type { CaseView } from '#contract/cases.js';
import type { Condition } from '#contract/conditions.js';
import { boxOf, secret, startConsole } from '../support/console.js';
import { launch, openPage, shots, sizes, violations } from '../support/owner-pages.js';
import { startReceiver } from '../support/receiver.js';

const browser = await launch(t);
const disk: Condition = { kind: 'disk-filling', severity: 'trouble', since: 0, evidence: 'full in about 9 days' };

/** One that waits for the office too long, one in which the member is heard, and one that is over. */
function casesOf(now: number): CaseView[] {
  const day = 86_400_000;
  const about = (n: number, member: string) => ({
    ...{ id: `case-00000000000${n}`, member, kind: 'complaint' as const, openedAt: now - 20 * day },
    ...{ answers: 0, hearings: 0, courts: 0 },
  });
  const opened = { entry: 4, at: now - 20 * day, type: 'case.opened', sha256: '0'.repeat(64) };
  const closed = { entry: 9, at: now - day, type: 'case.closed', reason: 'the complaint was withdrawn' };
  return [
    {
      case: { ...about(1, 'wattle-software'), state: 'open' },
      steps: [opened],
      due: [{ what: 'notice', by: 'office', at: now - 6 * day }],
    },
    {
      case: { ...about(2, 'banksia'), state: 'noticed', answerBy: now + 3 * day, interimUntil: now + 9 * day },
      steps: [opened, { ...opened, entry: 5, type: 'case.noticed' }],
      due: [
        { what: 'answer', by: 'member', at: now + 3 * day },
        { what: 'decision', by: 'standing panel', at: now + 9 * day },
        { what: 'hearing', by: 'office', at: now + 17 * day },
      ],
      readAt: now - 2 * day,
    },
    { case: { ...about(3, 'grevillea'), state: 'closed', closedAt: now - day }, steps: [opened, closed], due: [] },
  ];
}

async function startWatched(test: Parameters<typeof startConsole>[0], troubled: number) {
  const served = await startConsole(test);
  const now = Date.now();
  for (let n = 0; n < 40; n += 1) {
    const id = `box-${String(n).padStart(12, '0')}`;
    const conditions = n < troubled ? [disk] : [];
    served.fleet.boxes.set(
      id,
      boxOf(id, now, { conditions, label: `Flat ${n}`, place: n % 2 ? 'Newcastle' : 'Sydney' }),
    );
  }
  await served.alerts.alerts.look();
  return served;
}

async function signIn(page: Page, as: string): Promise<void> {
  await page.getByLabel('Operator secret').fill(as);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation').waitFor();
}
const turnTo = (page: Page, name: string) => page.getByRole('navigation').getByRole('link', { name }).click();
const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { level: 1, name }).waitFor();
const overflow = (page: Page) => page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');

t.test('each page fits phone and desktop, light and dark, and breaks no rule', { buffered: true }, async (test) => {
  const { url, operators, alerts, cases } = await startWatched(test, 30);
  cases.push(...casesOf(Date.now()));
  await operators.add({ name: 'jo', role: 'operator' });
  await alerts.settings.createSilence({ place: 'Sydney', forSeconds: 3600, reason: 'the mains are renewed' }, 'jo');
  await alerts.alerts.acknowledge({ rule: 'trouble', box: 'box-000000000001', note: 'on my way' }, 'jo');
  await alerts.webhooks.create({ name: 'Pager', url: 'https://pager.example/hooks/network' });
  for (const [size, viewport] of Object.entries(sizes)) {
    const page = await openPage(browser, url, viewport);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    const look = async (name: string) => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        const found = await violations(page, colorScheme === 'light' ? 'all' : 'color-contrast');
        test.same(found, [], `${name}, ${size}, ${colorScheme}: axe finds nothing`);
        await page.screenshot({
          path: `${shots}/${name}-${size}-${colorScheme}.png`,
          fullPage: true,
          caret: 'initial',
        });
      }
      test.ok((await overflow(page)) <= 0, `${name}, ${size}: nothing sticks out sideways`);
      const brand = await page.evaluate<number>(
        "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('header .brand'))",
      );
      test.ok(brand <= 0, `${name}, ${size}: the territory's name stays in its place`);
    };
    await signIn(page, secret);
    await turnTo(page, 'Alerts');
    await heading(page, '1 rule fires, for 30 boxes.');
    await page.getByText('Nothing waits').waitFor();
    await look('alerts');
    await page.getByRole('button', { name: 'Silence Trouble on a box' }).click();
    await page.getByRole('button', { name: 'Edit Trouble on a box' }).click();
    await look('alerts-forms');
    await turnTo(page, 'Cases');
    await heading(page, 'In 1 case something is late.');
    await page.getByText('Give notice').waitFor();
    await page.getByText('The member read the notice').waitFor();
    await page.locator('summary', { hasText: '2 steps' }).last().click();
    await page.getByText('the complaint was withdrawn').waitFor();
    await look('cases');
    await turnTo(page, 'Operators');
    await heading(page, '2 people may sign in.');
    await look('operators');
    await turnTo(page, 'Audit');
    await heading(page, /entr(y|ies) in the audit log/);
    await look('audit');
    test.same(complaints, [], `${size}: the browser complains of nothing`);
    await page.context().close();
  }
});

t.test(
  'an operator acknowledges and silences by the keyboard; a viewer only looks',
  { buffered: true },
  async (test) => {
    const { url, operators, alerts } = await startWatched(test, 3);
    const { secret: hers } = await operators.add({ name: 'jo', role: 'operator' });
    const { secret: his } = await operators.add({ name: 'vic', role: 'viewer' });
    const page = await openPage(browser, url, sizes.desktop);
    await signIn(page, hers);
    test.equal(await page.getByRole('link', { name: 'Operators' }).count(), 0, 'what is for admins is not offered');
    await turnTo(page, 'Alerts');
    await page.locator('h1:focus').waitFor();
    await page.getByRole('button', { name: 'Acknowledge what fires of Trouble on a box' }).press('Enter');
    await page.getByLabel('Note for the others').fill('spare disks are ordered');
    await page.keyboard.press('Enter');
    await page.getByText('3 acknowledged').waitFor();
    const [group] = alerts.alerts.groups();
    test.match(group?.alerts[0]?.acknowledged, { by: 'jo', note: 'spare disks are ordered', until: null });
    await page.getByRole('button', { name: 'Silence Trouble on a box' }).press('Enter');
    await page
      .getByRole('form', { name: 'Silence Trouble on a box' })
      .getByRole('button', { name: 'Silence' })
      .press('Enter');
    await page.getByText('Say why, for whoever wonders').waitFor();
    await page.getByLabel('Why').fill('works');
    await page.keyboard.press('Enter');
    await page.getByText('3 silenced').waitFor();
    await page.getByRole('button', { name: 'End the silence “works”' }).press('Enter');
    await page.getByText('3 silenced').waitFor({ state: 'detached' });
    test.equal(await page.getByRole('button', { name: /^Edit/ }).count(), 0, 'rules are an admin’s');
    await page.context().close();

    const other = await openPage(browser, url, sizes.desktop);
    await signIn(other, his);
    await turnTo(other, 'Alerts');
    await heading(other, '1 rule fires, for 3 boxes.');
    test.equal(await other.getByRole('button', { name: /Acknowledge|Silence|Edit|Remove/ }).count(), 0);
    await other.context().close();
  },
);

t.test(
  'a viewer is offered nothing that would be refused, and reads who can do it',
  { buffered: true },
  async (test) => {
    const { url, operators, claims, fleet, requests } = await startWatched(test, 3);
    const { secret: his } = await operators.add({ name: 'vic', role: 'viewer' });
    const now = Date.now();
    await claims.create({ label: 'Mrs Nguyen' });
    const one = [...fleet.boxes.values()][0]!;
    one.cloned = { since: now - 60_000, at: now - 1000 };
    one.standing.leaving = { phase: 'announced', reason: 'transfer', to: 'au-vic-1', at: now, objection: null };
    requests.all.push({
      ...{ id: 'req-000000000001', code: 'KITE-1234', state: 'waiting', factory: null, claimLabel: null },
      ...{ address: '192.0.2.7', firstAt: now, lastAt: now, decidedAt: null, box: null, reason: null },
    });
    const page = await openPage(browser, url, sizes.desktop);
    const refused: string[] = [];
    page.on('response', (reply) => void (reply.status() === 403 && refused.push(reply.url())));
    await signIn(page, his);
    await page.getByText('Signed in as vic, viewer').waitFor();
    const acts = () => page.locator('main').getByRole('button').allTextContents();
    const reads = ['Earlier', 'Closer', 'Wider', 'Box', 'State', 'Last seen', 'Version', 'As a table'];
    const offered = async () => (await acts()).filter((name) => !reads.some((read) => name.startsWith(read)));
    const whoCan = page.getByText('You are a viewer (vic) and see everything here. To');

    await turnTo(page, 'Claims');
    await page.getByText('Mrs Nguyen').waitFor();
    await whoCan.waitFor();
    test.same(await offered(), [], 'no claim code is offered');
    await turnTo(page, 'Requests');
    await page.getByText('KITE-1234').waitFor();
    await whoCan.waitFor();
    test.same(await offered(), [], 'nobody is let in');
    await turnTo(page, 'Boxes');
    await page.getByRole('link', { name: one.id }).click();
    await page.getByText('Two machines report as this box').first().waitFor();
    await page.getByText('Its owner is about to leave').waitFor();
    await page.getByText('Nothing was asked of this box yet.').waitFor();
    await whoCan.waitFor();
    test.same(await offered(), [], 'the box is left alone');
    for (const place of ['operators', 'audit']) {
      await page.goto(`${url}/${place}`);
      await heading(page, 'This page is for admins.');
    }
    test.same(refused, [], 'nothing was asked for that is refused');
    await page.context().close();
  },
);

t.test(
  'events are told by kind, back to the first; an alert is seen to by itself',
  { buffered: true },
  async (test) => {
    const { url, store, alerts } = await startWatched(test, 25);
    const now = Date.now();
    const old = Array.from({ length: 260 }, (_, n) => {
      const at = now - (300 - n) * 60_000;
      const type = n % 2 ? 'offline' : 'online';
      const event = {
        id: `${String(at).padStart(15, '0')}-000000`,
        at,
        type,
        box: 'box-000000000001',
        text: `number ${n}`,
      };
      return { type: 'put' as const, sublevel: store.events, key: event.id, value: event };
    });
    await store.commit(old);
    const page = await openPage(browser, url, sizes.desktop);
    await signIn(page, secret);
    await turnTo(page, 'Events');
    await page.getByLabel('Kind').selectOption('offline');
    await page.getByText(/^Number 259 /).waitFor();
    test.equal(await page.getByText(/^Number 258 /).count(), 0, 'of another kind');
    test.match(page.url(), /type=offline/);
    await page.getByRole('button', { name: 'Show earlier events' }).click();
    await page.getByText(/^Number 1 /).waitFor();
    await page.getByText('No earlier ones are kept.').waitFor();

    await page.getByRole('link', { name: 'Alerts 25 not seen to' }).click();
    await page.getByText('The disk is filling up: full in about 9 days').first().waitFor();
    await page.getByRole('button', { name: 'Show 5 more' }).click();
    await page.getByRole('button', { name: 'Acknowledge box-000000000024' }).press('Enter');
    await page.getByRole('link', { name: 'Alerts 24 not seen to' }).waitFor();
    const [group] = alerts.alerts.groups();
    test.equal(group?.acknowledged, 1);
    await page.context().close();
  },
);

t.test('an admin sets up rules, webhooks and operators, and sees what was done', { buffered: true }, async (test) => {
  const receiver = await startReceiver(test);
  const { url, alerts } = await startWatched(test, 0);
  const page = await openPage(browser, url, sizes.desktop);
  await signIn(page, secret);
  await turnTo(page, 'Alerts');
  await heading(page, 'Nothing fires.');
  await page.getByRole('button', { name: 'Add a rule' }).click();
  const form = page.getByRole('form', { name: 'Add a rule' });
  await form.getByLabel('Name').fill('Hot in Newcastle');
  await form.getByLabel('Kinds of conditions').fill('hot, under-voltage');
  await form.getByLabel('For how many minutes').fill('10');
  await form.getByLabel('Only in this place').fill('Newcastle');
  await form.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Edit Hot in Newcastle' }).waitFor();
  const made = [...alerts.settings.rules().values()].find(({ name }) => name === 'Hot in Newcastle');
  test.match(made, {
    when: { kind: 'condition', conditions: ['hot', 'under-voltage'] },
    ...{ forSeconds: 600, scope: { place: 'Newcastle' }, enabled: true, severity: 'attention' },
  });
  await page.getByRole('button', { name: 'Add a rule' }).click();
  await form.getByLabel('Name').fill('Cuts');
  await form.getByLabel('When').selectOption('event');
  await form.getByLabel('Kinds of events').fill('boot-unexpected');
  await form.getByLabel('For how many hours after it').fill('6');
  await form.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Edit Cuts' }).waitFor();
  test.match([...alerts.settings.rules().values()].find(({ name }) => name === 'Cuts')?.when, {
    ...{ kind: 'event', events: ['boot-unexpected'], withinSeconds: 21_600 },
  });
  await page.getByRole('button', { name: 'Edit Box offline for an hour' }).click();
  const edit = page.getByRole('form', { name: 'Edit Box offline for an hour' });
  await edit.getByLabel('This rule is on').uncheck();
  await edit.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Edit Box offline for an hour' }).waitFor();
  test.match(alerts.settings.rules().get('offline'), { enabled: false, forSeconds: 3600, when: { kind: 'offline' } });
  await page.getByRole('button', { name: 'Remove Hot in Newcastle' }).click();
  await page.getByRole('button', { name: 'Remove for good' }).click();
  await page.getByRole('button', { name: 'Edit Hot in Newcastle' }).waitFor({ state: 'detached' });

  const hooks = page.getByRole('form', { name: 'Add a webhook' });
  await hooks.getByLabel('Name').fill('Pager');
  await hooks.getByLabel('Address').fill(receiver.url);
  await hooks.getByRole('button').click();
  await page.locator('[data-secret]').waitFor();
  await page.getByRole('button', { name: 'Send a test to Pager' }).click();
  await page.getByText('It was taken.').waitFor();
  test.equal(receiver.received[0]?.delivery.kind, 'test');
  receiver.answers(503);
  await page.getByRole('button', { name: 'Send a test to Pager' }).click();
  await page.getByText('it answered 503').waitFor();

  await turnTo(page, 'Operators');
  await heading(page, 'You are the only operator.');
  await page.getByLabel('Name').fill('jo');
  await page.getByRole('button', { name: 'Add' }).click();
  const hers = (await page.locator('[data-secret]').textContent()) ?? '';
  const other = await openPage(browser, url, sizes.desktop);
  await signIn(other, hers);
  await page.getByLabel('Role of jo').selectOption('viewer');
  await other.getByText('Your session has ended').waitFor();
  await page.getByRole('button', { name: 'Remove jo' }).click();
  await page.getByRole('button', { name: 'Remove for good' }).click();
  await heading(page, 'You are the only operator.');
  await signInFails(other, hers);
  await turnTo(page, 'Audit');
  await page.getByText('operator.remove').waitFor();
  await page.getByText('webhook-failed').waitFor();
  test.notMatch(await page.locator('main').textContent(), hers);
  await page.context().close();
  await other.context().close();
});

async function signInFails(page: Page, as: string): Promise<void> {
  await page.getByLabel('Operator secret').fill(as);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('secret-wrong').waitFor();
}
