/** Payment providers tell of payments: signed, in time, once each, and never with the number of a card. */
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import path from 'node:path';
import fastify from 'fastify';
import t, { type Test } from 'tap';
import { answerProblems } from '#common/http-problems.js';
import { longestSkewSeconds, signBody } from '#common/signed-body.js';
import { signatureHeader } from '#contract/alerts.js';
import { check } from '#contract/parse.js';
import { referenceOf } from '#contract/payment-reference.js';
import { PaymentTaken, toldPath } from '#contract/payments.js';
import type { ProblemCode } from '#contract/problems.js';
import { createAttempts } from '../../provisioning/est/attempts.js';
import { declarePaymentRoutes } from '../../provisioning/payments/routes.js';
import { ownFolder } from '../support/folder.js';
import { openPaymentsDesk } from '../support/payments-desk.js';
import { askCommand, testProvider } from '../support/provider.js';

const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });
const all = { limit: 100 };
const told = {
  ...{ id: 'pay_1', reference: referenceOf('1'), amount: '10.00', currency: 'EUR', day: '2026-12-03' },
};

async function served(t: Test) {
  const desk = await openPaymentsDesk(await ownFolder(t));
  t.teardown(() => desk.store.close());
  const [invoice] = await desk.bill(['10.00', '20.00']);
  const { secret } = await desk.hooks.create('acme-pay');
  const app = fastify();
  t.teardown(() => app.close());
  answerProblems(app);
  declarePaymentRoutes(app, { hooks: desk.hooks, attempts: createAttempts({ clock: desk.clock, most: 12 }) });
  /** What is answered: the payment's id, or the code of the refusal. */
  async function post(body: unknown, more: { secret?: string; at?: number; hook?: string; header?: string } = {}) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const seconds = Math.floor((more.at ?? desk.clock.now()) / 1000);
    const signature = more.header ?? signBody(more.secret ?? secret, seconds, text);
    const reply = await app.inject({
      ...{ method: 'POST', url: `${toldPath}/${more.hook ?? 'acme-pay'}`, payload: text },
      headers: { 'content-type': 'application/json', [signatureHeader]: signature },
    });
    const answer = reply.json();
    return check(PaymentTaken, answer).ok ? answer.payment : answer.code;
  }
  return { ...desk, invoice: invoice!, secret, post, app };
}

t.test('what is told is booked once, however often it is told', async (t) => {
  const desk = await served(t);
  const id = await desk.post(told);
  t.equal(id, 'payment-000000000001');
  t.equal(await desk.post(told), id, 'told again it is the same');
  desk.clock.advance(3_600_000);
  t.equal(await desk.post(told), id, 'also an hour later, signed anew');
  t.equal(await desk.post({ ...told, amount: '20.00' }), 'told-differing');
  t.strictSame(
    await Promise.all(
      Array.from({ length: 5 }, () => desk.post({ ...told, id: 'pay_2', reference: referenceOf('2') })),
    ),
    Array.from({ length: 5 }, () => 'payment-000000000002'),
  );
  t.match(await desk.payments.invoices(all), [{ state: 'paid' }, { state: 'partly-paid', paid: '10.00' }]);
  t.match(await desk.post({ ...told, id: 'pay_3', reference: referenceOf('77') }), /^payment/);
  t.match(await desk.post({ ...told, id: 'pay_4', reference: 'RF00000000000001' }), /^payment/);
  t.match(
    await desk.payments.unmatched(all),
    [{ fault: 'reference-unknown' }, { fault: 'reference-mistyped', source: 'hook:acme-pay' }],
    'what came in is kept, whatever it names',
  );
  t.match(await desk.payments.sums(), [{ cameIn: '40.00', booked: '20.00', unmatched: '20.00' }]);
});

