import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { makeCsr } from '#common/pki/csr.js';
import { newPrivateKey, signerOf } from '#common/pki/keys.js';
import { decodeBody, encodeBody } from '#common/pki/pem.js';
import { parseCertsOnly } from '#common/pki/pkcs7.js';
import { version } from '#common/version.js';
import { kills, randomFrom, seed } from '../support/random.js';

const program = 'build/bin/webizen-provider.js';
const about = ['--territory', 'kowhai', '--name', 'Kōwhai', '--jurisdiction', 'AU-NSW', '--law', 'New South Wales'];

interface Ended {
  code: number;
  out: string;
  err: string;
}

const command = (...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err });
    });
  });

async function place(t: Test): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'provider-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function territory(t: Test, ...more: string[]): Promise<string> {
  const directory = path.join(await place(t), 'territory');
  const { code, err } = await command('init', '--dir', directory, ...about, ...more);
  if (code !== 0) throw new Error(err);
  return directory;
}

interface Served {
  urls: Record<string, string>;
  child: ChildProcess;
  /** The exit code, or the signal's name. */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

/** Resolves at `ready`. */
async function serve(t: Test, directory: string): Promise<Served> {
  const child = spawn(process.execPath, [program, 'serve', '--dir', directory, '--port-base', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit').then(([code, signal]): number | string => code ?? signal);
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return ended;
  };
  t.teardown(() => end('SIGKILL'));
  const urls: Record<string, string> = {};
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line === 'ready') return { urls, child, end };
    const [what = '', url = ''] = line.split(' ');
    urls[what] = url;
  }
  throw new Error(`the provider ended before it was ready: ${await ended}`);
}

const json = (text: string): unknown => JSON.parse(text);
const refused = (t: Test, { code, err }: Ended, exitCode: number, problem: string): void => {
  t.match(err, new RegExp(`^webizen-provider: ${problem}: .+\n {2}\\S.+`), problem);
  t.equal(code, exitCode, `${problem} ends with ${exitCode}`);
};

t.test('init makes a territory that only its owner can read, once', async (t) => {
  const directory = await territory(t, '--leaf-lifetime', '90s');
  const mode = async (name: string) => ((await stat(path.join(directory, name))).mode & 0o777).toString(8);
  t.equal(await mode('.'), '700');
  for (const name of ['ca/root.key', 'ca/issuing.key', 'operator.secret', 'territory.json'])
    t.equal(await mode(name), '600', `${name} is its owner's`);
  const root = new X509Certificate(await readFile(path.join(directory, 'ca/root.crt')));
  t.ok(root.ca && root.verify(root.publicKey));
  const secret = (await readFile(path.join(directory, 'operator.secret'), 'utf8')).trim();
  t.equal(Buffer.from(secret, 'base64url').length, 32);
  t.match(json(await readFile(path.join(directory, 'territory.json'), 'utf8')), {
    id: 'kowhai',
    jurisdiction: 'AU-NSW',
    leafLifetimeSeconds: 90,
  });
  refused(t, await command('init', '--dir', directory, ...about), 1, 'directory-not-empty');
  t.equal((await readFile(path.join(directory, 'ca/root.crt'), 'utf8')).trim(), root.toString().trim(), 'untouched');

  t.test('and a run that was cut in the middle is finished by the next', async (t) => {
    const key = await readFile(path.join(directory, 'ca/root.key'));
    await rm(path.join(directory, 'territory.json'));
    await rm(path.join(directory, 'operator.secret'));
    await writeFile(path.join(directory, 'operator.secret.new'), 'half');
    await rm(path.join(directory, 'store'), { recursive: true });
    await mkdir(path.join(directory, 'store.new'));
    for (const name of ['CURRENT', 'MANIFEST-000001']) await writeFile(path.join(directory, 'store.new', name), '');
    t.equal((await command('init', '--dir', directory, ...about)).code, 0);
    t.ok((await readFile(path.join(directory, 'ca/root.key'))).equals(key), 'no key is thrown away');
    t.notOk((await readdir(directory)).some((name) => name.endsWith('.new')));
  });

  t.test("an empty directory with the usual mode is taken over, one with somebody's files is not", async (t) => {
    const empty = await place(t);
    await chmod(empty, 0o755);
    t.equal((await command('init', '--dir', empty, ...about)).code, 0);
    t.equal((await stat(empty)).mode & 0o777, 0o700);
    const full = await place(t);
    await writeFile(path.join(full, 'diary'), '');
    refused(t, await command('init', '--dir', full, ...about), 1, 'directory-not-empty');
  });
});

