/** Alerts by e-mail: a real SMTP server on the other side, the clock moved by hand. */
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import type { NewAlertMail } from '#contract/alert-mail.js';
import type { AlertDelivery } from '#contract/alerts.js';
import { digestOf } from '../../provisioning/alerts/digest.js';
import { mostInMail } from '../../provisioning/alerts/mail.js';
import { openWatch } from '../support/alert-watch.js';
import { secret, startConsole } from '../support/console.js';
import { ownFolder } from '../support/folder.js';
import { startMailServer } from '../support/mail-server.js';
import { heading, launch, looker, openPage, press, sizes } from '../support/owner-pages.js';
import { randomFrom, seed } from '../support/random.js';

const minute = 60_000;
const hour = 60 * minute;
const disk = { kind: 'disk-filling', severity: 'trouble', since: 0, evidence: 'full in about 9 days' } as const;
const settings = (port: number): NewAlertMail => ({
  ...{ host: '127.0.0.1', port, security: 'none', from: 'boxes@network.example', to: ['on-call@network.example'] },
  everySeconds: 300,
});
const idsOf = (headers: Map<string, string>): string[] => headers.get('webizen-deliveries')?.split(' ') ?? [];

t.test('a storm of two thousand boxes is one mail, and what ends is told in the next', async (test) => {
  const server = await startMailServer(test);
  const watch = await openWatch(test);
  await watch.mail.set(settings(server.port));
  await watch.settings.createRule({
    ...{ name: 'Full in Sydney', severity: 'attention', when: { kind: 'condition' }, enabled: true },
    ...{ forSeconds: 0, clearSeconds: 0, scope: { place: 'Sydney' } },
  });
  const name = (n: number) => `box-${String(n).padStart(12, '0')}`;
  for (let n = 0; n < 2000; n += 1)
    watch.set(name(n), { conditions: [disk], label: `Flat ${n}\r\nBcc: all@example`, place: n < 500 ? 'Sydney' : '' });
  await watch.after(10_000);
  await watch.after(40_000);
  test.equal(watch.mail.view()?.waiting, 2, 'two rules are told');
  watch.clock.advance(20_000);
  await server.until(() => server.mails.length > 0);
  const [mail] = server.mails;
  test.match(mail, { from: 'boxes@network.example', to: ['on-call@network.example'] });
  test.equal(mail?.headers.get('subject'), '[test] 2 rules fire: 2,500 boxes, Trouble on a box and others');
  test.match(
    mail?.text,
    /Trouble on a box \(trouble\)\nfires for 2,000 boxes:\n {2}box-000000000000, Flat 0 Bcc: all@ex/,
  );
  test.match(mail?.text, /and 1,980 more[\s\S]*Full in Sydney \(attention\)\nfires for 500 boxes:/);
  test.ok((mail?.text.length ?? 0) < 10_000, 'it can be read');
  await watch.until(() => watch.mail.view()?.waiting === 0);

  for (let n = 0; n < 2000; n += 1) watch.set(name(n), { conditions: [] });
  await watch.after(hour);
  await watch.after(6 * minute);
  await watch.after(6 * minute);
  const ended = /Trouble on a box \(trouble\)\nover for ([\d,]+) box/;
  // A look that was under way may have seen half of them: then they are told in two mails.
  await watch.until(() => {
    const counts = server.mails.slice(1).map(({ text }) => Number(ended.exec(text)?.[1]?.replace(',', '') ?? 0));
    return counts.reduce((sum, count) => sum + count, 0) >= 2000;
  });
  test.match(server.mails.at(-1)?.headers.get('subject'), '[test] over: Trouble on a box');
  test.match(server.mails.at(-1)?.text, /Nothing fires of it now/);
  test.ok(server.mails.length <= 4, `${server.mails.length} mails in all`);
  await watch.close();
});

t.test('there is at most one mail in the time that is set, and a rule can be left out', async (test) => {
  const server = await startMailServer(test);
  const watch = await openWatch(test);
  await watch.mail.set({ ...settings(server.port), everySeconds: 3600 });
  const tell = async (n: number) => {
    const { operations, queued } = watch.mail.compose(delivery(n));
    await watch.store.commit(operations);
    queued();
  };
  await tell(1);
  await watch.clock.sleeping();
  watch.clock.advance(15_000);
  await server.until(() => server.mails.length === 1);
  await watch.until(() => watch.mail.view()?.waiting === 0);
  const first = watch.mail.view()?.lastAt ?? 0;
  await tell(2);
  await tell(3);
  await watch.until(() => server.mails.length === 2);
  await watch.until(() => watch.mail.view()?.waiting === 0);
  test.ok((watch.mail.view()?.lastAt ?? 0) - first >= 3_600_000);
  test.equal(idsOf(server.mails[1]!.headers).length, 2, 'both in one');

  const trouble = watch.settings.rules().get('trouble')!;
  const { id: _, changedAt: __, ...wish } = trouble;
  await watch.settings.setRule('trouble', { ...wish, mail: false });
  watch.set('box-000000000001', { conditions: [disk] });
  await watch.after(10_000);
  await watch.after(40_000);
  test.equal(watch.firing('trouble'), 1);
  test.equal(watch.mail.view()?.waiting, 0);
  await watch.close();
});

