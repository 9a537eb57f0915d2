/** Links and offers, asked of a real provider over real TLS: by boxes, by members, and by those who are neither. */
import t, { type Test } from 'tap';
import { signLinkRequest } from '#common/members/link-request.js';
import { cataloguePath } from '#contract/catalogue.js';
import { linkCodeHash, newLinkCode, parseLinkCode } from '#contract/link-code.js';
import {
  declinedSeconds,
  LinksAnswer,
  type LinksStatement,
  linksPath,
  MemberLink,
  MemberLinks,
  mostOffers,
  type NewOffer,
  OfferResult,
} from '#contract/links.js';
import { parseJson } from '#contract/parse.js';
import {
  admitted,
  anApp,
  appIn,
  ask,
  call,
  codeIn,
  type MemberClient,
  publish,
  publishedIn,
  type Reply,
  refusal,
  uploadAll,
} from '../support/catalogue.js';
import { answered, day, territory } from '../support/est.js';

type Said = Omit<LinksStatement, 'sequence'>;
const nothing: Said = { code: null, links: [] };
const plain = (id: string) => ({ id, installed: [], declined: [] });

async function opened(t: Test) {
  const served = await territory(t, { enrolmentsPerSecond: 1000 });
  const acme = await admitted(served, 'acme', { name: 'Acme Apps' });
  const origin = { url: served.url, ca: served.ca };

  async function box() {
    const { id, with: shown } = await served.enrolled();
    let sequence = 0;
    const state = (said: Said, its = ++sequence): Promise<Reply> => {
      sequence = Math.max(sequence, its);
      const body = JSON.stringify({ sequence: its, ...said } satisfies LinksStatement);
      const headers = { 'content-type': 'application/json' };
      return call(origin, { method: 'POST', place: `${linksPath}/box`, headers, body, with: shown });
    };
    const says = async (said: Said, its?: number) => {
      const reply = await state(said, its);
      if (reply.status !== 200) throw new Error(`${reply.status} ${reply.body}`);
      return answered(parseJson(LinksAnswer, reply.body));
    };
    const code = newLinkCode();
    const open = (seconds = 1800) => ({ hash: linkCodeHash(parseLinkCode(code)!), seconds });
    const get = (place: string) => call(origin, { place, with: shown });
    const tells = (outcomes: unknown[]) => {
      const headers = { 'content-type': 'application/json' };
      const place = `${cataloguePath}/outcomes`;
      return call(origin, {
        method: 'POST',
        place,
        headers,
        body: JSON.stringify({ outcomes, dropped: 0 }),
        with: shown,
      });
    };
    return { id, state, says, code, open, get, tells };
  }
  type Box = Awaited<ReturnType<typeof box>>;

  async function request(who: MemberClient, code: string, more: Partial<Parameters<typeof signLinkRequest>[0]> = {}) {
    const wish = { key: who.key, code: parseLinkCode(code)!, territory: 'kowhai', member: who.id };
    return signLinkRequest({ ...wish, at: served.clock.now(), ...more });
  }
  /** The proofs of members go by the clock of their provider. */
  const tell = (who: MemberClient, method: string, place: string, body?: unknown) => {
    const json =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    return ask(who, { method, place, ...json }, { at: served.clock.now() });
  };
  const link = async (who: MemberClient, code: string, more: Parameters<typeof request>[2] = {}) =>
    tell(who, 'POST', linksPath, { request: await request(who, code, more) });
  const linkIn = (reply: Reply) => answered(parseJson(MemberLink, reply.body));
  const list = async (who = acme) => answered(parseJson(MemberLinks, (await tell(who, 'GET', linksPath)).body)).links;
  const end = (who: MemberClient, id: string) => tell(who, 'DELETE', `${linksPath}/${id}`);

  /** Shown, asked, confirmed. Answers the link's id. */
  async function linked(its: Box, who = acme): Promise<string> {
    await its.says({ code: its.open(), links: [] });
    const { id } = linkIn(await link(who, its.code));
    await its.says({ code: null, links: [plain(id)] });
    return id;
  }
  const offer = (who: MemberClient, wish: NewOffer) => tell(who, 'POST', `${linksPath}/offers`, wish);
  const offered = async (wish: NewOffer, who = acme) => {
    const reply = await offer(who, wish);
    if (reply.status !== 200) throw new Error(`${reply.status} ${reply.body}`);
    return answered(parseJson(OfferResult, reply.body));
  };
  async function put(who: MemberClient, version: string, id = 'acme.visits', boxes?: string[]) {
    const app = await anApp(t, who, { id, version }, { text: `${id} ${version}` });
    await uploadAll(who, app);
    return publishedIn(await publish(who, app.jws, boxes)).id;
  }
  return { ...served, acme, box, link, linkIn, list, end, linked, offer, offered, tell, put };
}

