/** The page about the network as an owner meets it: real Chromium, phone and desktop, over the real room. */
import t from 'tap';
import { hexOf, openAir } from '../support/air.js';
import { ownFolder } from '../support/folder.js';
import { networkFeature, newClock, openNetworkRoom, pass, tried } from '../support/network-box.js';
import { setupCode, startOwnerConsole } from '../support/owner-console.js';
import { heading, launch, looker, openPage, press, sizes } from '../support/owner-pages.js';
import { setUpOwner } from '../support/owner-session.js';

const browser = await launch(t);
const home = hexOf('Home');

for (const size of ['phone', 'desktop'] as const)
  t.test(`the first Wi-Fi, a wrong password, another Wi-Fi, on the ${size}`, async (t) => {
    const folder = await ownFolder(t);
    const air = openAir(folder);
    air.set({
      stations: [
        { ssid: home, password: 'right password', gives: true },
        { ssid: hexOf('Café ☕ in the street with a long name'.slice(0, 28)), password: undefined, gives: true },
        { ssid: hexOf('Attic'), password: 'attic password', gives: true, hidden: true },
      ],
    });
    const clock = newClock();
    const { room } = await openNetworkRoom(folder, { host: air.host, directory: air.directory, ticks: clock });
    t.teardown(() => room.stop());
    await room.start();
    await pass(clock, 65_000);
    const served = await startOwnerConsole(t, { network: networkFeature(room) });
    const page = await openPage(browser, served.url, sizes[size]);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    const look = looker(t, page, size, 'network');

    await page.getByLabel('Code on the label').fill(setupCode);
    await press(page, 'Continue');
    await heading(page, 'Choose your Wi-Fi.');
    await page.getByText('The box leaves “Webizen-7k3f”').waitFor();
    await look('1-choose');
    await press(page, 'Join this Wi-Fi');
    await page.getByRole('alert').getByText('Choose a Wi-Fi').waitFor();
    await page.getByText('Home').click();
    await press(page, 'Join this Wi-Fi');
    await page.getByRole('alert').getByText('Enter the password of the Wi-Fi').waitFor();
    await page.getByLabel('Password of the Wi-Fi', { exact: true }).fill('wrong password');
    await look('2-password');
    await press(page, 'Join this Wi-Fi');
    await heading(page, 'The box tries “Home”.');
    await look('3-trying');
    await tried(room, clock);
    await heading(page, 'Choose your Wi-Fi.');
    await page.getByText('The Wi-Fi network did not take the password.').waitFor();
    await look('4-wrong');
    await page.getByLabel('Password of the Wi-Fi', { exact: true }).fill('right password');
    await press(page, 'Join this Wi-Fi');
    await heading(page, 'The box tries “Home”.');
    await tried(room, clock);
    t.equal(air.isUp(), home);
    await heading(page, 'Choose a passphrase.');

    // The owner's own page, later.
    const [name = '', value = ''] = (await setUpOwner(served)).split('=');
    await page.context().addCookies([{ name, value, url: served.url }]);
    await page.goto(`${served.url}/settings`);
    await page.getByRole('link', { name: 'The network of the box' }).click();
    await heading(page, 'Your box is on the Wi-Fi “Home”.');
    await look('5-joined');
    await page.getByText('Change the Wi-Fi').click();
    await page.getByText('Another one, which does not show its name').click();
    await page.getByLabel('Name of the Wi-Fi').fill('Attic');
    await page.getByLabel('Password of the Wi-Fi', { exact: true }).fill('attic password');
    await look('6-hidden');
    await press(page, 'Join this Wi-Fi');
    await heading(page, 'The box tries “Attic”.');
    await tried(room, clock);
    await heading(page, 'Your box is on the Wi-Fi “Attic”.');
    air.set({ wired: true });
    await pass(clock, 10_000);
    await heading(page, 'Your box is connected by cable.');
    await look('7-wired');
    await press(page, 'Forget this Wi-Fi');
    await page.getByText('none', { exact: true }).waitFor();
    t.equal(air.isUp(), undefined);
    t.same(complaints, []);
  });
