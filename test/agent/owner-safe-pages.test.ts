/** The first page in safe mode, in real Chromium: what went wrong, and the owner's ways out. */
import t from 'tap';
import type { SafeView } from '#contract/safe.js';
import { createAppsDesk } from '../support/apps-desk.js';
import { startOwnerConsole } from '../support/owner-console.js';
import { heading, launch, looker, openPage, press, sizes } from '../support/owner-pages.js';
import { askOwner, setUpOwner } from '../support/owner-session.js';

const browser = await launch(t);

for (const size of ['phone', 'desktop'] as const)
  t.test(`what was crashing, and what can be done, on the ${size}`, async (test) => {
    const apps = createAppsDesk();
    let view: SafeView | undefined = {
      ...{ reason: 'crashes', count: 5, since: Date.now(), triesAt: Date.now() + 1_800_000 },
      fault: { end: 'error', error: 'RangeError: offset is out of bounds', app: 'pantry' },
    };
    const served = await startOwnerConsole(test, {
      apps,
      safe: {
        view: () => view,
        leave() {
          view = undefined;
          served.announce();
        },
      },
    });
    const cookie = await setUpOwner(served);
    const page = await openPage(browser, `${served.url}/icon.svg`, sizes[size]);
    const [name = '', value = ''] = cookie.split('=');
    await page.context().addCookies([{ name, value, url: served.url }]);
    const look = looker(test, page, size, 'safe-home');

    await page.goto(served.url);
    await heading(page, 'Your box runs in safe mode, without apps.');
    await page.getByText('RangeError: offset is out of bounds').waitFor();
    await page.getByText('pantry').first().waitFor();
    await look('1-safe');
    await press(page, 'Try again as usual');
    await page
      .getByRole('heading', { level: 1, name: 'Your box runs in safe mode, without apps.' })
      .waitFor({ state: 'detached' });
    test.equal((await askOwner(served.port, '/v1/safe/leave', { method: 'POST' })).status, 401, 'nobody else may');
  });
