/**
 * Who vouches for images and updates: a P-256 key with a certificate that boxes pin. Where none is given, one to develop
 * with is made at the first build and kept in the cache.
 */
import { createHash, createPrivateKey, sign } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cached } from './places.js';
import { run } from './run.js';

export interface Publisher {
  keyFile: string;
  /** PEM: this key's certificate, and where there is one the next key's. */
  certificatesFile: string;
}

/** Into a new directory: key.pem (0600) and cert.pem. It lasts a hundred years: a box may lie in a drawer. */
export function makePublisher(directory: string, name: string): void {
  const part = `${directory}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true, mode: 0o700 });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path.join(part, 'key.pem')];
  const extensions = ['-addext', 'keyUsage=critical,digitalSignature,keyCertSign']; // RAUC asks for the first
  const args = ['-subj', `/CN=${name}`, '-days', '36500', ...extensions];
  run('openssl', ['req', '-x509', '-sha256', ...key, ...args, '-out', path.join(part, 'cert.pem')]);
  renameSync(part, directory);
}

/** @param given a directory that `makePublisher` made */
export function openPublisher(given: string | undefined): Publisher {
  const directory = given ?? cached('publisher');
  if (given === undefined && !existsSync(directory)) makePublisher(directory, 'Webizen development image publisher');
  return { keyFile: path.join(directory, 'key.pem'), certificatesFile: path.join(directory, 'cert.pem') };
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
