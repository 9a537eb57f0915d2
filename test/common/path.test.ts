import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { createIssuer, extension } from '#common/pki/certificate.js';
import { buildCrl, parseCrl } from '#common/pki/crl.js';
import { octetString, sequence } from '#common/pki/der.js';
import { oids } from '#common/pki/oids.js';
import { type PathFault, type PathWish, validatePath } from '#common/pki/path.js';
import { certificateToPem } from '#common/pki/pem.js';
import { type Made, make, type Shape } from '../support/chains.js';

const day = 86_400_000;
const now = Date.UTC(2026, 10, 22);
const longAgo = Date.UTC(1970, 0, 2);
const farOff = Date.UTC(2040, 0, 1);
const from = now - 365 * day;
const until = now + 365 * day;
/** Valid whenever a clock could point. */
const always = { from: 0, until: Date.UTC(2060, 0, 1) };

interface Family {
  root: Made;
  issuing: Made;
  client: Made;
  server: Made;
}

const clientOnly = { ca: false, eku: [oids.clientAuth] };
const serverOnly = { ca: false, eku: [oids.serverAuth], hosts: ['est.example', '192.0.2.7', '*.wild.example'] };

async function family(name: string, times = { from, until }): Promise<Family> {
  const root = await make({ name: `${name} root`, ca: true, ...times });
  const issuing = await make({ name: `${name} issuing`, by: root, ca: true, pathLength: 0, ...times });
  const client = await make({ name: 'box-12345678', by: issuing, ...clientOnly, ...times });
  const server = await make({ name: 'server', by: issuing, ...serverOnly, ...times });
  return { root, issuing, client, server };
}

const plain = (...made: Made[]): X509Certificate[] => made.map(({ certificate }) => certificate);

function asked(wish: Partial<PathWish> & Pick<PathWish, 'chain' | 'anchors'>): PathFault | 'ok' {
  const verdict = validatePath({ at: now, purpose: 'clientAuth', ...wish });
  return verdict.ok ? 'ok' : verdict.fault;
}

