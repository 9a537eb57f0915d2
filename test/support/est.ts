/** A provider with a territory of its own, and strangers' ways to ask its EST server: curl, and many calls at once. */
import { execFile } from 'node:child_process';
import type { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import type { Test } from 'tap';
import { Type } from 'typebox';
import { systemClock } from '#common/clock.js';
import { callControl } from '#common/control.js';
import { files } from '#common/files.js';
import { makeCsr } from '#common/pki/csr.js';
import { keyToPem, newPrivateKey, signerOf } from '#common/pki/keys.js';
import { certificateToPem, decodeBody, encodeBody } from '#common/pki/pem.js';
import { parseCertsOnly } from '#common/pki/pkcs7.js';
import { CreatedClaim } from '#contract/operator.js';
import { check, parseJson } from '#contract/parse.js';
import { Problem } from '#contract/problems.js';
import { init } from '../../provisioning/cli/init.js';
import { controlSocket } from '../../provisioning/territory.js';
import type { ProviderWish } from './provider.js';
import { providerOf } from './records.js';

export const run = promisify(execFile);
export const est = '/.well-known/est';
export const day = 86_400_000;
export const log = pino({ level: 'fatal' });

export interface Answer {
  status: number;
  headers: string;
  body: Buffer;
}

export interface Asked {
  code?: string;
  basic?: string;
  body?: string | Buffer;
  type?: string;
  with?: { cert: string; key: string };
  header?: string;
  args?: string[];
}

export function answered<T>(parsed: { ok: true; value: T } | { ok: false; faults: unknown }): T {
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
}

export type Wish = ProviderWish;

export async function territory(t: Test, wish: Wish = {}, more: string[] = []) {
  const directory = await mkdtemp(path.join(tmpdir(), 'est-'));
  const time = { ahead: 0 };
  const clock = { ...systemClock, now: () => Date.now() + time.ahead };
  const assetsDir = path.resolve('build/console');
  const io = { out() {}, stop: new AbortController().signal, assetsDir };
  const about = ['--territory', 'kowhai', '--name', 'Kōwhai', '--jurisdiction', 'AU-NSW', '--law', 'NSW'];
  await init(['--dir', directory, ...about, ...more], io);
  const config = { directory, host: 'localhost', portBase: 0, assetsDir, ...wish };
  const provider = providerOf(config, { files, clock, log, ...wish });
  await provider.start();
  t.teardown(async () => {
    await provider.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const root = path.join(directory, 'ca/root.crt');
  const url = new URL(provider.urls.est);
  const ask = (operation: string, parameters: unknown) => callControl(controlSocket(directory), operation, parameters);

  /** As a stranger's client would: curl, on a connection of its own. */
  async function curl(address: string, { code, basic, body, type = 'application/pkcs10', ...asked }: Asked = {}) {
    const input = path.join(directory, `body-${Math.random()}`);
    const args = ['-s', '-i', '--http1.1', '--cacert', root, new URL(address, url).href];
    if (code !== undefined) args.push('-u', `claim:${code}`);
    if (basic !== undefined) args.push('-H', `Authorization: ${basic}`);
    if (body !== undefined) {
      await writeFile(input, body);
      args.push('-H', `Content-Type: ${type}`, '-H', 'Expect:', '--data-binary', `@${input}`);
    }
    if (asked.header !== undefined) args.push('-H', asked.header);
    args.push(...(asked.args ?? []));
    if (asked.with) {
      await writeFile(`${input}.pem`, asked.with.cert + asked.with.key);
      args.push('--cert', `${input}.pem`);
    }
    const { stdout } = await run('curl', args, { encoding: 'buffer' });
    const end = stdout.indexOf('\r\n\r\n');
    const headers = stdout.subarray(0, end).toString('latin1');
    return { status: Number(headers.split(' ')[1]), headers, body: stdout.subarray(end + 4) } satisfies Answer;
  }

  const ca = await readFile(root, 'utf8');
  /** The same in this process, for many at once. */
  const post = (code: string, body: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const call = httpsRequest(
        new URL(`${est}/simpleenroll`, url),
        {
          method: 'POST',
          ca,
          agent: new Agent({ maxCachedSessions: 0 }),
          headers: { 'content-type': 'application/pkcs10', authorization: basicOf(`claim:${code}`) },
        },
        async (reply) => {
          const chunks: Buffer[] = [];
          for await (const chunk of reply) chunks.push(Buffer.from(chunk));
          resolve({ status: reply.statusCode ?? 0, headers: '', body: Buffer.concat(chunks) });
        },
      );
      call.once('error', reject);
      call.end(body);
    });

  async function claims(count = 1, wish: object = {}) {
    return answered(check(Type.Array(CreatedClaim), await ask('claim.create', { count, ...wish })));
  }
  const claim = async (wish: object = {}) => (await claims(1, wish))[0]!;
  const boxes = async () => answered(check(Type.Array(Type.Unknown()), await ask('box.list', { limit: 500 })));

  /** A box: its key, and how it asks. */
  async function enrolled() {
    const key = newPrivateKey();
    const { code } = await claim();
    const answer = await curl(`${est}/simpleenroll`, { code, body: await csr(key) });
    const certificate = certificateIn(answer);
    const id = certificate.subject.replace('CN=', '');
    return { id, key, certificate, with: { cert: certificateToPem(certificate.raw), key: keyToPem(key) } };
  }
  return { directory, provider, clock, time, ask, curl, post, claim, claims, boxes, enrolled, url, ca, root };
}

export const basicOf = (credentials: string): string => `Basic ${Buffer.from(credentials).toString('base64')}`;
export const csr = async (key = newPrivateKey(), commonName = 'any'): Promise<string> =>
  encodeBody(await makeCsr({ commonName, signer: signerOf(key) }));

export function certificateIn({ status, body }: Answer): X509Certificate {
  if (status !== 200) throw new Error(`${status} ${body.toString()}`);
  const der = decodeBody(body);
  if (!der) throw new Error('not base64');
  return parseCertsOnly(der)[0]!;
}

export function refused(t: Test, answer: Answer, status: number, code: string): void {
  const problem = parseJson(Problem, answer.body);
  const about = problem.ok ? problem.value : undefined;
  t.match({ status: answer.status, code: about?.code }, { status, code }, `${code}`);
  t.ok(about?.remedy, `${code} says what to do`);
  if (answer.headers === '') return;
  t.match(answer.headers, /^Content-Type: application\/problem\+json/m);
  if (status === 401) t.match(answer.headers, /^WWW-Authenticate: Basic realm="kowhai"\r?$/m);
}
