/** One box on its page: what is amiss, its charts at any time, whose it is; and the fleet of a town around it. */
import { mkdir } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import t from 'tap';
import type { BoxDetail, StoredSample } from '#contract/operator.js';
import { boxOf, secret, startConsole, type Teardown } from '../support/console.js';
import { filledBox } from '../support/filled-fleet.js';
import { heading, launch, looker, openPage, press, type Size, sizes } from '../support/owner-pages.js';

const now = Date.now();
const hour = 3_600_000;
const day = 24 * hour;
const gib = 2 ** 30;
const hot = 'box-8f3kq0vz7ahm';
const browser = await launch(t);

function sampleAt(at: number): StoredSample {
  const wave = (period: number) => (1 + Math.sin((at * 2 * Math.PI) / period)) / 2;
  return {
    at,
    values: {
      'system.cpu.utilization': 0.06 + 0.3 * wave(2 * hour) * wave(day),
      'system.memory.limit': 4 * gib,
      'system.memory.usage': (1.4 + 0.5 * wave(5 * hour)) * gib,
      'system.memory.utilization': (1.4 + 0.5 * wave(5 * hour)) / 4,
      'system.filesystem.limit': 58 * gib,
      'system.filesystem.usage': (21 + 24 * ((at - now) / (400 * day) + 1)) * gib,
      'system.filesystem.utilization': 45 / 58,
      'hw.temperature': 62 + 18 * wave(day) + 6 * wave(3 * hour),
    },
  };
}

/** Of an hour, as the store answers it: the averages, and how far each went. */
function rolledUp(at: number): StoredSample {
  const { values } = sampleAt(at);
  const times = (factor: number) => Object.fromEntries(Object.entries(values).map(([name, n]) => [name, n * factor]));
  return { at, values, min: times(0.8), max: times(1.15) };
}

/** Sixty boxes of a town; one of them is hot, and has two years behind it, at a sample every ten minutes for the last day. */
async function startTown(test: Teardown) {
  const served = await startConsole(test);
  const { boxes, samples } = served.fleet;
  for (let number = 0; number < 60; number += 1) {
    const { id, label, place, life } = filledBox(number * 37, now);
    const { birth, reported, health } = life;
    const isOff = number === 11;
    boxes.set(
      id,
      boxOf(id, now, {
        ...{ label, place, state: isOff ? 'offline' : 'online', lastSeen: isOff ? now - 7 * hour : life.lastSeen },
        ...(birth && { birth }),
        ...(reported?.conditions && { conditions: reported.conditions }),
        health: health ?? null,
      }),
    );
  }
  const own: Partial<BoxDetail> = {
    ...{ label: 'Mrs Nguyen, 4 Rose St', place: 'Ōtaki', enrolledAt: now - 730 * day, agent: '0.10.0' },
    conditions: [
      { kind: 'hot', severity: 'trouble', since: now - 5 * hour, evidence: '86 °C for 40 minutes' },
      {
        kind: 'disk-filling',
        about: '/data',
        severity: 'attention',
        since: now - 3 * day,
        evidence: 'full in about 9 days',
      },
    ],
  };
  boxes.set(hot, boxOf(hot, now, own));
  const stored: StoredSample[] = [];
  for (let at = now - 720 * day; at < now - day; at += 6 * hour) stored.push(rolledUp(at));
  for (let at = now - day; at <= now; at += 600_000)
    if (at < now - 9 * hour || at > now - 6 * hour) stored.push(sampleAt(at));
  samples.set(hot, stored);
  boxes.get(hot)!.health = stored.at(-1)!;
  const happened = (at: number, type: string, text: string) => {
    const id = `${String(at).padStart(15, '0')}-000000`;
    return { type: 'put' as const, sublevel: served.store.events, key: id, value: { id, at, type, box: hot, text } };
  };
  await served.store.commit([
    happened(now - 9 * hour + 60_000, 'offline', 'its connection ended'),
    happened(now - 6 * hour, 'online', 'agent 0.10.0'),
  ]);
  return served;
}

async function open(url: string, size: Size): Promise<Page> {
  const page = await openPage(browser, url, sizes[size]);
  page.context().setDefaultTimeout(60_000);
  await page.getByLabel('Operator secret').fill(secret);
  await press(page, 'Sign in');
  return page;
}

/** Written when they are asked for, so that a test run leaves no trace. */
async function forGuide(page: Page, name: string): Promise<void> {
  if (process.env.WEBIZEN_DOCS !== '1') return;
  await mkdir('docs/images', { recursive: true });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.screenshot({ path: `docs/images/provider-${name}.png`, fullPage: name === 'fleet', caret: 'initial' });
}