/** The same question to openssl at its strictest. */
function opensslSays(t: Test, { chain, anchors, at, purpose }: PathWish): boolean {
  const directory = t.testdir();
  const write = (name: string, certificates: readonly X509Certificate[]) =>
    writeFileSync(path.join(directory, name), certificates.map((one) => certificateToPem(one.raw)).join(''));
  write('anchors', anchors);
  write('leaf', chain.slice(0, 1));
  write('rest', chain.slice(1));
  const args = ['verify', '-x509_strict', '-attime', String(Number(at) / 1000), '-CAfile', 'anchors'];
  if (chain.length > 1) args.push('-untrusted', 'rest');
  if (purpose !== 'ca') args.push('-purpose', purpose === 'serverAuth' ? 'sslserver' : 'sslclient');
  try {
    execFileSync('openssl', [...args, 'leaf'], { cwd: directory, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

t.test('a good chain leads to its root, whatever the order in which it is shown', async (t) => {
  const { root, issuing, client, server } = await family('good');
  const anchors = plain(root);
  for (const chain of [plain(client, issuing), plain(client, root, issuing), plain(client, server, issuing, root)]) {
    const verdict = validatePath({ chain, anchors, at: now, purpose: 'clientAuth' });
    t.ok(verdict.ok);
    if (verdict.ok) t.same(verdict.path, plain(client, issuing, root));
    if (verdict.ok) t.same(verdict.validity, { notBefore: from, notAfter: until });
  }
  const asServer = { chain: plain(server, issuing), anchors, purpose: 'serverAuth' as const };
  for (const host of ['est.example', 'EST.example', 'est.example.', '192.0.2.7', 'a.wild.example'])
    t.equal(asked({ ...asServer, host }), 'ok', host);
  for (const host of ['example', 'x.est.example', '192.0.2.8', 'a.b.wild.example', 'server', '::1'])
    t.equal(asked({ ...asServer, host }), 'wrong-host', host);
  t.equal(asked({ chain: plain(issuing), anchors, purpose: 'ca' }), 'ok', 'an issuing CA below its root');
  t.equal(asked({ chain: plain(root), anchors, purpose: 'ca' }), 'ok', 'the root itself');
  t.equal(asked({ chain: plain(client, issuing), anchors, purpose: 'ca' }), 'not-a-ca');
  t.equal(asked({ chain: [], anchors }), 'malformed');
});

t.test('whatever the clock says, a fault of trust is never taken for one of time', async (t) => {
  const ours = await family('ours');
  const rogue = await family('rogue');
  const named = await family('ours'); // a rogue CA of the same name
  const anchors = plain(ours.root);
  const by = ours.issuing;
  const old = { from: Date.UTC(2020, 0, 1), until: Date.UTC(2021, 0, 1) };
  const leaf = (shape: Partial<Shape>) => make({ name: 'box-12345678', by, ...clientOnly, ...old, ...shape });
  const strange = async (by: Made) => plain(await leaf({ by }), by);
  const middle = await make({ name: 'middle', by: ours.root, ...clientOnly, ...old });
  const deep = await make({ name: 'deep', by, ca: true, ...old });
  const stolen = await leaf({});
  const list = await buildCrl(createIssuer({ certificate: by.certificate, signer: by.signer }), {
    number: 1n,
    thisUpdate: from,
    nextUpdate: until,
    revoked: [{ serial: stolen.certificate.serialNumber, at: from }],
  });
  const crls = [parseCrl(list)];
  const critical = [extension('1.2.3.4', octetString(Buffer.of(1)), true)];
  const cases: [string, X509Certificate[], PathFault][] = [
    ['of a rogue CA and expired', await strange(rogue.issuing), 'untrusted'],
    ['of a rogue CA with our name and expired', await strange(named.issuing), 'untrusted'],
    ['self-signed and expired', plain(await leaf({ by: undefined })), 'untrusted'],
    ['revoked and expired', plain(stolen, by), 'revoked'],
    ['for servers only and expired', plain(await leaf({ eku: [oids.serverAuth] }), by), 'wrong-purpose'],
    ['not for signing and expired', plain(await leaf({ usage: 0x06 }), by), 'wrong-purpose'],
    ['with CA:FALSE in the middle and expired', plain(await leaf({ by: middle }), middle), 'not-a-ca'],
    ['too long and expired', plain(await leaf({ by: deep }), deep, by), 'path-too-long'],
    [
      'with an unknown critical extension and expired',
      plain(await leaf({ more: critical }), by),
      'unsupported-critical',
    ],
    ['of nobody that was shown', plain(await leaf({})), 'untrusted'],
  ];
  for (const at of [longAgo, now, farOff, { atLeast: 0 }, { atLeast: now }])
    for (const [what, chain, fault] of cases)
      t.equal(asked({ chain, anchors, at, crls }), fault, `${what}, at ${JSON.stringify(at)}`);
  for (const [what, chain, fault] of cases)
    t.equal(asked({ chain, anchors, crls, tolerate: 'expired-leaf' }), fault, `${what}, expiry tolerated`);
  const isRevoked = (one: X509Certificate) => one.serialNumber === stolen.certificate.serialNumber;
  t.equal(asked({ chain: plain(stolen, by), anchors, isRevoked }), 'revoked', 'by the record of the store');

  t.test('a list counts only when the issuer in question signed it', async (t) => {
    const forger = createIssuer({ certificate: named.issuing.certificate, signer: named.issuing.signer });
    const fresh = await leaf({ until });
    const revoked = [{ serial: fresh.certificate.serialNumber, at: from }];
    const wish = { number: 9n, thisUpdate: from, nextUpdate: until, revoked };
    const chain = plain(fresh, by);
    t.equal(asked({ chain, anchors, crls: [parseCrl(await buildCrl(forger, wish))] }), 'ok');
    const right = createIssuer({ certificate: by.certificate, signer: by.signer });
    t.equal(asked({ chain, anchors, crls: [parseCrl(await buildCrl(right, wish))] }), 'revoked');
  });
});

t.test(
  'a fault of time is named when nothing else is wrong, and who does not know the time allows what can be',
  async (t) => {
    const { root, issuing, client } = await family('timed');
    const chain = plain(client, issuing);
    const anchors = plain(root);
    t.equal(asked({ chain, anchors, at: longAgo }), 'not-yet-valid');
    t.equal(asked({ chain, anchors, at: farOff }), 'expired');
    t.equal(asked({ chain, anchors, at: from }), 'ok', 'both ends are included');
    t.equal(asked({ chain, anchors, at: until }), 'ok');
    t.equal(asked({ chain, anchors, at: { atLeast: 0 } }), 'ok');
    t.equal(asked({ chain, anchors, at: { atLeast: longAgo } }), 'ok', 'it may be later than that');
    t.equal(asked({ chain, anchors, at: { atLeast: farOff } }), 'expired', 'it cannot be earlier than that');

    const drawer = await make({ name: 'box-12345678', by: issuing, ...clientOnly, from, until: from + day });
    t.equal(asked({ chain: plain(drawer, issuing), anchors }), 'expired');
    const tolerate = 'expired-leaf' as const;
    t.equal(asked({ chain: plain(drawer, issuing), anchors, tolerate }), 'ok');
    t.equal(asked({ chain: plain(drawer, issuing), anchors, tolerate, at: longAgo }), 'not-yet-valid');
    const spent = await make({ name: 'spent', by: root, ca: true, from, until: from + day });
    const below = await make({ name: 'box-12345678', by: spent, ...clientOnly, from, until: from + day });
    const verdict = validatePath({ chain: plain(below, spent), anchors, at: now, purpose: 'clientAuth', tolerate });
    t.match(verdict, { ok: false, fault: 'expired', certificate: spent.certificate }, 'of the leaf only');
    const later = await make({ name: 'box-12345678', by: spent, ...clientOnly, from: now, until });
    t.equal(asked({ chain: plain(later, spent), anchors, at: { atLeast: 0 } }), 'expired', 'never valid at once');
  },
);

t.test('we and openssl agree on each of them, in 1970, now and in 2040', async (t) => {
  const ours = await family('ours', always);
  const rogue = await family('rogue', always);
  const by = ours.issuing;
  const box = (shape: Partial<Shape>) => make({ name: 'box-12345678', by, ...clientOnly, ...always, ...shape });
  const middle = await make({ name: 'middle', by: ours.root, ...clientOnly, ...always });
  const deep = await make({ name: 'deep', by, ca: true, ...always });
  const open = await make({ name: 'open', by: ours.root, ca: true, ...always });
  const below = await make({ name: 'below', by: open, ca: true, pathLength: 0, ...always });
  const held = await make({
    name: 'held',
    by: ours.root,
    ca: true,
    permitted: ['example'],
    excluded: ['bad.example'],
    ...always,
  });
  const named = (host: string) => box({ by: held, hosts: [host], eku: [oids.serverAuth] });
  const certSignless = await make({ name: 'signless', by: ours.root, ca: true, usage: 0x80, ...always });
  const serving = await make({ name: 'serving', by: ours.root, ca: true, eku: [oids.serverAuth], ...always });
  const critical = [extension('1.2.3.4', octetString(Buffer.of(1)), true)];
  const harmless = [extension('1.2.3.4', sequence())];
  const serverAuth = 'serverAuth' as const;
  const cases: { what: string; chain: X509Certificate[]; purpose?: 'serverAuth' }[] = [
    { what: 'a box', chain: plain(await box({}), by) },
    { what: 'a box of this year', chain: plain(await box({ from, until }), by) },
    { what: 'a box as a server', chain: plain(await box({}), by), purpose: serverAuth },
    { what: 'a server', chain: plain(ours.server, by), purpose: serverAuth },
    { what: 'a server as a box', chain: plain(ours.server, by) },
    { what: 'a rogue one', chain: plain(rogue.client, rogue.issuing) },
    { what: 'a rogue one with its root', chain: plain(rogue.client, rogue.issuing, rogue.root) },
    { what: 'a self-signed one', chain: plain(await box({ by: undefined })) },
    { what: 'one below a leaf', chain: plain(await box({ by: middle }), middle) },
    { what: 'one too far below', chain: plain(await box({ by: deep }), deep, by) },
    { what: 'one below two CAs', chain: plain(await box({ by: below }), below, open) },
    { what: 'one below a CA that may not sign', chain: plain(await box({ by: certSignless }), certSignless) },
    { what: 'a box below a CA for servers', chain: plain(await box({ by: serving }), serving) },
    { what: 'an unknown critical extension', chain: plain(await box({ more: critical }), by) },
    { what: 'an unknown extension', chain: plain(await box({ more: harmless }), by) },
    { what: 'a permitted name', chain: plain(await named('good.example'), held), purpose: serverAuth },
    { what: 'a name elsewhere', chain: plain(await named('good.elsewhere'), held), purpose: serverAuth },
    { what: 'an excluded name', chain: plain(await named('very.bad.example'), held), purpose: serverAuth },
    { what: 'no extended usage', chain: plain(await make({ name: 'x', by, ca: false, ...always }), by) },
  ];
  let trusted = 0;
  for (const { what, chain, purpose = 'clientAuth' as const } of cases)
    for (const at of [longAgo, now, farOff]) {
      const wish = { chain, anchors: plain(ours.root), at, purpose };
      const verdict = validatePath(wish);
      trusted += verdict.ok ? 1 : 0;
      t.equal(
        verdict.ok,
        opensslSays(t, wish),
        `${what} in ${new Date(at).getUTCFullYear()}: ${verdict.ok || verdict.fault}`,
      );
    }
  t.equal(trusted, 6 * 3 + 1, 'and it is not that all are refused');
});

t.test(
  'a CA held to names is held to them, by wildcards too, and an unknown kind of constraint is believed nothing',
  async (t) => {
    const root = await make({ name: 'root', ca: true, ...always });
    const anchors = plain(root);
    const serve = async (constraint: Partial<Shape>, host: string): Promise<PathFault | 'ok'> => {
      const held = await make({ name: 'held', by: root, ca: true, ...always, ...constraint });
      const leaf = await make({ name: 'leaf', by: held, ...always, ...serverOnly, hosts: [host] });
      return asked({ chain: plain(leaf, held), anchors, purpose: 'serverAuth' });
    };
    t.equal(await serve({ permitted: ['webizen-4f2a.local'] }, 'webizen-4f2a.local'), 'ok');
    t.equal(await serve({ permitted: ['webizen-4f2a.local'] }, 'example.org'), 'name-forbidden');
    t.equal(await serve({ permitted: ['webizen-4f2a.local'] }, 'evilwebizen-4f2a.local'), 'name-forbidden');
    t.equal(await serve({ permitted: ['.example'] }, 'example'), 'name-forbidden');
    t.equal(await serve({ excluded: ['bad.example'] }, '*.example'), 'name-forbidden');
    t.equal(await serve({ excluded: ['bad.example'] }, '*.good.example'), 'ok');
    const mail = extension(oids.nameConstraints, sequence(), true);
    t.equal(await serve({ more: [mail] }, 'any.example'), 'ok', 'no constraint at all');
  },
);

t.test(
  'a new root is reached by the cross-signature of the old one, also when it is shown beside others',
  async (t) => {
    const old = await make({ name: 'root', ca: true, ...always });
    const fresh = await make({ name: 'root', ca: true, ...always });
    const crossed = await make({ name: 'root', by: old, ca: true, key: fresh.key, ...always });
    const expired = await make({ name: 'root', by: old, ca: true, key: fresh.key, from: 0, until: day });
    const issuing = await make({ name: 'issuing', by: fresh, ca: true, pathLength: 0, ...always });
    const client = await make({ name: 'box-12345678', by: issuing, ...clientOnly, ...always });
    const chain = plain(client, expired, fresh, crossed, issuing);
    t.equal(asked({ chain, anchors: plain(old) }), 'ok', 'who holds the old root');
    t.equal(asked({ chain, anchors: plain(fresh) }), 'ok', 'who holds the new one');
    t.equal(asked({ chain, anchors: plain(old, fresh) }), 'ok');
    t.equal(asked({ chain: plain(client, issuing, fresh, expired), anchors: plain(old) }), 'expired');
    t.equal(asked({ chain: plain(client, issuing, fresh), anchors: plain(old) }), 'untrusted');
    t.equal(asked({ chain: plain(crossed), anchors: plain(old), purpose: 'ca' }), 'ok');
  },
);

t.test('a stranger who shows a maze of a chain is answered soon', async (t) => {
  const { root } = await family('ours');
  const key = (await make({ name: 'maze', ca: true, ...always })).key;
  const maze = await Promise.all(
    Array.from({ length: 40 }, () => make({ name: 'maze', key, ca: true, usage: null, ...always })),
  );
  const leaf = await make({ name: 'leaf', by: maze[0]!, ...clientOnly, ...always });
  const began = performance.now();
  t.equal(asked({ chain: plain(leaf, ...maze), anchors: plain(root) }), 'untrusted');
  t.ok(performance.now() - began < 1000);
});

t.test('a chain with a flipped byte is never trusted for more than the whole one, whatever else it shows', async () => {
  const { root, issuing, client, server } = await family('flipped');
  const anchors = plain(root);
  const others = plain(issuing, server, root);
  fc.assert(
    fc.property(
      fc.shuffledSubarray(others, { minLength: 0 }),
      fc.constantFrom('leaf' as const, 'issuing' as const),
      fc.nat(10_000),
      fc.integer({ min: 1, max: 255 }),
      (shown, which, place, flip) => {
        const of = which === 'leaf' ? client : issuing;
        const der = Buffer.from(of.certificate.raw);
        der[place % der.length]! ^= flip;
        let altered: X509Certificate;
        try {
          altered = new X509Certificate(der);
        } catch {
          return true;
        }
        const rest = which === 'leaf' ? shown : [altered, ...shown.filter((one) => one !== issuing.certificate)];
        const chain = [which === 'leaf' ? altered : client.certificate, ...rest];
        return !validatePath({ chain, anchors, at: now, purpose: 'clientAuth' }).ok;
      },
    ),
    { numRuns: 1500 },
  );
  fc.assert(
    fc.property(fc.shuffledSubarray(others), (shown) => {
      const { ok } = validatePath({ chain: [client.certificate, ...shown], anchors, at: now, purpose: 'clientAuth' });
      return ok === shown.includes(issuing.certificate);
    }),
  );
});