t.test('a code is shown, asked with and confirmed: then there is a link, and until then there is none', async (t) => {
  const { acme, box, link, linkIn, list, end } = await opened(t);
  const its = await box();
  refusal(t, await link(acme, its.code), 404, 'link-code-unknown');
  t.match(await its.says({ code: its.open(), links: [] }), { sequence: 1, ask: null, offers: [] });

  const asked = await link(acme, its.code, { note: 'Front desk' });
  t.equal(asked.status, 201);
  const { id } = linkIn(asked);
  t.match(linkIn(asked), { state: 'asked', note: 'Front desk', since: null, installed: [], offers: [] });
  const again = await link(acme, its.code);
  t.match([again.status, linkIn(again).id], [200, id], 'a lost reply is asked for again');

  const seen = await its.says({ code: its.open(), links: [] });
  t.match(seen.ask, { id, credential: acme.credential }, 'the box sees who asks');
  t.match(await list(), [{ id, state: 'asked' }], 'and nothing has begun');
  await its.says({ code: null, links: [plain(id)] });
  const [linked] = await list();
  t.match(linked, { id, state: 'linked', since: Number });
  t.notMatch(JSON.stringify(linked), its.id, 'the member does not learn which box it is');
  t.match(linkIn(await link(acme, its.code)), { id, state: 'linked' }, 'also when the reply was lost for so long');
  t.match(await its.says({ code: null, links: [plain(id)] }), { ask: null, ended: [] });

  await its.says(nothing);
  t.match(await list(), [{ id, state: 'ended', ended: { by: 'owner' } }]);
  t.match(await its.says({ code: null, links: [plain(id)] }), { ended: [{ id, by: 'provider' }] }, 'it stays ended');
  t.equal((await end(acme, id)).status, 204, 'ended once more by the member: harmless');
  t.match(await list(), [{ ended: { by: 'owner' } }]);
});

t.test('a statement that was overtaken changes nothing', async (t) => {
  const { box, linked, list } = await opened(t);
  const its = await box();
  const id = await linked(its);
  t.match(await its.says({ code: null, links: [plain(id)] }, 9), { sequence: 9, ended: [] });
  t.match(await its.says(nothing, 8), { sequence: 9 }, 'an older one, late');
  t.match(await list(), [{ state: 'linked' }]);
  await its.says(nothing, 10);
  t.match(await list(), [{ state: 'ended' }]);
});

t.test('a code serves one member, once, and not for long; what is not so is refused', async (t) => {
  const { acme, box, link, list, tell, time, ...served } = await opened(t);
  const other = await admitted(served, 'bracken');
  const its = await box();
  await its.says({ code: its.open(), links: [] });
  refusal(t, await link(acme, its.code, { member: 'bracken' }), 403, 'link-request-invalid');
  refusal(t, await link(acme, its.code, { key: other.key }), 403, 'link-request-invalid');
  refusal(t, await link(acme, its.code, { territory: 'rimu' }), 403, 'link-request-invalid');
  refusal(t, await link(acme, its.code, { at: Date.now() - day }), 403, 'link-request-invalid');
  refusal(t, await tell(acme, 'POST', linksPath, { request: 'a.b.c' }), 403, 'link-request-invalid');
  refusal(t, await tell(acme, 'POST', linksPath, {}), 400, 'body-invalid');
  t.equal((await link(acme, its.code)).status, 201);
  refusal(t, await link(other, its.code), 404, 'link-code-unknown');
  t.same(await list(other), []);

  const late = await box();
  await late.says({ code: late.open(60), links: [] });
  time.ahead += 61_000;
  await late.says({ code: late.open(60), links: [] }); // said again, a code does not live longer
  refusal(t, await link(other, late.code), 404, 'link-code-unknown');
  await late.says(nothing);

  const twice = await box();
  await twice.says({ code: its.open(), links: [] });
  refusal(t, await link(other, its.code), 404, 'link-code-unknown');

  // Guessing: so many wrong codes, and a right one is not looked at either.
  const open = await box();
  await open.says({ code: open.open(), links: [] });
  let code: string | undefined;
  for (let tries = 0; tries < 30 && code !== 'too-many-attempts'; tries += 1) {
    const wrong = await link(other, newLinkCode());
    code = codeIn(wrong);
  }
  t.equal(code, 'too-many-attempts');
  refusal(t, await link(other, open.code), 429, 'too-many-attempts');
  time.ahead += 61_000;
  t.equal((await link(other, open.code)).status, 201);
});