const cpu = (page: Page) => page.locator('[data-chart=cpu]');
const spanning = (page: Page, span: number) => page.locator(`[data-chart=cpu][data-span="${span}"]`).waitFor();
const chosen = (page: Page, label: string) => page.getByLabel(label, { exact: true });

for (const size of Object.keys(sizes) as Size[])
  t.test(`what is amiss is told with its evidence, and the town counted: ${size}`, { buffered: true }, async (test) => {
    const { url } = await startTown(test);
    const page = await open(url, size);
    const look = looker(test, page, size, 'town');
    await heading(page, /boxes need care\.$/);
    await page.getByRole('link', { name: hot }).waitFor();
    await look('glance');
    await forGuide(page, 'fleet');
    await page.getByRole('link', { name: hot }).click();
    await heading(page, `${hot} is online and needs care.`);
    await page.getByText('86 °C for 40 minutes').waitFor();
    await page.getByText('full in about 9 days').waitFor();
    await press(page, 'Wider');
    await chosen(page, 'Day').check();
    await cpu(page).getByText('1 gap').waitFor(); // three hours without a sample are drawn as none
    await page.getByText('not connected from').waitFor();
    await look('box');
    if (size === 'desktop') await forGuide(page, 'box');
    await page.context().close();
  });

t.test('charts go to any time: by presets, by buttons, and by a drag', { buffered: true }, async (test) => {
  const { url, fleet } = await startTown(test);
  const page = await open(`${url}/boxes/${hot}`, 'desktop');
  await cpu(page).locator('canvas').waitFor();
  await spanning(page, hour);
  await chosen(page, 'Year').check();
  await spanning(page, 365 * day);
  await page.getByText('Band: the least and the most.').waitFor();
  await chosen(page, 'Day').focus();
  await page.keyboard.press('Space');
  await spanning(page, day);
  const box = await cpu(page).locator('.u-over').boundingBox();
  if (!box) return test.fail('no chart');
  await page.mouse.move(box.x + box.width * 0.25, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 44, { steps: 5 });
  await page.mouse.up();
  await page.getByRole('button', { name: 'Later' }).waitFor();
  const span = Number(await cpu(page).getAttribute('data-span'));
  test.ok(Math.abs(span - 6 * hour) < 0.5 * hour, `a quarter of a day is seen: ${span / hour} h`);
  test.notOk(await chosen(page, 'Day').isChecked(), 'which is none of the presets');
  await press(page, 'Closer');
  await press(page, 'Earlier');
  await press(page, 'Later');
  await chosen(page, '15 min').check();
  await page.getByRole('button', { name: 'Later' }).waitFor({ state: 'detached' });

  await press(page, 'Change label and place');
  await page.locator('#about-label:focus').waitFor();
  await page.getByLabel('Label').fill('');
  await page.getByLabel('Place').fill('Levin');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Levin' }).waitFor();
  test.match(fleet.boxes.get(hot), { place: 'Levin' });
  test.notOk(fleet.boxes.get(hot)?.label);
  await page.context().close();
});

t.test('charts go by keys, and stand as a table for who cannot see them', { buffered: true }, async (test) => {
  const { url } = await startTown(test);
  const page = await open(`${url}/boxes/${hot}`, 'desktop');
  await cpu(page).locator('canvas').waitFor();
  await chosen(page, 'Day').check();
  await spanning(page, day);
  await page.getByRole('region', { name: 'Charts. Left and right' }).focus();
  await page.keyboard.press('-');
  await spanning(page, 2 * day);
  await page.keyboard.press('+');
  await page.keyboard.press('+');
  await spanning(page, day / 2);
  await page.keyboard.press('ArrowLeft');
  await page.getByRole('button', { name: 'Now' }).waitFor();
  await page.keyboard.press('End');
  await page.getByRole('button', { name: 'Now' }).waitFor({ state: 'detached' });
  await chosen(page, 'Month').check();
  await page.getByRole('button', { name: 'As a table' }).press('Enter');
  const table = page.getByRole('region', { name: 'What the charts show' }).getByRole('table');
  await table.getByRole('columnheader', { name: 'Temperature' }).waitFor();
  await table
    .getByText(/^\d+\s°C \(\d+\s°C to \d+\s°C\)$/)
    .first()
    .waitFor();
  await chosen(page, 'Day').check();
  await table.getByText(/no sample until .*: not connected from/).waitFor();
  const look = looker(test, page, 'desktop', 'town');
  await look('box-table');
  await page.getByRole('button', { name: 'As charts' }).press('Enter');
  await chosen(page, 'Year').check();
  await cpu(page).locator('canvas').waitFor();
  await look('box-year');
  await page.context().close();
});
