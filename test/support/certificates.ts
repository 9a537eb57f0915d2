/** Certificates for tests of what stands behind them, made with openssl and not with our own code. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

export interface KeyAndCertificate {
  key: string;
  cert: string;
}

export interface TestCa {
  ca: string;
  /** A client certificate with this common name. */
  client(name: string): Promise<KeyAndCertificate>;
  /** A server certificate for localhost and 127.0.0.1. */
  server(): Promise<KeyAndCertificate>;
  /** A certificate that signs documents, RFC 9336. */
  documents(): Promise<KeyAndCertificate>;
  close(): Promise<void>;
}

const run = promisify(execFile);
const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export async function createTestCa(name = 'Test CA'): Promise<TestCa> {
  const directory = await mkdtemp(path.join(tmpdir(), 'webizen-ca-'));
  const file = (part: string) => path.join(directory, part);
  const openssl = (...parameters: string[]) => run('openssl', parameters);
  await openssl(
    'req',
    '-x509',
    ...curve,
    '-subj',
    `/CN=${name}`,
    '-days',
    '2',
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.crt'),
  );

  let count = 0;
  async function issue(subject: string, extensions: string): Promise<KeyAndCertificate> {
    const id = `leaf${count++}`;
    await writeFile(file(`${id}.ext`), extensions);
    await openssl(
      'req',
      '-new',
      ...curve,
      '-subj',
      `/CN=${subject}`,
      '-keyout',
      file(`${id}.key`),
      '-out',
      file(`${id}.csr`),
    );
    await openssl(
      ...['x509', '-req', '-in', file(`${id}.csr`), '-CA', file('ca.crt'), '-CAkey', file('ca.key')],
      ...[
        '-set_serial',
        `0x${(4096 + count).toString(16)}`,
        '-days',
        '1',
        '-extfile',
        file(`${id}.ext`),
        '-out',
        file(`${id}.crt`),
      ],
    );
    return { key: await readFile(file(`${id}.key`), 'utf8'), cert: await readFile(file(`${id}.crt`), 'utf8') };
  }

  return {
    ca: await readFile(file('ca.crt'), 'utf8'),
    client: (name) => issue(name, 'extendedKeyUsage=clientAuth\n'),
    server: () => issue('broker', 'extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n'),
    documents: () => issue('documents', 'extendedKeyUsage=1.3.6.1.5.5.7.3.36\n'),
    close: () => rm(directory, { recursive: true, force: true }),
  };
}
