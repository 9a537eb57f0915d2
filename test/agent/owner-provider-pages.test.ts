/** The page about the provider as an owner meets it: real Chromium, phone and desktop, by keyboard, over a real room. */
import t from 'tap';
import type { ProviderView } from '#contract/owner-commands.js';
import type { Birth, Reported } from '#contract/status.js';
import { birthAs, reportedAs } from '../../agent/commands/reporting.js';
import { commandBox } from '../support/command-box.js';
import { ownFolder } from '../support/folder.js';
import { startOwnerConsole } from '../support/owner-console.js';
import { heading, launch, looker, openPage, press, sizes } from '../support/owner-pages.js';
import { askOwner, setUpOwner } from '../support/owner-session.js';

const browser = await launch(t);
const now = Date.now();
const birth: Birth = {
  ...{ kind: 'birth', session: '0'.repeat(16), epoch: 'e'.repeat(16), lastSequence: 7, at: now },
  ...{ agent: '0.2.0', api: '1.0' },
};
const reported: Reported = {
  ...{ at: now, agent: '0.2.0' },
  apps: [{ id: 'example.visits', state: 'running', sandbox: 'podman', restarts: 0 }],
  conditions: [{ kind: 'hot', severity: 'attention', since: now, evidence: '75 °C' }],
};
const sample = {
  ...{ seq: 7, at: now },
  values: {
    'system.cpu.utilization': 0.07,
    'system.memory.usage': 123_456_789,
    'system.uptime': 90_000,
    'hw.temperature': 48,
  },
};

const events: ProviderView['events'] = [
  {
    event: {
      ...{ seq: 3, at: Date.now() - 60_000, type: 'boot-unexpected', severity: 'attention' },
      facts: { reason: 'power cut or crash', lostSamples: 4 },
    },
    told: false,
  },
  {
    event: { seq: 2, at: Date.now() - 3_600_000, type: 'app-updated', severity: 'info', facts: { app: 'org.example' } },
    told: true,
  },
  {
    event: { seq: 1, at: 1, clock: 'unknown', type: 'agent-crashed', severity: 'attention', count: 7, facts: {} },
    told: true,
  },
];

for (const size of ['phone', 'desktop'] as const)
  t.test(`what is told and asked, and the owner's say, on the ${size}`, async (test) => {
    const made = await commandBox({ folder: await ownFolder(test) });
    test.teardown(() => made.close());
    await made.room.start();
    made.connect();
    const { owner } = made.room;
    const served = await startOwnerConsole(test, {
      provider: {
        ...{
          allow: owner.allow,
          decline: owner.decline,
          rule: owner.rule,
          report: owner.report,
          onChange: owner.onChange,
        },
        waiting: () => owner.asked().filter(({ waits }) => waits !== null).length,
        view: async (): Promise<ProviderView> => {
          const { rules, reporting } = owner.settings();
          return {
            ...{ rules, reporting, asked: owner.asked(), liveUntil: owner.liveUntil() },
            ...{ birth: birthAs(reporting, birth), reported: reportedAs(reporting, reported) },
            sample: reporting === 'minimum' ? null : sample,
            events,
            intervals: { sampleSeconds: 60, batchSeconds: 300, byProvider: false },
          };
        },
      },
    });
    const cookie = await setUpOwner(served);
    const page = await openPage(browser, `${served.url}/icon.svg`, sizes[size]);
    const [name = '', value = ''] = cookie.split('=');
    await page.context().addCookies([{ name, value, url: served.url }]);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    const look = looker(test, page, size, 'provider');

    await page.goto(served.url);
    await page.getByRole('link', { name: 'What the provider is told' }).click();
    await heading(page, 'Your provider asks nothing of you.');
    await page.getByText('each minute').waitFor();
    await page.getByText('123 MB').waitFor();
    await page.getByText('The figures, as they are sent').click();
    await page.getByText('"system.cpu.utilization": 0.07').waitFor();
    await page.getByText('The machine started after a power cut or a crash').waitFor();
    await page.getByText('not told yet').waitFor();
    await page.getByText('7 times').waitFor();
    await page.getByText('All that it may hear').click();
    await page.getByText('that its certificate was renewed').waitFor();
    await look('1-told');

    const asked = made.command('reboot', { by: 'Ana \u202e of the desk', issuedAt: now, expiresAt: now + 3_600_000 });
    made.clock.advance(now - made.clock.now());
    await made.hear(asked);
    await heading(page, 'Your provider waits for your answer.');
    await page.getByText('Restart the box').first().waitFor();
    await look('2-asked');
    await page.goto(served.url);
    await page.getByText('Your provider asks something of your box.').waitFor();
    await page.getByRole('link', { name: 'Look at it' }).click();
    await page.getByRole('button', { name: 'No: Restart the box' }).focus();
    await page.keyboard.press('Enter');
    await heading(page, 'Your provider asks nothing of you.');
    test.match(await made.answer(asked.id), { outcome: 'refused', code: 'command-declined' });

    const again = made.command('diagnostics', { issuedAt: now, expiresAt: now + 3_600_000 });
    await made.hear(again);
    await press(page, 'Yes, do it: Send what helps to find a fault');
    await heading(page, 'Your provider asks nothing of you.');
    test.match(await made.answer(again.id), { outcome: 'done' });

    await page.getByLabel('Tell it only the minimum').click();
    await page.getByText('No figures are sent.').waitFor();
    await page.getByText('All that it may hear').click();
    await page.getByText('which app was updated (not told, as you chose)').waitFor();
    test.equal(owner.settings().reporting, 'minimum');
    await page.getByLabel('Make a new key').click();
    await page.locator('#rule-rotate-key:checked').waitFor();
    test.equal(owner.settings().rules['rotate-key'], 'ask');
    await look('3-minimum');
    test.same(complaints, []);
    const stranger = await fetch(`${served.url}/v1/provider`);
    test.equal(stranger.status, 401, 'nobody else reads it');
    test.match((await askOwner(served.port, '/v1/provider', { cookie })).json, { reporting: 'minimum' });
  });
