/** The console over a hundred thousand stored boxes: a real provider, its real store, real Chromium. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import t from 'tap';
import { FleetPage } from '#contract/fleet.js';
import { parseJson } from '#contract/parse.js';
import { boxName, filledBox, fillFleet } from '../support/filled-fleet.js';
import { heading, launch, looker, openPage, press, type Size, sizes } from '../support/owner-pages.js';
import { askCommand, testProvider } from '../support/provider.js';

const count = 100_000;
const now = Date.now();
const provider = await testProvider(t, { territory: 'kapiti', name: 'Kāpiti Network', jurisdiction: 'NZ' });
await fillFleet(provider.directory, count, now);
await provider.start();
t.teardown(() => provider.stop());
const secret = (await readFile(path.join(provider.directory, 'operator.secret'), 'utf8')).trim();
const browser = await launch(t);

const patient = 60_000;
const boxes = Array.from({ length: count }, (_, number) => filledBox(number, now));
const number = (n: number) => n.toLocaleString('en-GB');
const serving = boxes.filter(({ box }) => box.revokedAt === undefined);
const having = (kind: string) =>
  serving.filter(({ life }) => life.reported?.conditions?.some((one) => one.kind === kind));

async function open(size: Size, place = '/'): Promise<Page> {
  const page = await openPage(browser, provider.urls().console + place, sizes[size]);
  page.context().setDefaultTimeout(patient);
  await page.getByLabel('Operator secret').fill(secret);
  await press(page, 'Sign in');
  await page.getByRole('navigation', { name: 'Sections' }).waitFor();
  return page;
}

const rowsOf = (page: Page) => page.locator('table.boxes tbody tr');
/** The page shows this as its first box. */
const first = (page: Page, id: string) =>
  page.locator('table.boxes tbody tr:first-child').getByRole('link', { name: id, exact: true }).waitFor();

t.test('the glance counts them all, and each count leads to its boxes', { buffered: true }, async (test) => {
  const page = await open('desktop');
  const look = looker(test, page, 'desktop', 'fleet');
  const care = serving.filter(({ life }) => life.reported?.conditions?.some(({ severity }) => severity !== 'info'));
  await heading(page, `${number(care.length)} boxes need care.`);
  await page.getByRole('link', { name: `See all ${number(care.length)} that need care` }).waitFor();
  const hot = page.locator('#conditions ~ ul li', { has: page.getByRole('link', { name: 'hot' }) });
  test.match(await hot.textContent(), number(having('hot').length));
  await look('glance');
  await hot.getByRole('link').click();
  await heading(page, `${number(having('hot').length)} boxes match.`);
  test.match(page.url(), 'condition=hot', 'the address holds the filter');
  await first(page, having('hot')[0]!.id);
  await page.goBack();
  await page.getByRole('link', { name: 'Levin' }).click();
  await heading(page, `${number(serving.filter(({ place }) => place === 'Levin').length)} boxes match.`);
  await page.context().close();
});

t.test(
  'the table is filtered, searched, sorted and paged through, and a box opened',
  { buffered: true },
  async (test) => {
    const page = await open('desktop', '/boxes?sort=id');
    const look = looker(test, page, 'desktop', 'fleet');
    await heading(page, `${number(count)} boxes.`);
    await first(page, boxName(0));
    test.equal(await rowsOf(page).count(), 50);
    await look('table');

    await press(page, 'Next page');
    await first(page, boxName(50));
    await page.getByText(`51–100 of ${number(count)}`).waitFor();
    await press(page, 'Next page');
    await first(page, boxName(100));
    await press(page, 'Previous page');
    await first(page, boxName(50));
    await page.getByRole('link', { name: boxName(57) }).click();
    await heading(page, new RegExp(boxName(57)));
    await page.goBack();
    await first(page, boxName(50));
    await page.getByRole('link', { name: 'First page' }).click();
    await first(page, boxName(0));
    await press(page, 'Box');
    await first(page, boxName(count - 1));

    await page.locator('summary', { hasText: 'Version' }).click();
    await page.getByLabel('0.9.0').check();
    const old = boxes.filter(({ life }) => life.birth?.agent === '0.9.0');
    await heading(page, `${number(old.length)} boxes match.`);
    await page.keyboard.press('Escape');
    await page.locator('summary', { hasText: 'Place' }).click();
    await page.getByLabel('Shannon').check();
    const there = old.filter(({ place }) => place === 'Shannon');
    await heading(page, `${number(there.length)} boxes match.`);
    await look('filtered');

    await press(page, 'Save this filter…');
    await page.getByLabel('Name of the filter').fill('Old ones in Shannon');
    await page.keyboard.press('Enter');
    await page.getByLabel('Saved filters').waitFor();
    await press(page, 'Take all filters away');
    await heading(page, `${number(count)} boxes.`);
    await page.getByLabel('Saved filters').selectOption('Old ones in Shannon');
    await heading(page, `${number(there.length)} boxes match.`);
    await page.getByRole('button', { name: 'Take away the filter Place: Shannon' }).click();
    await heading(page, `${number(old.length)} boxes match.`);
    await press(page, 'Take all filters away');

    await page.getByLabel('Find a box').fill('tui-054321');
    await heading(page, 'One box matches.');
    await page.getByRole('link', { name: boxName(54_321) }).press('Enter');
    await heading(page, new RegExp(boxName(54_321)));
    await page.locator('h1:focus').waitFor();
    await press(page, 'Change label and place');
    await page.getByLabel('Label').fill('The library');
    await page.getByLabel('Place').fill('Ōtaki');
    await press(page, 'Save');
    await page.getByText('The library').waitFor();
    await page.goto(`${provider.urls().console}/boxes?search=library`);
    await heading(page, 'One box matches.');
    await page.goto(`${provider.urls().console}/boxes?search=nothing+such`);
    await heading(page, 'No box matches.');
    await press(page, 'Show all boxes');
    await heading(page, `${number(count)} boxes.`);
    await page.context().close();
  },
);