t.test('with TLS and a password; neither goes anywhere else', async (test) => {
  const directory = await ownFolder(test);
  const [key, cert] = [path.join(directory, 'key.pem'), path.join(directory, 'cert.pem')];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
    ],
    { stdio: 'ignore' },
  );
  const pem = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
  const server = await startMailServer(test, { ...pem, password: 'correct horse' });
  const watch = await openWatch(test);
  const wish: NewAlertMail = {
    ...settings(server.port),
    ...{ security: 'starttls', user: 'boxes', password: 'correct horse', ca: pem.cert },
  };
  test.match(await watch.mail.set(wish), { hasPassword: true, user: 'boxes' });
  test.notMatch(JSON.stringify(watch.mail.view()), 'correct horse', 'it is never shown');
  await watch.mail.test();
  test.match(server.mails[0], { user: 'boxes', secure: true });
  const { password: _, ...without } = wish;
  await watch.mail.set({ ...without, everySeconds: 600 });
  await watch.mail.test();
  test.equal(server.mails.length, 2, 'a password that is not said stays');
  await test.rejects(watch.mail.set({ ...without, host: 'elsewhere.example' }), { code: 'mail-password-missing' });
  await test.rejects(watch.mail.set({ ...without, security: 'none' }), { code: 'mail-password-missing' });
  await test.rejects(watch.mail.set({ ...settings(25), host: 'mail.example' }), { code: 'mail-insecure' });
  await watch.mail.set({ ...wish, password: 'wrong' });
  await test.rejects(watch.mail.test(), { code: 'mail-failed' });
  const { ca: __, ...unknown } = wish;
  await watch.mail.set(unknown);
  await test.rejects(watch.mail.test(), { code: 'mail-failed' }, 'a server that is not known gets no password');
  await watch.mail.remove();
  test.equal(watch.mail.view(), null);
  await test.rejects(watch.mail.test(), { code: 'mail-missing' });
  await test.rejects(watch.mail.remove(), { code: 'mail-missing' });
  await watch.close();
});

const nothing = { count: 0, boxes: [] };
function delivery(n: number, change: Partial<AlertDelivery> = {}): AlertDelivery {
  return {
    ...{ id: String(n).padStart(32, '0'), at: Date.UTC(2026, 10, 1), kind: 'alert', territory: 'test' },
    ...{ firing: nothing, resolved: nothing, stillFiring: n },
    rule: { id: 'trouble', name: 'Trouble', severity: 'trouble' },
    ...change,
  };
}

t.test('a server that takes nothing is tried again; what waits is bounded and survives a restart', async (test) => {
  const server = await startMailServer(test);
  const watch = await openWatch(test);
  server.refuse(2);
  await watch.mail.set(settings(server.port));
  const tell = async (n: number) => {
    const { operations, queued } = watch.mail.compose(delivery(n, { at: watch.clock.now() }));
    await watch.store.commit(operations);
    queued();
  };
  for (let n = 0; n < mostInMail + 5; n += 1) await tell(n);
  test.equal(watch.mail.view()?.waiting, mostInMail);
  test.equal(watch.told.filter(({ type }) => type === 'alert-undelivered').length, 5, 'which is told');
  await watch.clock.sleeping();
  watch.clock.advance(15_000);
  await server.until(() => server.refusing() === 1);
  await watch.clock.sleeping();
  while (!watch.mail.view()?.failing) await new Promise((resolve) => setImmediate(resolve));
  test.match(watch.mail.view()?.failing?.why, /not now/);
  await watch.close();
  const again = await openWatch(test, watch);
  test.equal(again.mail.view()?.waiting, mostInMail);
  await again.until(() => server.mails.length > 0);
  test.equal(idsOf(server.mails[0]!.headers).length, mostInMail);
  await again.until(() => again.mail.view()?.waiting === 0);
  await again.close();
});

