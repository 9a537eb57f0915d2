/** The built provider with a territory of its own, and what a box needs to be in it. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Type } from 'typebox';
import { makeCsr } from '#common/pki/csr.js';
import { keyToPem, newPrivateKey, signerOf } from '#common/pki/keys.js';
import { certificateToPem, decodeBody, encodeBody } from '#common/pki/pem.js';
import { parseCertsOnly } from '#common/pki/pkcs7.js';
import { commonNameOf } from '#common/pki/subject.js';
import { CreatedClaim } from '#contract/operator.js';
import { parseJson } from '#contract/parse.js';
import { askOnce } from './tls.js';
import { built, type Program, type Workshop } from './workshop.js';

export interface EnrolledBox {
  id: string;
  /** PEM. */
  key: string;
  cert: string;
  context: SecureContext;
}

export interface Territory {
  directory: string;
  est: string;
  estPort: number;
  brokerPort: number;
  /** Of the operator's API. */
  console: string;
  program: Program;
  /** PEM of the root. */
  root: string;
  caSha256: string;
  /** Trusts the territory and shows no certificate. */
  context: SecureContext;
  /** The same, served by a fresh process; what must be done while none runs, in between. */
  restart(between?: () => Promise<unknown>): Promise<Territory>;
  claims(count: number): Promise<string[]>;
  enrol(claim: string): Promise<EnrolledBox>;
}

export function estRequest(path: string, csr: Uint8Array, claim?: string): Buffer {
  const body = encodeBody(csr);
  const head = [
    `POST /.well-known/est/${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    'Content-Type: application/pkcs10',
    'Content-Transfer-Encoding: base64',
    `Content-Length: ${body.length}`,
    ...(claim === undefined ? [] : [`Authorization: Basic ${Buffer.from(`claim:${claim}`).toString('base64')}`]),
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

export function leafOf(answer: Buffer): X509Certificate {
  const der = decodeBody(answer);
  const leaf = der && parseCertsOnly(der)[0];
  if (!leaf) throw new Error('the EST server answered no certificate');
  return leaf;
}

/**
 * @param more arguments of `serve`
 * @param records address of an empty database, for the territory's records
 */
export async function openTerritory(
  workshop: Workshop,
  more: readonly string[] = [],
  records?: string,
): Promise<Territory> {
  const directory = path.join(await workshop.folder(), 'provider');
  const provider = built('bin/webizen-provider.js');
  const wish = ['--territory', 'bench', '--name', 'Bench', '--jurisdiction', 'AU-NSW', '--law', 'New South Wales'];
  await workshop.output([provider, 'init', '--dir', directory, ...wish]);
  if (records === undefined) return serve(workshop, directory, more);
  await workshop.output([provider, 'migrate-store', '--control', '--dir', directory, '--to', records]);
  return serve(workshop, directory, [...more, '--database', records]);
}

async function serve(workshop: Workshop, directory: string, more: readonly string[]): Promise<Territory> {
  const provider = built('bin/webizen-provider.js');
  const program = await workshop.serve([
    ...[provider, 'serve', '--dir', directory, '--host', '127.0.0.1', '--port-base', '0'],
    ...['--enrolments', '1000000'], // all come from one address
    ...more,
  ]);
  const urls = new Map(program.said.map((line) => [line.split(' ')[0], new URL(line.split(' ')[1] ?? '')]));
  const port = (name: string) => Number(urls.get(name)?.port);
  const root = await readFile(path.join(directory, 'ca/root.crt'), 'utf8');
  const key = newPrivateKey();
  const context = createSecureContext({ ca: root });

  return {
    directory,
    est: `https://127.0.0.1:${port('est')}`,
    estPort: port('est'),
    brokerPort: port('broker'),
    console: `http://127.0.0.1:${port('console')}`,
    program,
    root,
    caSha256: new X509Certificate(root).fingerprint256,
    context,
    async restart(between) {
      await program.stop();
      await between?.();
      return serve(workshop, directory, more);
    },
    async claims(count) {
      const codes: string[] = [];
      while (codes.length < count) {
        const more = String(Math.min(1000, count - codes.length));
        const text = await workshop.output([
          ...[provider, 'claim', 'create', '--dir', directory, '--count', more, '--json'],
        ]);
        const made = parseJson(Type.Array(CreatedClaim), text);
        if (!made.ok) throw new Error('cannot read the claims');
        codes.push(...made.value.map(({ code }) => code));
      }
      return codes;
    },
    async enrol(claim) {
      const csr = await makeCsr({ commonName: 'new-box', signer: signerOf(key) });
      const request = estRequest('simpleenroll', csr, claim);
      const leaf = leafOf(await askOnce({ port: port('est'), context, request }));
      const issuing = await readFile(path.join(directory, 'ca/issuing.crt'), 'utf8');
      const pem = { key: keyToPem(key), cert: certificateToPem(leaf.raw) + issuing };
      return { id: commonNameOf(leaf) ?? '', ...pem, context: createSecureContext({ ca: root, ...pem }) };
    },
  };
}
