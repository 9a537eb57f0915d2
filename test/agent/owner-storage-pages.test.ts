/** The page about the storage as an owner meets it: real Chromium, phone and desktop. */
import t from 'tap';
import { plainReasons } from '#contract/volume.js';
import { startOwnerConsole } from '../support/owner-console.js';
import { heading, launch, looker, openPage, press, sizes } from '../support/owner-pages.js';
import { setUpOwner } from '../support/owner-session.js';

const browser = await launch(t);
const key = 'cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-vutrnlkj';

async function opened(served: Awaited<ReturnType<typeof startOwnerConsole>>, size: keyof typeof sizes) {
  const cookie = await setUpOwner(served);
  const page = await openPage(browser, `${served.url}/icon.svg`, sizes[size]);
  const [name = '', value = ''] = cookie.split('=');
  await page.context().addCookies([{ name, value, url: served.url }]);
  return page;
}

for (const size of ['phone', 'desktop'] as const)
  t.test(`the storage key is asked for, shown, written down and forgotten, on the ${size}`, async (test) => {
    const served = await startOwnerConsole(test, { volume: { state: { encrypted: true, opened: 'tpm2' }, key } });
    const page = await opened(served, size);
    const look = looker(test, page, size, 'storage');
    await page.goto(served.url);
    await page.getByText('Write down the key to your storage.').waitFor();
    await page.goto(`${served.url}/settings`);
    await page.getByRole('link', { name: 'whether it is encrypted' }).click();
    await heading(page, 'What is on your box is encrypted.');
    await look('1-waits');

    await press(page, 'Show the key');
    await page.getByText(key).waitFor();
    await look('2-shown');
    await page.getByLabel('Type the last eight letters').fill('vutrnlkv');
    await press(page, 'I have it');
    await page.getByText('This is not the end of the storage key.').waitFor();
    await look('3-mistyped');
    await page.getByLabel('Type the last eight letters').fill('VUTRNLKJ');
    await press(page, 'I have it');
    await page.getByText('You have written it down.').waitFor();
    test.equal(await page.getByText(key).count(), 0, 'it is not on the page any more');
    await look('4-gone');
    await page.goto(`${served.url}/history`);
    await page.getByText('You wrote down the storage key').waitFor();
    await page.context().close();
  });

t.test('why it is not encrypted, and when its key lies beside it', async (test) => {
  for (const because of plainReasons) {
    const served = await startOwnerConsole(test, { volume: { state: { encrypted: false, because } } });
    const page = await opened(served, 'phone');
    await page.goto(`${served.url}/storage`);
    await heading(page, 'What is on your box is not encrypted.');
    test.equal(await page.getByRole('button', { name: 'Show the key' }).count(), 0);
    if (because === 'no-tpm') await looker(test, page, 'phone', 'storage')('5-plain');
    await page.context().close();
  }
  const served = await startOwnerConsole(test, { volume: { state: { encrypted: true, opened: 'key-file' } } });
  const page = await opened(served, 'phone');
  await page.goto(served.url);
  await page.getByText('The key to your storage lies beside it.').waitFor();
  await page.getByRole('link', { name: 'Look at it' }).click();
  await heading(page, /its key lies beside it/);
  await page.context().close();
});