t.test('what cannot be sent for a day is given up, and said', async (test) => {
  const server = await startMailServer(test);
  const watch = await openWatch(test);
  server.refuse(100_000);
  await watch.mail.set(settings(server.port));
  const { operations, queued } = watch.mail.compose(delivery(1, { at: watch.clock.now() }));
  await watch.store.commit(operations);
  queued();
  await watch.until(() => watch.mail.view()?.waiting === 0);
  test.match(watch.mail.view(), { givenUp: 1 });
  test.match(watch.told.find(({ type }) => type === 'alert-undelivered')?.text, /not now/);
  await watch.close();
});

t.test('whatever boxes and owners write, a mail stays a mail', async (test) => {
  const text = fc.string({ unit: 'binary', maxLength: 300 });
  const told = fc
    .array(
      fc.record({ box: fc.constant('box-000000000001'), label: text, place: text, since: fc.nat(), evidence: text }),
      { maxLength: 20 },
    )
    .map((boxes) => ({ count: boxes.length + 3, boxes }));
  const one = fc.record({ firing: told, resolved: told, name: text });
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 5 }), (list) => {
      const deliveries = list.map(({ name, ...rest }, n) =>
        delivery(n, { ...rest, rule: { id: `r${n % 3}`, name, severity: 'trouble' } }),
      );
      const { subject, text: body } = digestOf('test', deliveries);
      const named = body.split('\n').filter((line) => line.startsWith('  box-')).length;
      return !/[\p{Cc}]/u.test(subject) && subject.length <= 200 && named <= 2 * 20 * 3 && !/[^\P{Cc}\n]/u.test(body);
    }),
  );
  test.pass();
});

t.test('through SIGKILL: each box is told, and what is told twice has the same id', async (test) => {
  console.log(`# seed ${seed}`);
  const random = randomFrom(seed);
  const server = await startMailServer(test);
  const directory = await ownFolder(test);
  const boxes = 20;
  const base = Date.now();
  const child = path.join(import.meta.dirname, '../support/alerts-child.js');
  const start = async () => {
    const process = fork(child, [directory, '', String(base), String(boxes), String(server.port)], {
      stdio: 'inherit',
    });
    await once(process, 'message');
    return process;
  };
  for (let kill = 0; kill < 4; kill += 1) {
    const process = await start();
    await delay(random() * 1200);
    process.kill('SIGKILL');
    await once(process, 'exit');
  }
  const last = await start();
  const told = () => new Set(server.mails.flatMap(({ text }) => text.match(/box-\d{4}/g) ?? []));
  await server.until(() => told().size >= boxes);
  last.kill('SIGKILL');
  await once(last, 'exit');
  const words = new Map<string, string>();
  for (const { headers, text } of server.mails) {
    const id = headers.get('message-id') ?? '';
    test.ok((words.get(id) ?? text) === text, 'the same id, the same words');
    words.set(id, text);
  }
  test.equal(told().size, boxes);
});

t.test('an admin sets it up in the console, tries it and takes it away', { buffered: true }, async (test) => {
  const browser = await launch(test);
  const server = await startMailServer(test);
  const { url, alerts } = await startConsole(test);
  for (const size of ['phone', 'desktop'] as const) {
    const page = await openPage(browser, url, sizes[size]);
    const look = looker(test, page, size, 'alert-mail');
    await page.getByLabel('Operator secret').fill(secret);
    await press(page, 'Sign in');
    await page.getByRole('navigation').getByRole('link', { name: 'Alerts' }).click();
    await heading(page, 'Nothing fires.');
    await press(page, 'Send mail');
    const form = page.getByRole('form', { name: 'Alerts by e-mail' });
    await form.getByLabel('Mail server').fill('mail.example');
    await form.getByLabel('Port').fill(String(server.port));
    await form.getByLabel('Security').selectOption('none');
    await form.getByLabel('From').fill('boxes@network.example');
    await form.getByLabel('To', { exact: true }).fill('on-call@network.example, jo@network.example');
    await form.getByRole('button', { name: 'Save' }).click();
    await page.getByText('mail-insecure').waitFor();
    await look('1-form');
    await form.getByLabel('Mail server').fill('localhost');
    await form.getByLabel('Mail server').press('Enter');
    await page.getByText('through localhost:').waitFor();
    await press(page, 'Send a test mail');
    await page.getByText('The server took it.').waitFor();
    test.same(server.mails.at(-1)?.to, ['on-call@network.example', 'jo@network.example']);
    await look('2-set');
    await press(page, 'Remove the mail settings');
    await press(page, 'Remove for good');
    await page.getByText('No mail is sent.').waitFor();
    test.equal(alerts.mail.view(), null);
    await page.context().close();
  }
});
