/** A maker of boxes whose certificates openssl makes: a stranger's IDevIDs, not those of our own code. */
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { keyFromPem, signerOf } from '#common/pki/keys.js';
import { makeVoucher } from '#common/pki/voucher.js';
import type { Maker } from '../../provisioning/admission/factory.js';
import { ownFolder } from './folder.js';

const run = promisify(execFile);
const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export interface Device {
  serial: string;
  key: string;
  cert: string;
}

export interface TestMaker extends Maker {
  /** CMS, DER. */
  voucher(wish: { serial: string; root: Uint8Array; territory?: string; expiresAt?: number }): Promise<Buffer>;
  device(serial: string, wish?: { until?: string; subject?: string; extensions?: string }): Promise<Device>;
}

export async function createMaker(t: Parameters<typeof ownFolder>[0], id = 'tui'): Promise<TestMaker> {
  const folder = await ownFolder(t);
  const file = (name: string) => path.join(folder, name);
  const root = ['-subj', `/CN=${id} maker`, '-days', '9000', '-keyout', file('ca.key'), '-out', file('ca.crt')];
  await run('openssl', ['req', '-x509', ...curve, ...root]);
  await writeFile(file('index'), '');
  await writeFile(
    file('ca.conf'),
    `[ca]\ndefault_ca=own\n[own]\ndatabase=${file('index')}\nnew_certs_dir=${folder}\ndefault_md=sha256\npolicy=any\nrand_serial=yes\nunique_subject=no\n[any]\ncommonName=optional\nserialNumber=optional\n`,
  );
  let count = 0;
  const ca = new X509Certificate(await readFile(file('ca.crt')));
  const signer = signerOf(keyFromPem(await readFile(file('ca.key'), 'utf8')));
  return {
    id,
    name: id,
    ca,
    voucher: ({ serial, root, territory, expiresAt }) =>
      makeVoucher({ certificate: ca, signer }, { serial, createdAt: Date.now(), expiresAt, pinned: root, territory }),
    async device(serial, { until = '99991231235959Z', subject = `/serialNumber=${serial}`, extensions } = {}) {
      const name = file(`device${count++}`);
      const wanted = extensions ?? 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n';
      await writeFile(`${name}.ext`, wanted);
      await run('openssl', [
        'req',
        '-new',
        ...curve,
        '-subj',
        subject,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
      ]);
      await run('openssl', [
        ...['ca', '-batch', '-notext', '-config', file('ca.conf'), '-cert', file('ca.crt'), '-keyfile', file('ca.key')],
        ...['-startdate', '20200101000000Z', '-enddate', until, '-extfile', `${name}.ext`],
        ...['-in', `${name}.csr`, '-out', `${name}.crt`],
      ]);
      return { serial, key: await readFile(`${name}.key`, 'utf8'), cert: await readFile(`${name}.crt`, 'utf8') };
    },
  };
}