t.test('on a phone the same fits and breaks no rule', { buffered: true }, async (test) => {
  const page = await open('phone');
  const look = looker(test, page, 'phone', 'fleet');
  await page.locator('#worst ~ ul li').first().waitFor();
  await look('glance');
  await page.getByRole('link', { name: 'Boxes', exact: true }).click();
  await heading(page, `${number(count)} boxes.`);
  await page.locator('.cards li').first().waitFor();
  await look('table');
  await page.locator('summary', { hasText: 'State' }).click();
  await page.getByRole('checkbox', { name: /^Revoked/ }).check();
  await heading(page, `${number(count - serving.length)} boxes match.`);
  await look('filtered');
  await page.context().close();
});

t.test('the command line shows the same, and asks the running server', async (test) => {
  const fleet = async (...args: string[]) => {
    const done = await askCommand('webizen-provider', ['fleet', ...args, '--dir', provider.directory]);
    return done.status === 0 ? done.stdout : done.stderr;
  };
  const hot = having('hot');
  const isHot = ['--condition', 'hot', '--state', 'offline'];
  const [page = ''] = (await fleet('list', ...isHot, '--sort', 'id', '--json')).split('\n');
  const parsed = parseJson(FleetPage, page);
  if (!parsed.ok) return test.fail(page);
  test.equal(parsed.value.total, hot.length);
  test.strictSame(
    parsed.value.boxes.map(({ id }) => id),
    hot.slice(0, 100).map(({ id }) => id),
  );
  const whole = await fleet('list', ...isHot, '--place', 'Shannon', '--place', 'Manakau', '--all');
  const there = hot.filter(({ place }) => place === 'Shannon' || place === 'Manakau');
  test.equal(whole.trim().split('\n').length, there.length + 1, 'a head, and a line each');
  test.match(await fleet('list', ...isHot), new RegExp(`${hot.length} in all; go on with --cursor \\S+`));
  test.match(await fleet('glance'), /^\d+ boxes need care\.[\s\S]*condition hot \(attention\) +\d+/);
  const one = boxName(77);
  test.match(await fleet('about', one, '--label', 'The hall', '--place', 'Levin'), /label +The hall/);
  test.match(await fleet('show', one), /place +Levin/);
  test.match(await fleet('about', one, '--label', ''), /label +-/);
  test.match(await fleet('save', 'Hot in Levin', ...isHot, '--place', 'Levin'), 'saved as Hot in Levin');
  test.match(await fleet('filters'), 'state=offline&condition=hot&place=Levin');
  const saved = await fleet('list', '--saved', 'Hot in Levin', '--all');
  test.equal(saved.trim().split('\n').length, hot.filter(({ place }) => place === 'Levin').length + 1);
  test.match(await fleet('forget', 'Hot in Levin'), 'Hot in Levin is deleted');
  test.match(await fleet('list', '--saved', 'Hot in Levin'), 'filter-unknown');
  test.match(await fleet('list', '--state', 'asleep'), 'arguments-invalid');
  test.match(await fleet('show', 'box-none0000'), 'box-unknown');
});