t.test('what is wrong on the command line is said, with exit code 2', async (t) => {
  const directory = path.join(await place(t), 'none');
  const dir = ['--dir', directory];
  const wrong: string[][] = [
    [],
    ['frobnicate'],
    ['init'],
    ['init', ...dir],
    ['init', ...dir, ...about, '--colour', 'red'],
    ['init', ...dir, ...about, 'more'],
    ['init', ...dir, ...about, '--jurisdiction', 'Sydney'],
    ['init', ...dir, ...about, '--leaf-lifetime', 'for ever'],
    ['init', ...dir, ...about, '--leaf-lifetime', '1s'],
    ['serve'],
    ['serve', ...dir, '--port-base', '65534'],
    ['serve', ...dir, '--port-base', 'x'],
    ['claim'],
    ['claim', 'eat', ...dir],
    ['claim', 'create', ...dir, '--count', '0'],
    ['claim', 'create', ...dir, '--expires', '-1d'],
    ['claim', 'revoke', ...dir],
    ['box', 'open', ...dir],
    ['box', 'show', ...dir],
  ];
  for (const args of wrong) refused(t, await command(...args), 2, 'arguments-invalid');
  await t.rejects(stat(directory), { code: 'ENOENT' }, 'nothing was made');
  refused(t, await command('serve', ...dir), 1, 'territory-missing');
  refused(t, await command('claim', 'list', '--dir', await place(t)), 1, 'territory-missing');
  for (const args of [
    ['--help'],
    ['init', '--help'],
    ['serve', '--help'],
    ['claim', 'create', '--help'],
    ['box', '-h'],
  ]) {
    const { code, out } = await command(...args);
    t.match(out, /^webizen-provider/);
    t.equal(code, 0);
  }
  t.equal((await command('--version')).out, `${version}\n`);
});

t.test("a directory that is open to others, or somebody else's, is not used", async (t) => {
  const directory = await territory(t);
  await chmod(directory, 0o750);
  refused(t, await command('serve', '--dir', directory), 1, 'directory-owner');
  refused(t, await command('claim', 'create', '--dir', directory), 1, 'directory-owner');
  await chmod(directory, 0o700);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) await chown(directory, 65534, 65534);
  refused(t, await command('serve', '--dir', isRoot ? directory : '/usr'), 1, 'directory-owner');
  const file = path.join(await place(t), 'file');
  await writeFile(file, '');
  refused(t, await command('serve', '--dir', file), 1, 'directory-owner');
});

t.test('claims and boxes are seen to with a server and without one, in the same words', async (t) => {
  const directory = await territory(t);
  const dir = ['--dir', directory];
  const bare = await command('claim', 'create', ...dir, '--label', 'for Ana', '--expires', '1h');
  t.match(bare.out, /^([0-9A-Z]{5}-){3}[0-9A-Z]{5}\n$/, 'the code and nothing else');
  const { urls, end } = await serve(t, directory);
  t.match(urls.est, /^https:\/\/localhost:\d+$/);
  const mode = (await stat(path.join(directory, 'control.sock'))).mode & 0o777;
  t.equal(mode, 0o600);

  const made = json((await command('claim', 'create', ...dir, '--count', '3', '--json')).out);
  t.match(made, [{ code: /-/, state: 'open' }, { code: /-/ }, { code: /-/ }]);
  refused(t, await command('serve', ...dir, '--port-base', '0'), 1, 'directory-in-use');
  const listed = await command('claim', 'list', ...dir, '--json');
  t.match(json(listed.out), [{ label: 'for Ana', state: 'open' }, {}, {}, {}]);
  t.notMatch(listed.out, bare.out.trim(), 'the code is not kept');
  const id = /"id":"([0-9a-f]+)"/.exec(listed.out)?.[1] ?? '';
  t.match((await command('claim', 'revoke', id, ...dir)).out, 'revoked');
  refused(t, await command('claim', 'revoke', 'ffffffffffff', ...dir), 1, 'claim-id-unknown');
  refused(t, await command('box', 'show', 'box-000000000000', ...dir), 1, 'box-unknown');
  t.same(json((await command('box', 'list', ...dir, '--json')).out), []);
  t.equal(await end('SIGTERM'), 0, 'told to stop, it ends in order');
  t.notOk((await readdir(directory)).includes('control.sock'));

  const after = await command('claim', 'list', ...dir);
  t.match(after.out, new RegExp(`^ID .*\n${id} +revoked .*for Ana\n`), 'and without the server');
  refused(t, await command('box', 'revoke', 'no box', ...dir), 1, 'box-unknown');
  const again = await serve(t, directory);
  t.equal(await again.end('SIGINT'), 0);
});

