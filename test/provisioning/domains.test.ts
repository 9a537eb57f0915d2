/** Ids of apps are for whose domain they name: proved by a record in the DNS, asked of a name server on loopback. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { publicJwkOf } from '#common/jws.js';
import { verifyMemberLedger } from '#common/members/ledger.js';
import { Domain, DomainProof, domainsPath, idsBelow } from '#contract/domain-claim.js';
import { ReleasedAppId } from '#contract/manifest.js';
import { MemberLedgerExport } from '#contract/member-register.js';
import { check, parseJson } from '#contract/parse.js';
import { createTxtResolver } from '../../provisioning/catalogue/domains.js';
import {
  admitted,
  anApp,
  codeIn,
  type MemberClient,
  publish,
  publishedIn,
  refusal,
  send,
  uploadAll,
} from '../support/catalogue.js';
import { answered, territory } from '../support/est.js';
import { askCommand } from '../support/provider.js';
import { laptop } from '../support/var.js';

const why = { reason: 'it retires', decidedBy: 'the board', review: 'write to the board' };

type Records = Map<string, string[][] | 'refused' | 'huge'>;

/** The strings of TXT records (RFC 1035 section 3.3.14), over UDP alone: what is too large is cut, and nobody answers TCP. */
async function nameServer(t: Test, records: Records): Promise<string> {
  const server = createSocket('udp4');
  server.on('message', (query, { port, address }) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const question = query.subarray(12, at + 5);
    const found = records.get(labels.join('.'));
    const answers = Array.isArray(found) && query.readUInt16BE(at + 1) === 16 ? found : [];
    const bodies = answers.map((strings) => {
      const data = Buffer.concat(strings.flatMap((text) => [Buffer.from([text.length]), Buffer.from(text, 'latin1')]));
      return Buffer.concat([
        Buffer.from([0xc0, 0x0c, 0, 16, 0, 1, 0, 0, 0, 9, data.length >> 8, data.length & 255]),
        data,
      ]);
    });
    const flags = found === 'huge' ? [0x83, 0x80] : [0x81, found === 'refused' ? 0x85 : found ? 0x80 : 0x83];
    const head = [...query.subarray(0, 2), ...flags, 0, 1, 0, answers.length, 0, 0, 0, 0];
    server.send(Buffer.concat([Buffer.from(head), question, ...bodies]), port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `127.0.0.1:${server.address().port}`;
}

async function opened(t: Test) {
  const records: Records = new Map();
  const resolveTxt = createTxtResolver({ servers: [await nameServer(t, records)] });
  const served = await territory(t, { enrolmentsPerSecond: 1000, resolveTxt });
  const member = await admitted(served, 'example-soft');
  const put = async (who: MemberClient, id: string) => {
    const app = await anApp(t, who, { id });
    await uploadAll(who, app);
    return publish(who, app.jws);
  };
  const claim = (who: MemberClient, domain: unknown) => send(who, domainsPath, { domain });
  const proof = async (who: MemberClient, domain: string) =>
    answered(parseJson(DomainProof, (await claim(who, domain)).body));
  const app = (...args: string[]) => askCommand('webizen-provider', ['app', ...args, '--dir', served.directory]);
  return { ...served, records, member, put, claim, proof, app };
}

t.test('a member proves a domain by a record that names its key, and has the ids below it', async (t) => {
  const served = await opened(t);
  const { records, member, put, claim, proof, app, ask } = served;
  const other = await admitted(served, 'other-soft');
  t.match(await app('policy'), { stdout: 'first\n' });
  const decided = ['--reason', 'names were squatted', '--decided-by', 'the board'];
  t.match(await app('policy', 'proof', '--reason', 'x'), { stderr: /--decided-by/ });
  t.match(await app('policy', 'anything', ...decided), { stderr: /arguments-invalid/ });
  publishedIn(await put(other, 'au.com.example.early'));
  t.match(await app('policy', 'proof', ...decided), { stdout: 'proof\n' });
  const ledger = answered(check(MemberLedgerExport, await ask('member.ledger', undefined)));
  t.match(ledger.entries.at(-1), { type: 'app-ids', facts: { policy: 'proof', decidedBy: 'the board' } });
  t.ok((await verifyMemberLedger(ledger)).ok);
  refusal(t, await put(member, 'au.com.example.visits'), 409, 'app-id-unproven');

  const { kid } = await publicJwkOf(member.key);
  const wanted = await proof(member, 'example.com.au');
  t.same(wanted, {
    ...{ domain: 'example.com.au', ids: 'au.com.example.*', proved: false },
    name: '_webizen-apps.example.com.au',
    value: `webizen-member=kowhai/example-soft key=${kid}`,
  });
  const others = (await proof(other, 'example.com.au')).value;
  t.not(others, wanted.value, 'each has its own');
  for (const lie of [
    [others],
    [wanted.value.replace('kowhai', 'rimu')],
    [wanted.value.slice(0, -1)],
    [` ${wanted.value}`],
    ['v=spf1 -all'],
  ]) {
    records.set(wanted.name, [lie]);
    t.match(await proof(member, 'example.com.au'), { proved: false }, lie.join());
  }
  records.delete(wanted.name);
  records.set('example.com.au', [[wanted.value]]);
  records.set('_webizen-apps.com.au', [[wanted.value]]);
  t.match(await proof(member, 'example.com.au'), { proved: false }, 'not from beside the name');
  records.set(wanted.name, [['v=spf1 -all'], [wanted.value.slice(0, 20), wanted.value.slice(20)]]);
  t.match(await proof(member, 'example.com.au'), { proved: true }, 'a record of several strings is one text');
  publishedIn(await put(member, 'au.com.example.visits'));
  publishedIn(await put(member, 'au.com.example.shop.till'));
  t.match(await proof(member, 'example.com.au'), { proved: true }, 'twice is once');
  refusal(t, await put(member, 'au.com.example.early'), 409, 'app-id-taken');
  refusal(t, await put(member, 'au.com.other.visits'), 409, 'app-id-unproven');
  refusal(t, await put(member, 'au.com.examples.visits'), 409, 'app-id-unproven');

  records.set(wanted.name, [[others]]);
  refusal(t, await claim(other, 'example.com.au'), 409, 'app-id-taken');
  refusal(t, await claim(other, 'shop.example.com.au'), 409, 'app-id-taken');
  refusal(t, await put(other, 'au.com.example.next'), 409, 'app-id-taken');
  t.match(await app('reserve', 'nz.kowhai.bees', other.id), { status: 0 });
  publishedIn(await put(other, 'nz.kowhai.bees'));
  t.match(await app('list'), { stdout: /^au\.com\.example\.\* +example-soft/m });
  t.match(await ask('member.succeed', { member: member.id, to: other.id, ...why }), {
    apps: ['au.com.example.shop.till', 'au.com.example.visits'],
  });
  t.match(await app('list'), { stdout: /^au\.com\.example\.\* +example-soft/m }, 'the domain stays whose it is');
});

t.test('the command says what to publish, has it looked for, and says when it was found', async (t) => {
  const { records, ask, directory, url } = await opened(t);
  const own = await laptop(t);
  const webizen = (...args: string[]) => own.start(...args).ended;
  t.equal((await webizen('member', 'request', '--name', 'Wattle', '--class', 'var')).status, 0);
  const request = (await readFile(own.at('member/request.jws'), 'utf8')).trim();
  const vetting = { what: 'papers', by: 'Ana' };
  await ask('member.admit', { request, id: 'wattle', level: 1, charterVersion: '1', vetting });
  const there = ['--catalogue', url.origin, '--ca', path.join(directory, 'ca/root.crt')];
  t.equal((await webizen('member', 'accept', '--id', 'wattle', ...there)).status, 0);
  t.match(await webizen('app', 'claim', 'wattle'), { status: 2, stderr: /arguments-invalid/ });
  const asked = await webizen('app', 'claim', 'Wattle.example');
  t.match(asked, {
    status: 1,
    stdout: /^_webizen-apps\.wattle\.example\. IN TXT "webizen-member=kowhai\/wattle key=/m,
  });
  const [, value = ''] = /"(.+)"/.exec(asked.stdout) ?? [];
  records.set('_webizen-apps.wattle.example', [[value]]);
  t.same(await webizen('app', 'claim', 'wattle.example'), {
    ...{ status: 0, stderr: '' },
    stdout: 'wattle.example is proved: example.wattle.* is yours\n',
  });
});

t.test('no suffix that is everybody’s, no name that is none, and no end of asking', async (t) => {
  const { records, member, claim, proof } = await opened(t);
  for (const suffix of ['com.au', 'co.nz', 'ac.uk']) refusal(t, await claim(member, suffix), 409, 'domain-public');
  const none = [
    'com',
    'localhost',
    '127.0.0.1',
    'Example.com',
    'a..b',
    '-a.example',
    '_x.example.com',
    `${'a.'.repeat(40)}com`,
    7,
  ];
  for (const name of none) refusal(t, await claim(member, name), 400, 'body-invalid');
  records.set('_webizen-apps.refused.example', 'refused');
  records.set('_webizen-apps.huge.example', 'huge');
  for (const name of ['refused.example', 'huge.example']) refusal(t, await claim(member, name), 502, 'domain-unasked');
  t.match(await proof(member, 'nothing.example'), { proved: false });
  records.set('_webizen-apps.empty.example', []);
  t.match(await proof(member, 'empty.example'), { proved: false });
  const codes = [];
  for (let count = 0; count < 8; count += 1) codes.push(codeIn(await claim(member, 'nothing.example')));
  t.same(codes.slice(-2), ['too-many-requests', 'too-many-requests'], 'ten a minute');
});

t.test('an id below any domain that can be claimed is an id', async () => {
  const label = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,8}[a-z0-9])?$/);
  const top = fc.stringMatching(/^[a-z](?:[a-z0-9-]{0,8}[a-z0-9])?$/);
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 5 }), top, (labels, last) => {
      const domain = [...labels, last].join('.');
      if (!check(Domain, domain).ok) return domain.length > 56;
      return check(ReleasedAppId, idsBelow(domain).replace('*', 'app').slice(0, 60)).ok;
    }),
  );
});
