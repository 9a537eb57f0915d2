/**
 * Who vouches for images and updates: a P-256 key with a certificate that boxes pin. Where none is given, one to develop
 * with is made at the first build and kept in the cache.
 */
import { createHash, createPrivateKey, sign } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { publicJwkOf } from '#common/jws.js';
import { cached } from './places.js';
import { run } from './run.js';

export interface Publisher {
  /** Signs images, updates and releases. */
  keyFile: string;
  certificateFile: string;
  /** PEM: this key's certificate and the next key's, which RAUC goes by. */
  keyringFile: string;
  /** Both public keys, which the agent goes by (`OsKeys`). */
  keysFile: string;
}

/** A P-256 key (0600) and a certificate of it, which lasts a hundred years: a box may lie in a drawer. */
function makeKey(keyFile: string, certificateFile: string, name: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  const about = ['-subj', `/CN=${name}`, '-days', '36500'];
  const usage = ['-addext', 'keyUsage=critical,digitalSignature,keyCertSign']; // RAUC asks for the first
  run('openssl', ['req', '-x509', '-sha256', ...key, ...about, ...usage, '-out', certificateFile]);
}

const filesOf = (directory: string): Publisher => ({
  keyFile: path.join(directory, 'key.pem'),
  certificateFile: path.join(directory, 'cert.pem'),
  keyringFile: path.join(directory, 'keyring.pem'),
  keysFile: path.join(directory, 'keys.json'),
});

/** Into a new directory. `next.pem` in it is the key that follows: it belongs off this machine, where it lies safe. */
export async function makePublisher(directory: string, name: string): Promise<void> {
  const part = `${directory}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true, mode: 0o700 });
  const { keyFile, certificateFile, keyringFile, keysFile } = filesOf(part);
  const [nextKey, nextCertificate] = [path.join(part, 'next.pem'), path.join(part, 'next-cert.pem')];
  makeKey(keyFile, certificateFile, name);
  makeKey(nextKey, nextCertificate, `${name}, next`);
  writeFileSync(keyringFile, readFileSync(certificateFile, 'utf8') + readFileSync(nextCertificate, 'utf8'));
  const keys = [keyFile, nextKey].map((file) => publicJwkOf(createPrivateKey(readFileSync(file))));
  writeFileSync(keysFile, `${JSON.stringify({ generation: 1, keys: await Promise.all(keys) }, null, 1)}\n`);
  renameSync(part, directory);
}

/** @param given a directory that `makePublisher` made */
export async function openPublisher(given: string | undefined): Promise<Publisher> {
  const directory = given ?? cached('publisher');
  if (given === undefined && !existsSync(directory))
    await makePublisher(directory, 'Webizen development image publisher');
  return filesOf(realpathSync(directory)); // the tools are shown places, not links to them
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 ** 2 })) hash.update(chunk);
  return hash.digest('hex');
}

/** SHA256SUMS of these files, as sha256sum checks them, and its signature (ECDSA, DER), as openssl dgst checks it. */
export async function signSums(directory: string, names: readonly string[], keyFile: string): Promise<void> {
  const lines = await Promise.all(
    names.map(async (name) => `${await digestOf(path.join(directory, name))}  ${name}\n`),
  );
  const sums = lines.join('');
  writeFileSync(path.join(directory, 'SHA256SUMS'), sums);
  const signature = sign('sha256', Buffer.from(sums), createPrivateKey(readFileSync(keyFile)));
  writeFileSync(path.join(directory, 'SHA256SUMS.sig'), signature);
}