t.test('a member ends a link; an expelled one and a box that has left have none', async (t) => {
  const { acme, box, linked, list, end, link, ...served } = await opened(t);
  const other = await admitted(served, 'bracken');
  const [one, two, three] = [await box(), await box(), await box()];
  const id = await linked(one);
  refusal(t, await end(other, id), 404, 'link-unknown');
  refusal(t, await link(acme, two.code), 404, 'link-code-unknown');
  t.equal((await end(acme, id)).status, 204);
  t.match(await one.says({ code: null, links: [plain(id)] }), { ended: [{ id, by: 'member' }] });

  const left = await linked(two);
  await served.ask('box.revoke', { box: two.id });
  t.match(
    (await list()).find((one) => one.id === left),
    { state: 'ended', ended: { by: 'provider' } },
    'a box that has ended',
  );
  refusal(t, await two.state(nothing), 403, 'box-revoked');

  const theirs = await linked(three, other);
  t.match(await three.says({ code: null, links: [plain(theirs)] }), { ended: [] });
  const decided = { reason: 'a complaint', decidedBy: 'the board', review: 'write to us' };
  await served.ask('member.expel', { member: 'bracken', ...decided });
  t.match(await three.says({ code: null, links: [plain(theirs)] }), { ended: [{ id: theirs, by: 'provider' }] });
});

t.test('an offer is seen by linked boxes alone, makes a private release visible, and ends', async (t) => {
  const { acme, box, linked, list, offer, offered, tell, put, time, ...served } = await opened(t);
  const other = await admitted(served, 'bracken');
  const [its, stranger] = [await box(), await box()];
  const id = await linked(its);
  const release = await put(acme, '1.0.0', 'acme.visits', [stranger.id]);
  const place = `${cataloguePath}/releases/${release}`;
  refusal(t, await its.get(place), 404, 'listing-unknown');

  refusal(t, await offer(other, { release, links: 'all' }), 404, 'listing-unknown');
  refusal(t, await offer(acme, { release: 'f'.repeat(64), links: 'all' }), 404, 'listing-unknown');
  t.match(await offered({ release, links: ['link-0000000000000000'] }), {
    done: [],
    refused: [{ code: 'link-unknown' }],
  });
  t.match(await offered({ release, links: 'all', message: 'As we spoke of' }), { done: [id], refused: [] });
  const said = { code: null, links: [plain(id)] };
  const { offers } = await its.says(said);
  t.match(offers, [
    { link: id, app: 'acme.visits', version: '1.0.0', releases: [{ release }], message: 'As we spoke of' },
  ]);
  t.equal((await its.get(place)).status, 200, 'what is offered can be seen');
  t.match(await list(), [{ offers: [{ app: 'acme.visits', state: 'offered' }] }]);

  const foreign = await put(other, '3.0.0', 'bracken.notes');
  const installed = { code: null, links: [{ id, installed: [release, foreign], declined: [] }] };
  t.same((await its.says(installed)).offers, []);
  const [now] = await list();
  t.same(now?.installed, [{ app: 'acme.visits', version: '1.0.0', release }], 'of its own apps alone');
  t.match(now?.offers, [{ state: 'installed' }]);
  t.match(
    await offered({ release, links: [id], message: 'As we spoke of' }),
    { done: [id] },
    'the same offer again is the same',
  );

  const next = await put(acme, '1.1.0', 'acme.visits', [stranger.id]);
  await offered({ release: next, links: [id] });
  t.match((await its.says(installed)).offers, [{ version: '1.1.0' }], 'in the place of the older');
  const declined = {
    code: null,
    links: [{ id, installed: [release], declined: [{ app: 'acme.visits', version: '1.1.0' }] }],
  };
  t.same((await its.says(declined)).offers, []);
  t.match(await list(), [{ offers: [{ version: '1.1.0', state: 'declined' }] }]);
  t.match(await offered({ release: next, links: [id] }), { refused: [{ code: 'offer-declined' }] });
  const third = await put(acme, '1.2.0', 'acme.visits', [stranger.id]);
  t.match(await offered({ release: third, links: [id] }), { refused: [{ code: 'offer-declined' }] });
  time.ahead += declinedSeconds * 1000 + 1000;
  t.match(await offered({ release: third, links: [id], days: 2 }), { done: [id] });
  t.match((await its.says(declined)).offers, [{ version: '1.2.0' }]);

  const gone = await tell(acme, 'DELETE', `${linksPath}/offers/${third}`, { links: [id] });
  t.match(JSON.parse(gone.body.toString()), { done: [id] });
  t.same((await its.says(declined)).offers, [], 'withdrawn');
  refusal(t, await its.get(`${cataloguePath}/releases/${third}`), 404, 'listing-unknown');
  await offered({ release: third, links: [id], days: 2 });
  time.ahead += 2 * day + 1000;
  t.same((await its.says(declined)).offers, [], 'over');
});

