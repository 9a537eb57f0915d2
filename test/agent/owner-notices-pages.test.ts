/** What apps tell, and what they hold, as the owner meets it: real Chromium, phone and desktop, the keyboard alone. */
import t, { type Test } from 'tap';
import { createAppsDesk, installedOf, manifestOf } from '../support/apps-desk.js';
import { startOwnerConsole } from '../support/owner-console.js';
import { heading, launch, looker, openPage, press, type Size, sizes } from '../support/owner-pages.js';
import { setUpOwner } from '../support/owner-session.js';

const browser = await launch(t);
const hour = 3_600_000;
const visits = 'example.visits';
const hostile = '<img src=x onerror=alert(1)>';

async function start(test: Test, size: Size) {
  const apps = createAppsDesk();
  const served = await startOwnerConsole(test, { apps });
  const cookie = await setUpOwner(served);
  served.fed.elect({ territory: 'au-nsw-1', ownJurisdiction: 'AU-NSW' });
  served.fed.enrolled();
  const page = await openPage(browser, `${served.url}/icon.svg`, sizes[size]);
  const [name = '', value = ''] = cookie.split('=');
  await page.context().addCookies([{ name, value, url: served.url }]);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => complaints.push(dialog.message()));
  const go = (to: string) => page.goto(`${served.url}${to}`);
  return { ...served, apps, page, go, complaints, look: looker(test, page, size, 'notices') };
}

for (const size of ['phone', 'desktop'] as const)
  t.test(`what apps tell is shown as theirs, live, and dismissed, on the ${size}`, async (test) => {
    const { apps, notices, page, go, complaints, look } = await start(test, size);
    const section = page.getByRole('region', { name: 'What your apps tell you' });
    await go('/');
    await heading(page, 'Your box is healthy.');
    test.equal(await section.count(), 0, 'without an app there is nobody who could tell anything');
    apps.put(installedOf());
    await go('/');
    await section.getByText('Nothing just now.').waitFor();
    await look('1-none');

    const say = (title: string, severity: 'info' | 'attention' | 'trouble', text = 'Somebody came to the door.') =>
      notices.add(visits, { title, text, severity });
    await say('A visit', 'info');
    await section.getByText('A visit').waitFor();
    await say(hostile, 'attention', `${hostile}\nthe second line ${'wide'.repeat(40)}`);
    await notices.add('door', { title: 'The door does not answer', text: 'For an hour.', severity: 'trouble' });
    await section.getByText('The door does not answer').waitFor();
    test.match(await section.textContent(), /door says.*Trouble.*Visits says.*Wants your attention.*For you to know/s);
    test.equal(await section.getByRole('img', { name: 'x' }).count(), 0);
    await look('2-some');
    for (let one = 1; one <= 4; one += 1) await say(`Visit ${one}`, 'info');
    await section.getByRole('link', { name: 'All 7' }).click();
    await heading(page, 'Your apps tell you 7 things.');
    await page.getByText('The door does not answer').waitFor();
    await look('3-all');

    await go(`/apps/${visits}`);
    const its = page.getByRole('region', { name: 'What it tells you' });
    await its.getByText('Visit 4').waitFor();
    test.equal(await its.getByText('The door does not answer').count(), 0, 'another app’s words are not here');
    await look('4-app');
    await its.getByRole('button', { name: 'Dismiss: Visit 4' }).focus();
    await page.keyboard.press('Enter');
    await its.getByText('Visit 4').waitFor({ state: 'detached' });
    test.equal(notices.list().length, 6);
    await its.getByRole('button', { name: 'Dismiss all' }).click();
    await its.getByText('A visit').waitFor({ state: 'detached' });
    test.match(notices.list(), [{ app: 'door' }], 'what the other app told stays');
    await go('/notices');
    await heading(page, 'Your apps tell you one thing.');
    await press(page, /^Dismiss/);
    await heading(page, 'Your apps have nothing to tell you.');
    await look('5-over');
    test.same(complaints, []);
  });

for (const size of ['phone', 'desktop'] as const)
  t.test(
    `an update that waits for its app says why, until when, and goes at the owner’s word, on the ${size}`,
    async (test) => {
      const { apps, page, go, complaints, look } = await start(test, size);
      const now = Date.now();
      const lease = (hold: 'update' | 'reboot', reason: string, until: number) => ({
        id: hold === 'update' ? 'a'.repeat(16) : 'b'.repeat(16),
        ...{ hold, reason, takenAt: now, until, secondsLeft: Math.round((until - now) / 1000) },
      });
      const leases = [
        lease('update', `Copies photos ${hostile}`, now + 3 * hour),
        lease('reboot', 'Records', now + 2 * hour),
      ];
      apps.put(installedOf(manifestOf(), { leases }));
      await go(`/apps/${visits}`);
      const holds = page.getByRole('region', { name: 'What waits for it' });
      await holds.getByText('A restart of the box: “Records”').waitFor();
      await look('6-leases');
      apps.put(installedOf(manifestOf(), { leases, held: { version: '1.1.0', since: now, until: now + 3 * hour } }));
      const form = page.getByRole('form', { name: 'The update to 1.1.0 waits for Visits.' });
      await form.getByText('Copies photos').waitFor();
      test.match(await form.textContent(), /in 3.hours/);
      await look('7-held');
      await press(page, 'Update it now');
      await form.waitFor({ state: 'detached' });
      test.match(apps.asked.at(-1), { act: 'updateNow', what: visits, signed: true });
      test.same(complaints, []);
    },
  );
