/** The published description of the operator's API, held against what runs. */
import t from 'tap';
import { check, describeFaults } from '#contract/parse.js';
import { recordOf } from '../support/accounts-desk.js';
import { boxOf, secret, startConsole } from '../support/console.js';
import { startMailServer } from '../support/mail-server.js';
import { answers, operatorDocument } from '../support/operator-spec.js';
import { startReceiver } from '../support/receiver.js';

t.test('every route is described, with its role, and nothing that is not there', async (test) => {
  const { document, routes } = await operatorDocument((value) => value);
  test.same([...routes].sort(), Object.keys(answers).sort());
  const paths = document.paths as Record<string, Record<string, Record<string, unknown>>>;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => ({ path, method, one })),
  );
  test.equal(operations.length, routes.length);
  for (const { path, method, one } of operations) {
    test.ok(String(one.summary).length > 10, `${method} ${path}`);
    const isOpen = path === '/v1/session' && method === 'post';
    test.match(String(one['x-webizen-role']), isOpen ? /^null$/ : /^(viewer|operator|admin)$/, `${method} ${path}`);
    if (method !== 'get') test.type(one['x-webizen-act'], 'string', `${method} ${path} is an act with a name`);
  }
});

t.test('what is answered has the described form', async (test) => {
  const { url, fleet, requests, events, alerts, accounts, store } = await startConsole(test);
  const receiver = await startReceiver(test);
  const mailServer = await startMailServer(test);
  const now = Date.now();
  const disk = { kind: 'disk-filling', severity: 'trouble', since: now, evidence: 'full tomorrow' } as const;
  fleet.boxes.set('box-0000000a', boxOf('box-0000000a', now, { conditions: [disk], cloned: { since: now, at: now } }));
  fleet.sample('box-0000000a', { at: now - 1000, values: { 'hw.temperature': 41 } });
  const asked = { firstAt: now, lastAt: now, address: '203.0.113.7', factory: null, claimLabel: null, decidedAt: null };
  for (const letter of ['a', 'b'])
    requests.all.push({
      ...{ id: letter.repeat(64), code: 'ABCD-EFGH', state: 'waiting', ...asked, reason: null, box: null },
    });
  events.record({ type: 'online', box: 'box-0000000a', text: 'agent 1.0.0' });
  await alerts.alerts.look();
  const prices = [{ amount: '3.00', currency: 'EUR', per: 'month' as const }];
  const agreement = recordOf({ number: 1, box: 'box-000000000001', prices, since: Date.UTC(2026, 0, 1) });
  const key = agreement.agreement.id;
  await store.commit([
    { type: 'put', sublevel: store.agreements, key, value: agreement },
    { type: 'put', sublevel: store.boxAgreements, key: `box-000000000001!${key}`, value: 0 },
  ]);
  await accounts.close('2026-01');

  const headers = { authorization: `Bearer ${secret}`, accept: 'application/json' };
  const tried = new Set<string>();
  async function tries<T = unknown>(key: string, place: Record<string, string> = {}, body?: unknown): Promise<T> {
    tried.add(key);
    const [method = '', path = ''] = key.split(' ');
    const reply = await fetch(url + path.replace(/:(\w+)/g, (_, name: string) => place[name] ?? name), {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    const { answer, status = answer ? 200 : 204, type } = answers[key]!;
    test.equal(reply.status, status, `${key}: ${text.slice(0, 200)}`);
    if (!answer) return undefined as T;
    const value: unknown = type?.startsWith('text/') ? text : JSON.parse(text);
    const parsed = check(answer, value);
    test.ok(parsed.ok, `${key}: ${parsed.ok ? 'fits' : describeFaults(parsed.faults)}`);
    return value as T;
  }
  const box = { id: 'box-0000000a' };
  const gets = Object.keys(answers).filter((key) => key.startsWith('GET '));
  const claim = await tries<{ id: string }>('POST /v1/claims', {}, { label: 'Mine' });
  await tries('PUT /v1/boxes/:id/about', box, { label: 'Jo', place: 'Newcastle' });
  await tries('PUT /v1/fleet/filters/:name', { name: 'mine' }, { query: 'state=offline' });
  await tries('POST /v1/requests/:id/approve', { id: 'a'.repeat(64) });
  await tries('POST /v1/requests/:id/refuse', { id: 'b'.repeat(64) }, { reason: 'no' });
  await tries('POST /v1/operators', {}, { name: 'jo', role: 'viewer' });
  const acknowledged = { rule: 'trouble', box: 'box-0000000a', note: 'on it' };
  await tries('POST /v1/alerts/acknowledge', {}, acknowledged);
  const silence = await tries<{ id: string }>('POST /v1/silences', {}, { forSeconds: 60, reason: 'works' });
  const hook = await tries<{ id: string }>('POST /v1/webhooks', {}, { name: 'Pager', url: receiver.url });
  const [first] = alerts.settings.rules().values();
  const { id: _, changedAt: __, ...same } = first!;
  const rule = await tries<{ id: string }>('POST /v1/alert-rules', {}, same);
  await tries('PUT /v1/alert-rules/:rule', { rule: rule.id }, { ...same, enabled: false });
  await tries('POST /v1/webhooks/:webhook/test', { webhook: hook.id });
  const mail = { host: 'localhost', port: mailServer.port, security: 'none', from: 'a@b.example', to: ['c@d.example'] };
  await tries('PUT /v1/alert-mail', {}, { ...mail, everySeconds: 300 });
  await tries('POST /v1/alert-mail/test');
  await tries('POST /v1/fleet/commands', {}, { filter: {}, command: { kind: 'refresh' }, boxes: 1 });
  for (const key of gets.filter((one) => !one.endsWith('/diagnostics')))
    await tries(
      key,
      key.includes('/alerts/') ? { rule: 'trouble' } : { ...box, month: '2026-01', box: 'box-000000000001' },
    );
  await tries('POST /v1/accounts/:month/close', { month: '2026-01' });
  await tries('PUT /v1/accounts/closing', {}, { afterDays: 10 });

  await tries('POST /v1/boxes/:id/settle', box);
  await tries('POST /v1/boxes/:id/revoke', box, { reason: 'stolen' });
  await tries('POST /v1/operators/:name/role', { name: 'jo' }, { role: 'operator' });
  await tries('POST /v1/operators/:name/reset', { name: 'jo' });
  await tries('DELETE /v1/operators/:name', { name: 'jo' });
  await tries('DELETE /v1/alert-mail');
  await tries('DELETE /v1/silences/:silence', { silence: silence.id });
  await tries('DELETE /v1/alert-rules/:rule', { rule: rule.id });
  await tries('DELETE /v1/webhooks/:webhook', { webhook: hook.id });
  await tries('DELETE /v1/claims/:id', { id: claim.id });
  await tries('DELETE /v1/fleet/filters/:name', { name: 'mine' });
  await tries('POST /v1/session', {}, { secret });
  await tries('DELETE /v1/session');
  // What needs a box of another kind answers as its neighbours do.
  test.same(
    Object.keys(answers).filter((key) => !tried.has(key)),
    [
      'POST /v1/boxes/:id/reinstate',
      'POST /v1/boxes/:id/object',
      'POST /v1/boxes/:id/commands',
      'GET /v1/boxes/:id/commands/:command/diagnostics',
    ],
  );
});
