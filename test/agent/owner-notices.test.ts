/** What apps tell, as their owner reads and dismisses it: the API of the console. */
import { once } from 'node:events';
import t from 'tap';
import { NoticeList, OwnerView } from '#contract/owner.js';
import { check } from '#contract/parse.js';
import { startOwnerConsole } from '../support/owner-console.js';
import { askOwner, type OwnerAsk, openRequest, setUpOwner } from '../support/owner-session.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

const info = { title: 'Somebody came', text: 'At the door.', severity: 'info' as const };

async function start(t: Teardown) {
  const served = await startOwnerConsole(t);
  const cookie = await setUpOwner(served);
  const ask = (path: string, wish: OwnerAsk = {}) => askOwner(served.port, path, { cookie, ...wish });
  async function listed(query = ''): Promise<NoticeList['notices']> {
    const read = check(NoticeList, (await ask(`/v1/notices${query}`)).json);
    return read.ok ? read.value.notices : [];
  }
  async function view(): Promise<OwnerView['notices']> {
    const read = check(OwnerView, (await ask('/v1/view')).json);
    if (!read.ok) throw new Error('no view');
    return read.value.notices;
  }
  return { ...served, cookie, ask, listed, view };
}

t.test('nobody but the signed-in owner, from the console’s own page, reads or dismisses', async (t) => {
  const { ask, notices } = await start(t);
  const { notification } = await notices.add('example.visits', info);
  const routes: [string, string, unknown?][] = [
    ['GET', '/v1/notices'],
    ['DELETE', `/v1/notices/${notification.id}`],
    ['POST', '/v1/notices/dismissed', { seen: [notification] }],
  ];
  for (const [method, path, body] of routes) {
    t.equal((await ask(path, { method, body, cookie: '' })).code, 'sign-in-needed', `${method} ${path}`);
    const elsewhere = { headers: { origin: 'http://elsewhere.example' } };
    t.equal((await ask(path, { method, body, ...elsewhere })).code, 'origin-refused', `${method} ${path}`);
  }
  t.equal(notices.list().length, 1);
});

t.test('the view has the newest, and how many there are; each list is asked for', async (t) => {
  const { notices, listed, view, ask } = await start(t);
  t.match(await view(), { count: 0, newest: [] });
  for (let one = 1; one <= 6; one += 1) await notices.add('example.visits', { ...info, title: `Visit ${one}` });
  await notices.add('door', { ...info, severity: 'trouble', title: '<b>Fire</b>' });
  const now = await view();
  t.equal(now.count, 7);
  t.same(
    now.newest.map(({ title }) => title),
    ['<b>Fire</b>', 'Visit 6', 'Visit 5', 'Visit 4', 'Visit 3'],
  );
  t.equal((await listed()).length, 7);
  t.match(await listed('?app=door'), [{ app: 'door', severity: 'trouble', ...{ text: info.text } }]);
  t.same(await listed('?app=example.other'), []);
  for (const bad of ['?app=', '?app=Visits', '?other=1'])
    t.equal((await ask(`/v1/notices${bad}`)).code, 'body-invalid');
});

t.test('one is dismissed, or all that were seen; what came meanwhile stays', async (t) => {
  const { notices, listed, ask } = await start(t);
  const one = await notices.add('example.visits', info);
  await notices.add('example.visits', { ...info, title: 'Two' });
  const dismiss = (id: string) => ask(`/v1/notices/${id}`, { method: 'DELETE' });
  t.equal((await dismiss(one.notification.id)).status, 204);
  t.equal((await dismiss(one.notification.id)).code, 'not-found');
  t.equal((await dismiss('..%2Fapps')).code, 'body-invalid');
  await notices.add('door', { ...info, title: 'Three' });
  const seen = (await listed()).map(({ id, at }) => ({ id, at }));
  await notices.add('door', { ...info, title: 'Four' });
  const all = (body: unknown) => ask('/v1/notices/dismissed', { method: 'POST', body });
  for (const bad of [{}, { seen: [] }, { seen: [{ id: 'x', at: 1 }] }, { seen, all: true }])
    t.equal((await all(bad)).code, 'body-invalid');
  t.equal((await all({ seen })).status, 204);
  t.match(await listed(), [{ title: 'Four' }]);
  t.equal((await all({ seen })).status, 204, 'twice harms nobody');
});

t.test('what an app tells is pushed to a page that is open', async (t) => {
  const { notices, port, cookie } = await start(t);
  const request = openRequest(port, '/v1/events', { cookie });
  request.end();
  const [reply] = await once(request, 'response');
  t.teardown(() => request.destroy());
  let text = '';
  const told = new Promise<void>((resolve) =>
    reply.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('"title":"Somebody came"')) resolve();
    }),
  );
  await notices.add('example.visits', info);
  await told;
  t.pass();
});
