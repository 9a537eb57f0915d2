/**
 * Runs beside mosquitto and puts revocation lists in its place, safely: mosquitto that reads a missing, empty or broken
 * list at SIGHUP lets everybody in who was ever revoked, and says so in its log alone.
 *
 * So a list is checked before it is written, renamed into place whole, and proven after: a canary that is revoked must
 * be refused, and one that is not must be let in. Who may send one: the provider, by its certificate.
 */
import { execFile } from 'node:child_process';
import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { type Static, Type } from 'typebox';
import type { Clock } from '#common/clock.js';
import { type Files, isErrno } from '#common/files.js';
import { refuseRaw } from '#common/http-problems.js';
import { closeHttp, listen } from '#common/listen.js';
import { acceptedAuthorities } from '#common/pki/authorities.js';
import { type Crl, crlFromPem } from '#common/pki/crl.js';
import { certificatesFromPem, certificateToPem } from '#common/pki/pem.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Log } from './broker.js';
import { serviceName } from './names.js';
import { type Pass, probe } from './probe.js';

const PassShape = Type.Object({ key: Type.String(), cert: Type.String() });

/** What the provider sends. All of it PEM. */
export const Delivery = Type.Object({
  /** A list of each issuing CA. */
  crl: Type.String({ maxLength: 16 * 1024 * 1024 }),
  authorities: Type.String({ maxLength: 256 * 1024 }),
  good: PassShape,
  revoked: PassShape,
});
export type Delivery = Static<typeof Delivery>;

export interface Helper {
  /** Answers the port. @throws Refusal as `listen` */
  start(host: string, port: number): Promise<number>;
  stop(): Promise<void>;
  /** @throws Refusal `crl-refused` */
  install(delivery: Delivery): Promise<void>;
}

export interface HelperParts {
  /** Where mosquitto reads them, and its pid. */
  crlFile: string;
  caFile: string;
  pidFile: string;
  /** Of the broker, to probe it. */
  broker: string;
  tls: { key: string; cert: string };
  signal: (pid: number) => void;
  files: Files;
  clock: Clock;
  log: Log;
}

const mostBytes = 20 * 1024 * 1024;
const probeFor = 4000;
const probeAgain = 100;
const skew = 10 * 60_000;

const refuse = (detail: string, cause?: unknown): Refusal => new Refusal('crl-refused', detail, { cause });

const blocks = (pem: string): string[] => pem.match(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g) ?? [];

/** Each list with the CA that signed it. @throws Refusal `crl-refused`, `crl-malformed` */
function readLists(pem: string, authorities: readonly X509Certificate[]): Map<string, Crl> {
  const lists = new Map<string, Crl>();
  for (const block of blocks(pem)) {
    const crl = crlFromPem(block);
    const issuer = authorities.find((one) => crl.signedBy(one.publicKey));
    if (!issuer) throw refuse('a list is not signed by an authority of this territory');
    lists.set(issuer.fingerprint256, crl);
  }
  return lists;
}

/** @throws Refusal `crl-refused` when the new lists may not take the place of the old ones */
export function checkLists(before: ReadonlyMap<string, Crl>, after: ReadonlyMap<string, Crl>, now: number): void {
  if (after.size === 0) throw refuse('there is no list in it');
  for (const { number, thisUpdate, nextUpdate } of after.values()) {
    if (nextUpdate <= now) throw refuse(`list ${number} has run out: the broker would refuse everybody`);
    if (thisUpdate > now + skew) throw refuse(`list ${number} is of the future: compare the clocks`);
  }
  for (const [issuer, { number }] of before) {
    const next = after.get(issuer);
    if (!next) throw refuse('an issuing CA that has a list would have none: the broker would refuse its boxes');
    if (next.number < number) throw refuse(`list ${next.number} is older than ${number}, which is in place`);
  }
}

/** openssl reads it as mosquitto will; where it is not installed our own reading has to do. */
function opensslReads(pem: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile('openssl', ['crl', '-noout'], { timeout: 5000 }, (error) => {
      if (!error || isErrno(error, 'ENOENT')) resolve();
      else reject(refuse('openssl cannot read it', error));
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(pem);
  });
}