t.test('what is forged, replayed late, altered or for another hook counts for nothing', async (t) => {
  const desk = await served(t);
  const { secret: other } = await desk.hooks.create('other');
  const now = desk.clock.now();
  const seconds = Math.floor(now / 1000);
  const good = signBody(desk.secret, seconds, JSON.stringify(told));
  t.equal(await desk.post(told, { secret: 'guessed' }), 'told-forged');
  t.equal(await desk.post(told, { secret: other }), 'told-forged', 'by the secret of another hook');
  t.equal(await desk.post(told, { hook: 'nobody' }), 'told-forged', 'and nobody learns which hooks there are');
  t.equal(await desk.post({ ...told, amount: '10000.00' }, { header: good }), 'told-forged', 'another body');
  t.equal(await desk.post(told, { header: good.replace(`t=${seconds}`, `t=${seconds + 1}`) }), 'told-forged');
  for (const header of ['', 't=,v1=', 'v1=00', good.slice(0, -1), `${good}0`])
    t.equal(await desk.post(told, { header }), 'told-forged', header);
  t.equal(await desk.post(told, { at: now - (longestSkewSeconds + 1) * 1000 }), 'told-forged', 'sent again too late');
  t.equal(await desk.post(told, { at: now + (longestSkewSeconds + 1) * 1000 }), 'told-forged');
  t.equal(await desk.post(told), 'too-many-attempts', 'who guesses is slowed down');
  desk.clock.advance(61_000);
  t.equal(await desk.post(told), 'payment-000000000001');
  t.match(await desk.payments.sums(), [{ cameIn: '10.00' }]);
});

t.test('a body with the number of a card is refused, and nothing of it is kept', async (t) => {
  const desk = await served(t);
  for (const body of [
    { ...told, id: '4111111111111111' },
    { ...told, card: '4111 1111 1111 1111' },
    { ...told, card: { pan: 4111111111111111 } },
    JSON.stringify({ ...told, card: '4111111111111111' }).replace('4111', '\\u0034111'),
  ])
    t.equal(await desk.post(body), 'card-number');
  t.equal(await desk.post('{'), 'body-invalid');
  t.equal(await desk.post({ ...told, more: 1 }), 'body-invalid');
  for (const amount of ['1e3', '10', '10.5', '0.00', '1.000,00', 10])
    t.equal(await desk.post({ ...told, amount }), 'body-invalid', String(amount));
  t.equal(await desk.post({ ...told, id: 'x'.repeat(20_000) }), 'body-too-large');
  t.strictSame(await desk.store.payments.keys().all(), []);
});

t.test('hooks have names of their own, a bound, and an end', async (t) => {
  const desk = await served(t);
  await t.rejects(desk.hooks.create('acme-pay'), refuses('hook-exists'));
  for (let count = 1; count < 20; count += 1) await desk.hooks.create(`hook-${count}`);
  await t.rejects(desk.hooks.create('more'), refuses('hooks-too-many'));
  t.equal((await desk.hooks.list()).length, 20);
  t.notMatch(JSON.stringify(await desk.hooks.list()), desk.secret, 'a secret is told once');
  await desk.hooks.remove('acme-pay');
  await t.rejects(desk.hooks.remove('acme-pay'), refuses('hook-unknown'));
  t.equal(await desk.post(told), 'told-forged');
});

t.test('the territory’s server takes it, at the address where members call', async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  t.teardown(() => provider.stop());
  const made = await askCommand('webizen-provider', ['payment', 'hook', 'acme', '--dir', provider.directory]);
  t.equal(made.status, 0, made.stderr);
  const ca = await readFile(path.join(provider.directory, 'ca/root.crt'), 'utf8');
  const body = JSON.stringify(told);
  const headers = {
    'content-type': 'application/json',
    [signatureHeader]: signBody(made.stdout.trim(), Math.floor(Date.now() / 1000), body),
  };
  const { hostname, port } = new URL(provider.est);
  const answer = await new Promise<string>((resolve, reject) => {
    const call = request(
      { hostname, port, path: `${toldPath}/acme`, method: 'POST', headers, ca, agent: false },
      (reply) => {
        let text = '';
        reply.setEncoding('utf8');
        reply.on('data', (part: string) => {
          text += part;
        });
        reply.on('end', () => resolve(text));
      },
    );
    call.once('error', reject);
    call.end(body);
  });
  t.strictSame(JSON.parse(answer), { payment: 'payment-000000000001' });
  const list = await askCommand('webizen-provider', ['payment', 'unmatched', '--json', '--dir', provider.directory]);
  t.match(JSON.parse(list.stdout), [{ source: 'hook:acme', fault: 'reference-unknown', amount: '10.00' }]);
  const log = await askCommand('webizen-provider', ['audit', 'list', '--json', '--dir', provider.directory]);
  t.match(log.stdout, 'payment.hook.add');
  t.notMatch(log.stdout, made.stdout.trim(), 'the log of acts keeps no secret');
});
