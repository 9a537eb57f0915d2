/** The desks of alliance and maker, as the built commands, from the first key to a box that holds what was made for it. */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import path from 'node:path';
import t, { type Test } from 'tap';
import { makeCsr } from '#common/pki/csr.js';
import { newPrivateKey, signerOf } from '#common/pki/keys.js';
import { certificatesFromPem } from '#common/pki/pem.js';
import { check } from '#contract/parse.js';
import { parseSetupCode, SetupVerifier, verifySetupCode } from '#contract/setup-code.js';
import { payloadOf } from '../support/alliance.js';
import { killed, testBox } from '../support/box.js';
import { ownFolder } from '../support/folder.js';
import { command, runCommand, testProvider } from '../support/provider.js';
import { kills } from '../support/random.js';

const provider = (...args: string[]) => runCommand('webizen-provider', args);
const agent = (...args: string[]) => runCommand('webizen-agent', args);

function done(t: Test, ...args: string[]): string {
  const { status, stdout, stderr } = provider(...args);
  t.equal(status, 0, `${args.slice(0, 3).join(' ')} ${stderr}`);
  return stdout;
}

const refused = (t: Test, code: string, ...args: string[]): void =>
  void t.match(provider(...args), { status: /[12]/, stderr: new RegExp(`^webizen-provider: ${code}: `) }, code);

const openssl = (directory: string, ...args: string[]): string =>
  execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const law = ['--jurisdiction', 'AU-NSW', '--law', 'New South Wales', '--provider', 'Kowhai Pty Ltd'];

/** An alliance that lists one territory, whose root is in `root.crt`. */
async function alliance(t: Test, root: string | Uint8Array, est = 'https://kowhai.example:8440') {
  const folder = await ownFolder(t);
  const at = (name: string) => path.join(folder, name);
  await writeFile(at('root.crt'), root);
  done(t, 'alliance', 'init', '--dir', at('A'));
  const territory = ['--id', 'kowhai', '--name', 'Kōwhai', ...law, '--est', est, '--ca', at('root.crt')];
  done(t, 'alliance', 'territory', 'add', '--dir', at('A'), ...territory);
  return { folder, at, territory };
}

