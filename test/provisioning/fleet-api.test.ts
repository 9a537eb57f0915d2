/** The fleet over the operator's API: a real provider without a browser. */
import fc from 'fast-check';
import t from 'tap';
import { FleetFilter, FleetGlance, FleetPage, FleetQuery, mostSavedFilters } from '#contract/fleet.js';
import { buildFleetQuery, filterNames, readFleetQuery } from '#contract/fleet-query.js';
import { type BoxDetail, BoxState } from '#contract/operator.js';
import { check } from '#contract/parse.js';
import { createSavedFilters } from '../../provisioning/fleet/saved-filters.js';
import { openStore } from '../../provisioning/store/store.js';
import { testBox } from '../support/box.js';
import { boxName, filledBox, fillFleet } from '../support/filled-fleet.js';
import { queries } from '../support/fleet-facts.js';
import { ownFolder } from '../support/folder.js';
import { testProvider } from '../support/provider.js';

const now = Date.now();
const count = 300;

t.test('the table, the glance, and what is said of a box, over http', async (test) => {
  const provider = await testProvider(test);
  await fillFleet(provider.directory, count, now);
  await provider.start();
  test.teardown(() => provider.stop());
  const { api } = provider;

  const first = await api<FleetPage>('/v1/fleet?sort=id&limit=200');
  test.ok(check(FleetPage, first).ok);
  test.equal(first.total, count);
  const second = await api<FleetPage>(`/v1/fleet?sort=id&limit=200&cursor=${first.next}`);
  test.strictSame(
    [...first.boxes, ...second.boxes].map(({ id }) => id),
    Array.from({ length: count }, (_, number) => boxName(number)),
  );
  test.equal(second.next, null);
  const places = ['Shannon', 'Levin'];
  const there = await api<FleetPage>(`/v1/fleet?place=${places.join('&place=')}&state=offline&limit=500`);
  const wanted = Array.from({ length: count }, (_, number) => filledBox(number, now)).filter(
    ({ place, box }) => places.includes(place) && box.revokedAt === undefined,
  );
  test.equal(there.total, wanted.length);
  test.ok(check(FleetGlance, await api('/v1/fleet/glance')).ok);

  const refused = async (path: string, options: Parameters<typeof api>[1] = {}) =>
    api(path, options).then(
      () => 'not refused',
      (error: unknown) => String(error),
    );
  for (const query of ['state=asleep', 'limit=0', 'limit=501', 'limit=1&limit=2', 'sort=size', 'colour=red', 'search='])
    test.match(await refused(`/v1/fleet?${query}`), /400.*body-invalid/, query);
  test.match(await refused('/v1/fleet?cursor=abc'), /400.*cursor-invalid/);
  test.match(await refused(`/v1/fleet?cursor=${first.next}`), /cursor-invalid/, 'of another order');

  const id = boxName(7);
  const about = (body: unknown) => api<BoxDetail>(`/v1/boxes/${id}/about`, { method: 'PUT', body });
  test.match(await about({ label: '  The   hall ', place: 'Levin' }), { label: 'The hall', place: 'Levin' });
  test.match(await about({ place: 'Foxton' }), { label: 'The hall', place: 'Foxton' }, 'what is not said stays');
  test.equal((await about({ label: null })).label, undefined);
  test.equal((await api<FleetPage>('/v1/fleet?search=foxton&place=Foxton')).total, 1, 'at once in the table');
  test.match(await refused(`/v1/boxes/${id}/about`, { method: 'PUT', body: { label: 5 } }), 'body-invalid');
  test.match(
    await refused(`/v1/boxes/${id}/about`, { method: 'PUT', body: { place: 'x'.repeat(101) } }),
    'body-invalid',
  );
  test.match(await refused('/v1/boxes/box-none0000/about', { method: 'PUT', body: {} }), 'box-unknown');

  await api('/v1/fleet/filters/In%20Levin', { method: 'PUT', body: { query: 'place=Levin&limit=5&cursor=x' } });
  test.strictSame(await api('/v1/fleet/filters'), [{ name: 'In Levin', query: 'place=Levin' }]);
  test.match(
    await refused('/v1/fleet/filters/odd', { method: 'PUT', body: { query: 'state=asleep' } }),
    'body-invalid',
  );
  await api('/v1/fleet/filters/In%20Levin', { method: 'DELETE' });
  test.match(await refused('/v1/fleet/filters/In%20Levin', { method: 'DELETE' }), /404.*filter-unknown/);

  await provider.stop();
  await provider.start();
  test.match(await api(`/v1/boxes/${id}`), { place: 'Foxton' }, 'it is kept');
  await api(`/v1/boxes/${id}/revoke`, { method: 'POST', body: {} });
  test.equal(
    (await api<FleetPage>(`/v1/fleet?state=revoked&search=${id}`)).total,
    1,
    'what an operator does shows at once',
  );
  for (const path of ['/v1/fleet', '/v1/fleet/glance', '/v1/fleet/filters']) {
    const reply = await fetch(`${provider.urls().console}${path}`);
    test.equal(reply.status, 401, `${path} is not told to strangers`);
  }
  const { secret } = await api<{ secret: string }>('/v1/operators', {
    method: 'POST',
    body: { name: 'jo', role: 'viewer' },
  });
  const asJo = (path: string, method = 'GET', body?: unknown) =>
    fetch(`${provider.urls().console}${path}`, {
      method,
      headers: { authorization: `Bearer ${secret}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  for (const path of ['/v1/fleet', '/v1/fleet/glance', '/v1/fleet/filters'])
    test.equal((await asJo(path)).status, 200, `${path} is for every role`);
  test.equal((await asJo(`/v1/boxes/${id}/about`, 'PUT', { place: 'x' })).status, 403, 'and to say something is not');
  test.equal((await asJo('/v1/fleet/filters/x', 'PUT', { query: 'sort=id' })).status, 403);
  const { entries } = await api<{ entries: { type: string }[] }>('/v1/audit');
  const did = new Set(entries.map(({ type }) => type));
  test.ok(did.has('box.about') && did.has('filter.save'), 'who said what is kept');
});

t.test('a box that comes and goes is seen in the table at once, with what it is', async (test) => {
  const provider = await testProvider(test);
  await provider.start();
  const claim = await provider.api<{ code: string }>('/v1/claims', { method: 'POST', body: { label: 'Rose St 4' } });
  const box = await testBox(test, { ...provider, claim: claim.code });
  await box.start();
  await box.until(({ health }) => health.acknowledged > 0);
  const table = (query: string) => provider.api<FleetPage>(`/v1/fleet?${query}`);
  const [seen] = (await table('state=online&search=rose')).boxes;
  test.match(
    seen,
    { state: 'online', label: 'Rose St 4', care: { level: /good|attention|trouble/ } },
    'by its claim code',
  );
  test.equal((await table(`agent=${encodeURIComponent(seen?.agent ?? '')}`)).total, 1);
  const { states, changes } = await provider.api<FleetGlance>('/v1/fleet/glance');
  test.match(states, { online: 1 });
  // Beside what befell the box by its own account: it may have told more by now.
  for (const type of ['claim-created', 'enrolled', 'online'])
    test.equal(changes.types.find((one) => one.type === type)?.count, 1, type);
  await box.stop();
  await provider.until(({ state }) => state === 'offline');
  test.equal((await table('state=offline')).total, 1);
  test.equal((await table('state=online')).total, 0);
  await provider.stop();
  await provider.start();
  test.match(
    (await table('')).boxes,
    [{ state: 'offline', label: 'Rose St 4', care: { reasons: [] } }],
    'after a start too',
  );
});

t.test('a question is the same after it was an address, and any text is a question or refused', async (test) => {
  test.strictSame(filterNames, Object.keys(FleetFilter.properties), 'no field is forgotten');
  fc.assert(
    fc.property(queries, fc.option(fc.string({ minLength: 1, maxLength: 40 }), { nil: undefined }), (query, cursor) => {
      const whole: FleetQuery = { ...query, ...(cursor !== undefined && { cursor }) };
      const parsed = check(FleetQuery, readFleetQuery(buildFleetQuery(whole)));
      return parsed.ok && buildFleetQuery(parsed.value) === buildFleetQuery(whole);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => typeof check(FleetQuery, readFleetQuery(text)).ok === 'boolean'));
  test.ok(check(BoxState, 'online').ok);
});

t.test('so many filters are kept, and one that is there can still be changed', async (test) => {
  const store = await openStore(await ownFolder(test));
  test.teardown(() => store.close());
  const filters = createSavedFilters({ store, clock: { now: () => now } });
  for (let number = 0; number < mostSavedFilters; number += 1)
    await filters.save({ name: `filter ${number}`, query: 'sort=id' });
  await test.rejects(filters.save({ name: 'one more', query: 'sort=id' }), { code: 'filters-full' });
  await filters.save({ name: 'filter 5', query: 'place=Levin' });
  test.match(
    (await filters.list()).find(({ name }) => name === 'filter 5'),
    { query: 'place=Levin' },
  );
  await filters.remove('filter 6');
  await filters.save({ name: 'one more', query: 'sort=id' });
});
