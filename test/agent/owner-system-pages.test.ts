/** The page about the system as an owner meets it: real Chromium, phone and desktop, over a real room with a machine in a file. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { ownFolder } from '../support/folder.js';
import { osBox, osCatalogue } from '../support/os-box.js';
import { someRelease, testBundle, testPublisher } from '../support/os-release.js';
import { startOwnerConsole } from '../support/owner-console.js';
import { heading, launch, looker, openPage, press, sizes } from '../support/owner-pages.js';
import { askOwner, setUpOwner } from '../support/owner-session.js';
import { machineIn, newMachine, start } from '../support/two-slots.js';

const browser = await launch(t);

for (const size of ['phone', 'desktop'] as const)
  t.test(`what runs, what comes and why, and the owner's say, on the ${size}`, async (test) => {
    const folder = path.join(await ownFolder(test), 'box');
    await mkdir(folder);
    newMachine(folder);
    const publisher = await testPublisher();
    const { now, source } = osCatalogue();
    let restart = (): void => {};
    const restarts = new Promise<void>((resolve) => {
      restart = resolve;
    });
    const open = () => osBox({ folder, source, keys: publisher.keys, reboot: () => restart() });
    let box = await open();
    test.teardown(() => box.close());
    // The console outlives the agent's restart here; on a box it is started anew with it.
    let moved = (): void => {};
    const served = await startOwnerConsole(test, {
      system: {
        view: () => box.updates.owner.view(),
        set: (settings, signer) => box.updates.owner.set(settings, signer),
        hold: (days, signer) => box.updates.owner.hold(days, signer),
        now: (version, signer) => box.updates.owner.now(version, signer),
        onChange(listener) {
          let end = box.updates.owner.onChange(listener);
          moved = () => {
            end = box.updates.owner.onChange(listener);
            listener();
          };
          return () => end();
        },
      },
    });
    const cookie = await setUpOwner(served);
    const page = await openPage(browser, `${served.url}/icon.svg`, sizes[size]);
    const [name = '', value = ''] = cookie.split('=');
    await page.context().addCookies([{ name, value, url: served.url }]);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    const look = looker(test, page, size, 'system');
    const select = async (version: string, more: Parameters<typeof someRelease>[0] = {}) => {
      const { bytes, bundle } = testBundle(version);
      now.bytes = bytes;
      now.selection = { release: await publisher.sign(someRelease({ version, bundle, ...more })), notBefore: null };
      await box.updates.ask();
    };

    await page.goto(`${served.url}/settings`);
    await page.getByRole('link', { name: 'The system of the box' }).click();
    await heading(page, 'Your box is up to date.');
    await page.getByText('1.0.0').waitFor();
    await look('1-current');

    await page.getByLabel('What goes ahead by itself').selectOption('security');
    await page.getByLabel('When the box may restart').selectOption({ index: 2 });
    await press(page, 'Save');
    await page.getByText('Saved.').waitFor();
    const { settings } = box.updates.owner.view();
    test.match(settings, { automatic: 'security', window: { minutes: 240 } });

    await select('1.1.0', { notes: { en: 'Printers are found again.' } });
    await heading(page, 'An update waits for your yes.');
    await page.getByText('You want to be asked first.').waitFor();
    await look('2-asks');
    await page.goto(served.url);
    await page.getByText('An update waits for your yes.').waitFor();
    await page.getByRole('link', { name: 'Look at it' }).click();
    await press(page, 'Put updates off for a week');
    await page.getByText('You have put updates off.').waitFor();
    await press(page, 'Let updates go ahead again');
    await page.getByText('You want to be asked first.').waitFor();
    await press(page, 'Update now');
    await restarts;
    await page.getByText('The box restarts.').waitFor();
    await box.close();
    start(folder);
    box = await open();
    moved();
    await heading(page, 'Your box is up to date.');
    await page.getByText('Version 1.1.0 is in place.').waitFor();

    now.bytes = Buffer.from('{"compatible":"webizen-other","version":"1.2.0","behaviour":{}}\n');
    const { createHash } = await import('node:crypto');
    const bundle = { sha256: createHash('sha256').update(now.bytes).digest('hex'), size: now.bytes.length };
    const release = someRelease({ version: '1.2.0', bundle, security: true });
    now.selection = { release: await publisher.sign(release), notBefore: null };
    await box.updates.ask();
    await heading(page, 'The last update did not work, and your box runs as before.');
    await page.getByText('Version 1.2.0 could not be put in place.').waitFor();
    await look('3-failed');
    await page.goto(`${served.url}/`);
    await page.getByText('The update to 1.2.0 did not work.').waitFor();
    test.same(complaints, []);
    test.equal(machineIn(folder).slots[machineIn(folder).booted].version, '1.1.0');
    test.equal((await fetch(`${served.url}/v1/system`)).status, 401, 'nobody else reads it');
    test.match((await askOwner(served.port, '/v1/system', { cookie })).json, { version: '1.1.0' });
  });
