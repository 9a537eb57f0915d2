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
export const serverLifetime = 825 * day;
const leastLeft = serverLifetime / 3;

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

export interface ServerCertificate {
  readonly tls: ServerTls;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
  /** Renews it when it is time, and when the CA has changed. */
  start(): void;
  stop(): Promise<void>;
  /** Told with each new one. Answers the way to end it. */
  onChange(listener: (tls: ServerTls) => void): () => void;
}

export async function createServerCertificate({
  files,
  clock,
  directory,
  ca,
  hosts,
  log,
}: {
  files: Files;
  clock: Clock;
  directory: string;
  ca: Ca;
  hosts: readonly string[];
  log: { error(details: object, text: string): void };
}): Promise<ServerCertificate> {
  const place = (name: string) => path.join(directory, 'tls', name);
  await mkdir(path.join(directory, 'tls'), { recursive: true, mode: 0o700 });
  const key = await keyInFile(files, place('server.key'));
  const { publicKey } = signerOf(key);
  const listeners = new Set<(tls: ServerTls) => void>();
  const stopping = new AbortController();
  const ends: (() => void)[] = [];
  let running: Promise<void> | undefined;
  let looking = Promise.resolve();

  const serves = (certificate: X509Certificate): boolean =>
    certificate.publicKey.equals(publicKey) &&
    certificate.verify(ca.issuer.certificate.publicKey) &&
    Date.parse(certificate.validTo) - clock.now() > leastLeft &&
    hosts.every((host) => names(certificate, host));

  async function renewed(held: X509Certificate | undefined): Promise<X509Certificate> {
    if (held && serves(held)) return held;
    const notAfter = Math.min(clock.now() + serverLifetime, Date.parse(ca.issuer.certificate.validTo));
    const wish = { hosts, spki: spkiOf(publicKey), notBefore: clock.now() - day / 24, notAfter };
    const certificate = new X509Certificate(await issueServer(ca.issuer, wish));
    await files.write(place('server.crt'), certificateToPem(certificate.raw), 0o644);
    return certificate;
  }

  const tlsOf = (certificate: X509Certificate): ServerTls => ({
    key: keyToPem(key),
    cert: certificateToPem(certificate.raw) + ca.below,
    ca: [...ca.trusted],
  });

  const stored = (await files.read(place('server.crt')))?.toString('utf8') ?? '';
  let certificate = await renewed(certificatesFromPem(stored)[0]);
  let tls = tlsOf(certificate);

  async function look(): Promise<void> {
    try {
      certificate = await renewed(certificate);
      const now = tlsOf(certificate);
      if (now.cert === tls.cert && now.ca.join() === tls.ca.join()) return;
      tls = now;
      for (const listener of listeners) listener(tls);
    } catch (error) {
      log.error({ err: error }, "cannot renew the server's certificate; tried again tomorrow");
    }
  }
  const lookNext = (): Promise<void> => {
    looking = looking.then(look);
    return looking;
  };

  return {
    get tls() {
      return tls;
    },
    get notAfter() {
      return Date.parse(certificate.validTo);
    },
    start() {
      ends.push(ca.onChange(() => void lookNext()));
      running ??= (async () => {
        while (!stopping.signal.aborted) {
          await clock.sleep(day, stopping.signal);
          if (!stopping.signal.aborted) await lookNext();
        }
      })();
    },
    async stop() {
      for (const end of ends.splice(0)) end();
      stopping.abort();
      await running;
      await looking;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** For who needs it once and does not go on. */
export const serverTls = async (wish: Omit<Parameters<typeof createServerCertificate>[0], 'log'>): Promise<ServerTls> =>
  (await createServerCertificate({ ...wish, log: { error() {} } })).tls;