t.test('an owner is not flooded, and a suspended member offers nothing', async (t) => {
  const { acme, box, linked, offer, offered, put, ...served } = await opened(t);
  const its = await box();
  const id = await linked(its);
  const said = { code: null, links: [plain(id)] };
  for (let at = 0; at < mostOffers; at += 1)
    t.match(await offered({ release: await put(acme, '1.0.0', `acme.app${at}`), links: [id] }), { done: [id] });
  const more = await put(acme, '1.0.0', 'acme.more');
  t.match(await offered({ release: more, links: [id] }), { refused: [{ code: 'offers-full' }] });
  // One app again and again takes the place of itself, and is counted all the same.
  let refused = 0;
  for (let at = 1; at < 12; at += 1)
    refused += (await offered({ release: await put(acme, `1.0.${at}`, 'acme.app0'), links: [id] })).refused.length;
  t.equal(refused, 6);
  t.equal((await its.says(said)).offers.length, mostOffers);

  await served.ask('member.suspend', { member: 'acme', reason: 'a complaint', decidedBy: 'the board' });
  refusal(t, await offer(acme, { release: more, links: 'all' }), 403, 'member-suspended');
  t.same((await its.says(said)).offers, [], 'what was offered before is not told any more');
  await served.ask('member.reinstate', { member: 'acme', reason: 'settled', decidedBy: 'the board' });
  t.equal((await its.says(said)).offers.length, mostOffers);
});

t.test('who is offered a release need wait for no wave, but nobody is handed what was stopped', async (t) => {
  const { acme, box, clock, linked, offered, tell } = await opened(t);
  const app = await anApp(t, acme, { id: 'acme.waves', version: '1.0.0' }, { text: 'waves' });
  await uploadAll(acme, app);
  const plan = { waves: [1, 100], stopAt: 10, holdHours: 24 };
  const made = await tell(acme, 'POST', `${cataloguePath}/releases`, { release: app.jws, rollout: plan });
  const { id } = publishedIn(made);
  const place = `${cataloguePath}/releases/${id}`;
  /** One in a hundred is in the first wave, whichever that is. */
  const later = async () => {
    let one = await box();
    while ((await one.get(place)).status === 200) one = await box();
    return one;
  };
  const [its, other] = [await later(), await later()];
  const link = await linked(its);
  const told = async () => [(await its.get(place)).status, (await other.get(place)).status];
  t.same(await told(), [409, 409], 'the wave has reached neither');

  t.same((await offered({ release: id, links: [link] })).done, [link]);
  t.same(await told(), [200, 409], 'the one that it is offered to');
  const outcome = {
    ...{ app: 'acme.waves', release: id, from: null, kind: 'install', outcome: 'done', problem: null },
    ...{ at: clock.now(), agent: '0.1.0' },
  };
  for (const [one, letter] of [
    [its, 'a'],
    [other, 'b'],
  ] as const)
    t.equal((await one.tells([{ id: letter.repeat(32), ...outcome }])).status, 204);
  const seen = appIn(await tell(acme, 'GET', `${cataloguePath}/apps/acme.waves`));
  t.match(
    seen.releases[0]?.results,
    { outcomes: { done: 1 } },
    'what it tells counts, and what the other tells does not',
  );
  await offered({ release: id, links: [await linked(other)] });
  t.same(await told(), [200, 200]);
  await tell(acme, 'POST', `${place}/rollout`, { act: 'pause', reason: 'two of them fail' });
  t.same(await told(), [200, 409], 'held back, it stays with who runs it, and goes to nobody else');
});
