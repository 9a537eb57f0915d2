/** What an operator asks of a box in the console, in real Chromium: phone and desktop, by keyboard. */
import t from 'tap';
import { boxRecord } from '../support/command-desk.js';
import { boxOf, secret, startConsole } from '../support/console.js';
import { heading, launch, looker, openPage, press, sizes } from '../support/owner-pages.js';

const browser = await launch(t);
const box = 'box-8f3kq0vz7ahm';

for (const size of ['phone', 'desktop'] as const)
  t.test(`a box is asked, answers, and is looked at live, on the ${size}`, async (test) => {
    const { store, desk, fleet, events, url } = await startConsole(test);
    fleet.boxes.set(box, boxOf(box, Date.now()));
    await store.commit([{ type: 'put', sublevel: store.boxes, key: box, value: boxRecord }]);
    const page = await openPage(browser, `${url}/boxes/${box}`, sizes[size]);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.getByLabel('Secret').fill(secret);
    await press(page, 'Sign in');
    await heading(page, /online|healthy|box-8f3kq0vz7ahm/i);
    const look = looker(test, page, size, 'commands');
    await page.getByText('Nothing was asked of this box yet.').waitFor();

    await page.getByLabel('Ask the box to').selectOption('live');
    await page.getByLabel('For how many seconds').fill('900');
    await press(page, 'Ask');
    await page.getByText('command-parameters').waitFor();
    await page.getByLabel('For how many seconds').fill('30');
    await page.getByRole('button', { name: 'Ask', exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('waits for the box').waitFor();
    const [asked] = (await desk.list(box)).commands;
    test.match(asked, { kind: 'live', parameters: { seconds: 30 }, by: 'admin', state: 'pending' });

    await desk.answered(box, {
      command: asked!.id,
      outcome: 'done',
      text: 'samples are sent each second',
      at: Date.now(),
    });
    await page.getByText('samples are sent each second').first().waitFor();
    events.announce({
      type: 'live',
      box,
      text: 'live',
      values: { 'system.cpu.utilization': 0.25, 'hw.temperature': 51 },
    });
    await page.getByText('51 °C').waitFor();
    await look('1-live');

    await page.getByLabel('Ask the box to').selectOption('reboot');
    await press(page, 'Ask');
    await page.getByText('waits for the box').waitFor();
    const [reboot] = (await desk.list(box)).commands;
    await desk.answered(box, {
      command: reboot!.id,
      outcome: 'waits-for-owner',
      text: 'the owner is asked',
      at: Date.now(),
    });
    await page.getByText('waits for its owner').waitFor();
    await look('2-asked');
    test.same(complaints, []);
  });