function fetchDirectory(
  origin: string,
  tag?: string,
): Promise<{ status: number; type: string; tag: string; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = tag === undefined ? {} : { 'if-none-match': tag };
    const call = request(`${origin}/v1/directory`, { rejectUnauthorized: false, agent: false, headers }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.once('end', () =>
        resolve({
          status: reply.statusCode ?? 0,
          type: reply.headers['content-type'] ?? '',
          tag: reply.headers.etag ?? '',
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    call.once('error', reject);
    call.end();
  });
}

t.test('the alliance keeps its entries, and each publication is newer than the one before', async (t) => {
  const made = await testProvider(t);
  const { at, territory } = await alliance(t, await readFile(path.join(made.directory, 'ca/root.crt')));
  const mode = async (name: string) => ((await stat(at(name))).mode & 0o777).toString(8);
  for (const name of ['A/keys/1.key', 'A/keys/2.key', 'A/alliance.json']) t.equal(await mode(name), '600', name);
  t.notMatch(await readFile(at('A/keys.json'), 'utf8'), '"d"', 'no private part is published');

  refused(t, 'directory-not-empty', 'alliance', 'init', '--dir', at('A'));
  refused(t, 'entry-exists', 'alliance', 'territory', 'add', '--dir', at('A'), ...territory);
  refused(t, 'entry-unknown', 'alliance', 'territory', 'suspend', 'rata', '--dir', at('A'));
  refused(t, 'alliance-missing', 'alliance', 'publish', '--dir', at('nowhere'), '--out', at('x'));
  refused(t, 'arguments-invalid', 'alliance', 'territory', 'dance', '--dir', at('A'));
  const [, , ...unnamed] = territory;
  refused(t, 'arguments-invalid', 'alliance', 'territory', 'add', '--dir', at('A'), '--id', 'Not An Id', ...unnamed);
  await writeFile(at('leaf.crt'), await readFile(path.join(made.directory, 'territory.json')));
  refused(
    t,
    'certificate-unusable',
    'alliance',
    'maker',
    'add',
    '--dir',
    at('A'),
    '--id',
    'm',
    '--name',
    'M',
    '--ca',
    at('leaf.crt'),
  );

  const publish = (name: string, ...more: string[]) =>
    done(t, 'alliance', 'publish', '--dir', at('A'), '--out', at(name), ...more);
  t.match(publish('1.jws'), /^directory 1 is in /);
  done(t, 'alliance', 'territory', 'suspend', 'kowhai', '--reason', 'an audit', '--dir', at('A'));
  done(t, 'alliance', 'url', 'https://alliance.example/directory.jws', '--dir', at('A'));
  publish('2.jws', '--valid', '7d');
  const second = payloadOf((await readFile(at('2.jws'), 'utf8')).trim());
  t.match(second, { sequence: 2, urls: ['https://alliance.example/directory.jws'] });
  t.match(second.territories, [{ id: 'kowhai', standing: 'suspended', reason: 'an audit' }]);
  t.equal(second.expiresAt - second.issuedAt, 7 * 86_400_000);
  done(t, 'alliance', 'territory', 'reinstate', 'kowhai', '--dir', at('A'));
  t.match(done(t, 'alliance', 'territory', 'list', '--dir', at('A')), /kowhai +accredited +AU-NSW/);
  await rm(at('A/keys/2.key'));
  publish('3.jws');
  t.pass('publishing needs no offline key');
  refused(t, 'alliance-key', 'alliance', 'rotate', '--dir', at('A'));
  done(t, 'alliance', 'territory', 'remove', 'kowhai', '--dir', at('A'));
  t.equal(done(t, 'alliance', 'territory', 'list', '--json', '--dir', at('A')).trim(), '[]');
});

t.test('a territory takes the directory while it serves, and hands it to boxes', async (t) => {
  const made = await testProvider(t);
  const { directory } = made;
  const { at } = await alliance(t, await readFile(path.join(directory, 'ca/root.crt')), made.est);
  const accept = (name: string, ...more: string[]) => ['directory', 'accept', at(name), '--dir', directory, ...more];
  done(t, 'alliance', 'publish', '--dir', at('A'), '--out', at('1.jws'));
  refused(t, 'directory-missing', 'directory', 'show', '--dir', directory);
  refused(t, 'directory-keys-missing', ...accept('1.jws'));
  refused(t, 'directory-keys-invalid', ...accept('1.jws', '--keys', at('root.crt')));
  refused(t, 'arguments-invalid', ...accept('none.jws', '--keys', at('A/keys.json')));

  // As a program of its own: a command is awaited here, and must be answered meanwhile.
  let serving = await made.spawn();
  t.teardown(() => killed(serving));
  t.match(await fetchDirectory(made.est), { status: 404, body: /directory-missing/ });
  t.match(done(t, ...accept('1.jws', '--keys', at('A/keys.json'))), 'the directory is accepted');
  t.match(done(t, ...accept('1.jws')), 'held already');
  const served = await fetchDirectory(made.est);
  t.match(served, { status: 200, type: 'application/jose' });
  t.equal(served.body, (await readFile(at('1.jws'), 'utf8')).trim());
  t.match(await fetchDirectory(made.est, served.tag), { status: 304, body: '' });

  done(t, 'alliance', 'rotate', '--dir', at('A'), '--next-out', at('offline.key'));
  done(t, 'alliance', 'publish', '--dir', at('A'), '--out', at('2.jws'));
  t.match(done(t, ...accept('2.jws')), 'the directory is accepted');
  refused(t, 'directory-older', ...accept('1.jws'));
  t.match(JSON.parse(done(t, 'directory', 'show', '--json', '--dir', directory)), {
    sequence: 2,
    expired: false,
    territories: 1,
  });
  await killed(serving);
  t.match(done(t, 'directory', 'show', '--dir', directory), /^sequence +2\n/, 'also while it does not serve');
  refused(t, 'alliance-key', 'alliance', 'rotate', '--dir', at('A'));
  done(t, 'alliance', 'rotate', '--dir', at('A'), '--next-key', at('offline.key'));
  done(t, 'alliance', 'publish', '--dir', at('A'), '--out', at('3.jws'));
  t.match(done(t, ...accept('3.jws')), 'the directory is accepted');
  serving = await made.spawn();
  t.equal((await fetchDirectory(made.est)).body, (await readFile(at('3.jws'), 'utf8')).trim());

  const foreign = await alliance(t, await readFile(at('root.crt')));
  done(t, 'alliance', 'publish', '--dir', foreign.at('A'), '--out', at('foreign.jws'));
  refused(t, 'directory-foreign', ...accept('foreign.jws'));
});

t.test('a box gets its identity, label and voucher from the maker', async (t) => {
  const made = await testProvider(t);
  const { at } = await alliance(t, await readFile(path.join(made.directory, 'ca/root.crt')));
  done(t, 'maker', 'init', '--dir', at('M'), '--id', 'acme', '--name', 'Acme Ōtautahi');
  refused(t, 'directory-not-empty', 'maker', 'init', '--dir', at('M'), '--id', 'acme', '--name', 'Acme');
  refused(t, 'maker-missing', 'maker', 'list', '--dir', at('nowhere'));
  t.equal((await stat(at('M/ca.key'))).mode & 0o777, 0o600);
  done(
    t,
    'alliance',
    'maker',
    'add',
    '--dir',
    at('A'),
    '--id',
    'acme',
    '--name',
    'Acme Ōtautahi',
    '--ca',
    at('M/ca.crt'),
  );
  t.match(done(t, 'alliance', 'maker', 'list', '--dir', at('A')), /acme +accredited/);
  done(t, 'alliance', 'publish', '--dir', at('A'), '--out', at('1.jws'));

  const box = await testBox(t, { est: made.est, caSha256: made.caSha256 });
  const csr = agent('factory', 'csr', '--config', box.configFile, '--serial', 'WZ-0001');
  t.match(csr, { status: 0, stdout: /^-----BEGIN CERTIFICATE REQUEST-----\n/ });
  await writeFile(at('box.csr'), csr.stdout);
  t.match(openssl(at('.'), 'req', '-in', 'box.csr', '-noout', '-subject', '-verify'), /serialNumber = WZ-0001/);

  const make = (...more: string[]) => ['maker', 'make-box', '--dir', at('M'), '--out', at('boxes'), ...more];
  const one = ['--serial', 'WZ-0001', '--csr', at('box.csr')];
  const sold = ['--territory', 'kowhai', '--directory', at('1.jws'), '--keys', at('A/keys.json')];
  refused(t, 'territory-unknown', ...make(...one, ...sold, '--territory', 'rata'));
  refused(t, 'serial-mismatch', ...make(...one, '--serial', 'WZ-0002'));
  refused(t, 'serial-invalid', ...make(...one, '--serial', '../../etc'));
  refused(t, 'csr-malformed', ...make(...one, '--csr', at('1.jws')));
  refused(t, 'arguments-invalid', ...make(...one, '--territory', 'kowhai'));
  t.match(done(t, ...make(...one, ...sold, '--voucher-valid', '365d')), /^made /);
  const from = at('boxes/WZ-0001');
  const contents = ['idevid.crt', 'label.svg', 'label.txt', 'setup-code.json', 'voucher.vcj', 'wifi-password.txt'];
  t.same((await readdir(from)).sort(), contents);
  const label = await readFile(path.join(from, 'label.txt'), 'utf8');
  const code = /^code +(\S+)$/m.exec(label)?.[1] ?? '';
  t.match(label, /^name +webizen-[0-9a-z]{4}$/m);
  t.match(label, /^serial +WZ-0001$/m);
  t.ok(parseSetupCode(code));
  t.match(label, `http://webizen.local/#code=${code}`);
  const svg = await readFile(path.join(from, 'label.svg'), 'utf8');
  const wifi = (await readFile(path.join(from, 'wifi-password.txt'), 'utf8')).trim();
  t.match(wifi, /^[0-9a-hjkmnp-tv-z]{5}(-[0-9a-hjkmnp-tv-z]{5}){2}$/);
  t.match(label, new RegExp(`^wifi +Webizen-[0-9a-z]{4} ${wifi}$`, 'm'));
  for (const words of ['WZ-0001', code, wifi, '<path ']) t.match(svg, words);
  t.match(openssl(from, 'verify', '-x509_strict', '-CAfile', at('M/ca.crt'), 'idevid.crt'), 'OK');
  t.match(openssl(from, 'cms', '-verify', '-inform', 'DER', '-in', 'voucher.vcj', '-CAfile', at('M/ca.crt')), 'kowhai');

  const before = await readFile(path.join(from, 'idevid.crt'), 'utf8');
  t.match(done(t, ...make(...one, ...sold)), /^there /);
  t.equal(await readFile(path.join(from, 'label.txt'), 'utf8'), label, 'the code stays');
  t.equal(await readFile(path.join(from, 'idevid.crt'), 'utf8'), before);
  refused(t, 'serial-made', 'maker', 'make-box', '--dir', at('M'), '--out', at('elsewhere'), ...one);
  const stranger = await makeCsr({ serialNumber: 'WZ-0001', signer: signerOf(newPrivateKey()) });
  await writeFile(at('stranger.csr'), stranger);
  refused(t, 'serial-taken', ...make(...one, '--csr', at('stranger.csr')));
  t.match(JSON.parse(done(t, 'maker', 'list', '--json', '--dir', at('M'))), [
    { serial: 'WZ-0001', voucher: 'kowhai', keyHash: /^[0-9a-f]{64}$/ },
  ]);

  t.match(agent('factory', 'install', '--config', box.configFile, '--from', from), {
    status: 0,
    stdout: /^webizen-[0-9a-z]{4}, serial WZ-0001, with a voucher\n$/,
  });
  t.match(agent('factory', 'install', '--config', box.configFile, '--from', at('A')), {
    status: 1,
    stderr: /idevid-malformed/,
  });
  t.match(agent('factory', 'install', '--config', box.configFile), { status: 2, stderr: /--from DIR is missing/ });
  t.match(agent('factory', 'dance'), { status: 2, stderr: /csr, install or code/ });
  t.ok(parseSetupCode(agent('factory', 'code').stdout.trim()));
});

/** A thousand took 21 s of a busy machine's two cores, most of it for hashing codes: all of them where time is given. */
const count = kills >= 200 ? 1000 : 150;

t.test(`a production line makes ${count} boxes in one call, and goes on where it was cut`, async (t) => {
  const folder = await ownFolder(t);
  const at = (name: string) => path.join(folder, name);
  done(t, 'maker', 'init', '--dir', at('M'), '--id', 'acme', '--name', 'Acme');
  const signer = signerOf(newPrivateKey()); // a key each would test nothing more
  const serials = Array.from({ length: count }, (_, index) => `WZ-${String(index).padStart(6, '0')}`);
  const lines = await Promise.all(
    serials.map(async (serialNumber) => {
      const csr = (await makeCsr({ serialNumber, signer })).toString('base64');
      return JSON.stringify({ serial: serialNumber, csr });
    }),
  );
  await writeFile(at('line.jsonl'), `${lines.join('\n')}\n`);
  const make = (...more: string[]) => ['maker', 'make-box', '--dir', at('M'), '--out', at('boxes'), ...more];
  const began = performance.now();
  const line = make('--batch', at('line.jsonl'), '--territory-ca', at('M/ca.crt'), '--territory', 'kowhai');
  const said = execFileSync(process.execPath, [command('webizen-provider'), ...line], { encoding: 'utf8' });
  t.match(said, `${count} made, 0 were there`);
  const seconds = (performance.now() - began) / 1000;
  t.comment(`${seconds.toFixed(1)} s for ${count} boxes`);
  t.same((await readdir(at('boxes'))).sort(), serials);
  const codes = await Promise.all(serials.map((serial) => readFile(at(`boxes/${serial}/label.txt`), 'utf8')));
  t.equal(new Set(codes.map((text) => /^code +(\S+)$/m.exec(text)?.[1])).size, count, 'each has a code of its own');
  const verifier = check(SetupVerifier, JSON.parse(await readFile(at('boxes/WZ-000007/setup-code.json'), 'utf8')));
  const code = /^code +(\S+)$/m.exec(codes[7] ?? '')?.[1] ?? '';
  t.ok(verifier.ok && (await verifySetupCode(code, verifier.value)), 'and the box knows it');

  // As a cut leaves it: a folder that is not registered, one half made, a line half written
  const register = await readFile(at('M/made.jsonl'), 'utf8');
  const [kept = '', last = ''] = [register.split('\n').slice(0, -2).join('\n'), register.split('\n').at(-2)];
  const { serial } = JSON.parse(last) as { serial: string };
  await writeFile(at('M/made.jsonl'), `${kept}\n${last.slice(0, 40)}`);
  await mkdir(at('boxes/WZ-900000.partial'));
  await writeFile(at('boxes/WZ-900000.partial/idevid.crt'), 'half');
  const added = (await makeCsr({ serialNumber: 'WZ-900000', signer })).toString('base64');
  await appendFile(at('line.jsonl'), `${JSON.stringify({ serial: 'WZ-900000', csr: added })}\n`);
  t.match(done(t, ...make('--batch', at('line.jsonl'))), `1 made, ${count} were there`);
  t.same(
    await Promise.all(serials.map((one) => readFile(at(`boxes/${one}/label.txt`), 'utf8'))),
    codes,
    'no code changed',
  );
  const listed = JSON.parse(done(t, 'maker', 'list', '--json', '--dir', at('M'))) as { serial: string }[];
  t.equal(listed.length, count + 1);
  t.ok(
    listed.some((one) => one.serial === serial),
    'what was cut is registered',
  );
  t.notOk((await readdir(at('boxes'))).some((name) => name.endsWith('.partial')));

  await writeFile(at('wrong.jsonl'), `${lines[0]}\n${lines[0]}\n`);
  refused(t, 'batch-invalid', ...make('--batch', at('wrong.jsonl')));
  await writeFile(at('wrong.jsonl'), `${lines[0]}\nnonsense\n`);
  t.match(provider(...make('--batch', at('wrong.jsonl'))).stderr, /batch-invalid: .*line 2/);
  await mkdir(at('requests'));
  await writeFile(at('requests/WZ-777777.csr'), await makeCsr({ serialNumber: 'WZ-777777', signer }));
  t.match(done(t, ...make('--batch', at('requests'))), /^1 made, 0 were there/);
  const [leaf] = certificatesFromPem(await readFile(at('boxes/WZ-777777/idevid.crt'), 'utf8'));
  t.ok(leaf instanceof X509Certificate);
});