export function createHelper(parts: HelperParts): Helper {
  const { crlFile, caFile, pidFile, broker, tls, signal, files, clock, log } = parts;
  let running: ReturnType<typeof createServer> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  async function hangUp(): Promise<void> {
    const text = (await files.read(pidFile))?.toString('utf8').trim() ?? '';
    const pid = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    // A pid that was left behind may be anybody's by now.
    const name = pid > 1 ? await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '') : '';
    if (name.trim() !== 'mosquitto') throw refuse(`${pidFile} does not name a mosquitto that runs`);
    signal(pid);
  }

  const trusts = async (): Promise<string> => (await files.read(caFile))?.toString('utf8') ?? '';

  /** mosquitto reads the list some time after the signal. */
  async function prove(good: Pass, revoked: Pass, ca: string): Promise<void> {
    const end = clock.now() + probeFor;
    for (;;) {
      const [letIn, stillIn] = await Promise.all([probe(broker, good, ca), probe(broker, revoked, ca)]);
      if (letIn === undefined && stillIn !== undefined) return;
      if (clock.now() >= end)
        throw refuse(
          letIn === undefined
            ? 'it is in place, and the broker lets a revoked canary in'
            : `it is in place, and the broker refuses a good canary: ${letIn}`,
        );
      await clock.sleep(probeAgain);
    }
  }

  async function install({ crl, authorities, good, revoked }: Delivery): Promise<void> {
    const now = clock.now();
    const held = certificatesFromPem(await trusts());
    const roots = held.filter((one) => one.checkIssued(one));
    const accepted = acceptedAuthorities(roots, [...held, ...certificatesFromPem(authorities)], now);
    const all = [...accepted.roots, ...accepted.below];
    const after = readLists(crl, all);
    checkLists(readLists((await files.read(crlFile))?.toString('utf8') ?? '', all), after, now);
    for (const block of blocks(crl)) await opensslReads(block);
    const ca = all.map((one) => certificateToPem(one.raw)).join('');
    await files.write(caFile, ca, 0o644);
    await files.write(crlFile, crl, 0o644);
    await hangUp();
    await prove(good, revoked, ca);
    log.info({ numbers: [...after.values()].map(({ number }) => String(number)) }, 'a new list is in place');
  }

  /** One after the other: two that overlap would probe each other's. */
  function inTurn(delivery: Delivery): Promise<void> {
    const mine = last.then(() => install(delivery));
    last = mine.catch(() => {});
    return mine;
  }

  async function answer(body: Buffer): Promise<void> {
    const parsed = parseJson(Delivery, body);
    if (!parsed.ok) throw new Refusal('body-invalid', describeFaults(parsed.faults));
    await inTurn(parsed.value);
  }

  return {
    install: inTurn,
    async start(host, port) {
      const server = createServer(
        { ...tls, ca: await trusts(), requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' },
        (request, reply) => {
          const chunks: Buffer[] = [];
          let size = 0;
          const end = (refusal?: Refusal) => {
            const text = JSON.stringify(refusal?.problem ?? { installed: true });
            reply.writeHead(refusal?.status ?? 200, { 'content-type': 'application/json' }).end(text);
          };
          const peer = (request.socket as TLSSocket).getPeerX509Certificate();
          if (peer?.subject !== `CN=${serviceName}`) return end(new Refusal('certificate-foreign', peer?.subject));
          if (request.method !== 'POST' || request.url !== '/v1/crl') return end(new Refusal('not-found'));
          request.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > mostBytes) request.destroy();
            else chunks.push(chunk);
          });
          request.once('end', () =>
            answer(Buffer.concat(chunks)).then(
              () => end(),
              (error: unknown) => {
                log.warn({ err: error }, 'a list was not put in place');
                end(error instanceof Refusal ? error : refuse(error instanceof Error ? error.message : String(error)));
              },
            ),
          );
        },
      );
      server.requestTimeout = 10_000;
      server.on('clientError', refuseRaw);
      running = server;
      return listen(server, host, port);
    },
    async stop() {
      const server = running;
      running = undefined;
      if (!server) return;
      await closeHttp(server);
      await last;
    },
  };
}