t.test('a port in use and an address of another machine are named', async (t) => {
  const directory = await territory(t);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.teardown(() => other.close());
  const address = other.address();
  const port = typeof address === 'object' && address ? String(address.port) : '';
  const taken = await command('serve', '--dir', directory, '--port-base', port);
  refused(t, taken, 1, 'port-in-use');
  t.match(taken.err, port);
  const elsewhere = await command('serve', '--dir', directory, '--host', '192.0.2.1', '--port-base', '0');
  refused(t, elsewhere, 1, 'address-unavailable');
});

t.test('the server certificate is kept while it serves, and made again for another name', async (t) => {
  const directory = await territory(t);
  const held = () => readFile(path.join(directory, 'tls/server.crt'), 'utf8');
  await (await serve(t, directory)).end('SIGTERM');
  const first = await held();
  await (await serve(t, directory)).end('SIGTERM');
  t.equal(await held(), first);
  const other = spawn(process.execPath, [
    program,
    'serve',
    '--dir',
    directory,
    '--host',
    '0.0.0.0',
    '--port-base',
    '0',
  ]);
  const lines: string[] = [];
  for await (const line of createInterface({ input: other.stdout })) {
    lines.push(line);
    if (line === 'ready') other.kill();
  }
  t.equal(lines.at(-1), 'ready');
  t.not(await held(), first);
});

/** A small generator, so that a run can be repeated from its printed seed. */
t.test('killed at any moment, the provider loses no certificate that it gave and locks no box out', async (t) => {
  const directory = await territory(t);
  t.comment(`SEED=${seed}`);
  const random = randomFrom(seed);
  const ca = await readFile(path.join(directory, 'ca/root.crt'), 'utf8');
  const rounds = Math.max(4, Math.ceil(kills / 20));
  const atOnce = 8;
  let enrolled = 0;

  const redeem = (url: string, code: string, body: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = {
        'content-type': 'application/pkcs10',
        authorization: `Basic ${Buffer.from(`claim:${code}`).toString('base64')}`,
      };
      const agent = new Agent({ maxCachedSessions: 0 });
      const call = request(
        `${url}/.well-known/est/simpleenroll`,
        { method: 'POST', ca, agent, headers },
        async (reply) => {
          const chunks: Buffer[] = [];
          try {
            for await (const chunk of reply) chunks.push(Buffer.from(chunk));
            const der = decodeBody(Buffer.concat(chunks));
            resolve(parseCertsOnly(der ?? Buffer.of())[0]!.fingerprint256);
          } catch (error) {
            reject(error);
          }
        },
      );
      call.once('error', reject);
      call.end(body);
    });

  for (let round = 0; round < rounds; round += 1) {
    const codes = (await command('claim', 'create', '--dir', directory, '--count', String(atOnce))).out
      .trim()
      .split('\n');
    const body = encodeBody(await makeCsr({ commonName: 'any', signer: signerOf(newPrivateKey()) }));
    const { urls, end } = await serve(t, directory);
    const url = urls.est ?? '';
    const fatalReply = Math.floor(random() * atOnce);
    let replies = 0;
    const given = await Promise.all(
      codes.map((code) =>
        redeem(url, code, body).then(
          (fingerprint) => {
            replies += 1;
            if (replies > fatalReply) void end('SIGKILL');
            return fingerprint;
          },
          () => undefined,
        ),
      ),
    );
    t.equal(await end('SIGKILL'), 'SIGKILL');
    const next = await serve(t, directory);
    const again = await Promise.all(codes.map((code) => redeem(next.urls.est ?? '', code, body)));
    enrolled += atOnce;
    for (const [index, fingerprint] of given.entries())
      if (fingerprint !== undefined) t.equal(again[index], fingerprint, 'the same certificate');
    t.equal(new Set(again).size, atOnce, 'everybody is let in');
    t.equal(await next.end('SIGTERM'), 0);
  }
  const boxes = json((await command('box', 'list', '--dir', directory, '--json')).out);
  t.equal(Array.isArray(boxes) ? boxes.length : 0, enrolled, 'one box a claim, no more');
});

t.test('a directory whose socket would not fit is refused before anything listens', async (t) => {
  const base = await place(t);
  const deep = path.join(base, 'd'.repeat(100));
  await mkdir(base, { recursive: true });
  t.equal((await command('init', '--dir', deep, ...about)).code, 0);
  refused(t, await command('serve', '--dir', deep, '--port-base', '0'), 2, 'socket-path-too-long');
});
