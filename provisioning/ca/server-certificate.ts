/** The certificate that EST and broker show: in `tls/`, made again whenever it no longer serves. */
import { X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { issueServer } from '#common/pki/certificate.js';
import { keyInFile, keyToPem, signerOf, spkiOf } from '#common/pki/keys.js';
import { certificatesFromPem, certificateToPem } from '#common/pki/pem.js';
import type { Ca } from './ca.js';

/** As node:tls takes it: the server's key, its chain, and whom it trusts for clients. */
export interface ServerTls {
  key: string;
  cert: string;
  ca: string[];
}

const day = 86_400_000;
const lifetime = 825 * day;
const leastLeft = lifetime / 3;

const loopback = ['localhost', '127.0.0.1', '::1'];

/** The names of a server that is told to listen there; the first is the one that its addresses are printed with. */
export function hostsOf(host: string): string[] {
  const own =
    host === '0.0.0.0' || host === '::'
      ? [
          hostname(),
          ...Object.values(networkInterfaces()).flatMap((list) =>
            (list ?? []).filter(({ scopeid }) => !scopeid).map(({ address }) => address),
          ),
        ]
      : [host];
  return [...new Set([...own, ...loopback])];
}

const names = (certificate: X509Certificate, host: string): boolean =>
  (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined;

export async function serverTls({
  files,
  clock,
  directory,
  ca,
  hosts,
}: {
  files: Files;
  clock: Clock;
  directory: string;
  ca: Ca;
  hosts: readonly string[];
}): Promise<ServerTls> {
  const place = (name: string) => path.join(directory, 'tls', name);
  await mkdir(path.join(directory, 'tls'), { recursive: true, mode: 0o700 });
  const key = await keyInFile(files, place('server.key'));
  const { publicKey } = signerOf(key);
  const { issuer } = ca;

  const serves = (certificate: X509Certificate): boolean =>
    certificate.publicKey.equals(publicKey) &&
    certificate.verify(issuer.certificate.publicKey) &&
    Date.parse(certificate.validTo) - clock.now() > leastLeft &&
    hosts.every((host) => names(certificate, host));

  const held = certificatesFromPem((await files.read(place('server.crt')))?.toString('utf8') ?? '')[0];
  let certificate = held;
  if (!certificate || !serves(certificate)) {
    const notAfter = Math.min(clock.now() + lifetime, Date.parse(issuer.certificate.validTo));
    const wish = { hosts, spki: spkiOf(publicKey), notBefore: clock.now() - day / 24, notAfter };
    certificate = new X509Certificate(await issueServer(issuer, wish));
    await files.write(place('server.crt'), certificateToPem(certificate.raw), 0o644);
  }
  const pem = (of: X509Certificate) => certificateToPem(of.raw);
  return {
    key: keyToPem(key),
    cert: pem(certificate) + pem(issuer.certificate),
    ca: [pem(ca.root), pem(issuer.certificate)],
  };
}
