/**
 * The territory's revocation lists (RFC 5280 section 5): one of each issuing CA that it has, each naming every revoked
 * certificate that has not run out. Made anew at each revocation, and daily, long before `nextUpdate`: a list that ran
 * out makes a broker refuse everybody.
 *
 * Its number is durable before the list appears, and follows the clock, so that a restored store does not take it back.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { Files } from '#common/files.js';
import type { Issuer } from '#common/pki/certificate.js';
import { buildCrl, crlToPem, type Reason, type Revoked } from '#common/pki/crl.js';
import type { RevocationReason } from '#contract/operator.js';
import type { Store } from '../store/store.js';

export interface Crl {
  /** Makes it where it is missing or old, and keeps it fresh. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves once a list that names all that was revoked before this call is in its file; a failure is tried again. */
  changed(): Promise<void>;
  /** DER of the newest list of the CA that issues now. */
  der(): Promise<Buffer>;
  /** The newest list of each CA, one after the other. */
  pem(): Promise<string>;
  /** Of the newest list, in milliseconds since 1970. */
  nextUpdate(): number;
  /** Told each new `pem`. Answers the way to end it. */
  onChange(listener: (pem: string) => void): () => void;
}

interface Lists {
  thisUpdate: number;
  der: Buffer;
  pem: string;
}

const day = 86_400_000;
const lifetime = 7 * day;
const remadeEvery = day;
const backdated = 5 * 60_000; // brokers' clocks lag a little
const againAfter = 60_000;

const reasons: Record<RevocationReason, Reason> = {
  revoked: 'privilegeWithdrawn',
  superseded: 'superseded',
  left: 'cessationOfOperation',
};

export const crlFile = (directory: string): string => path.join(directory, 'ca', 'crl.pem');

export function createCrl({
  store,
  files,
  clock,
  directory,
  issuers,
  events,
}: {
  store: Store;
  files: Files;
  clock: Clock;
  directory: string;
  /** The one that issues now comes first. */
  issuers: () => readonly [Issuer, ...Issuer[]];
  events: { record(event: { type: string; text: string }): void };
}): Crl {
  const listeners = new Set<(pem: string) => void>();
  let lists: Lists | undefined;
  let running: Promise<Lists> | undefined;
  let waiting: Promise<Lists> | undefined;
  let ending: AbortController | undefined;
  let looping: Promise<void> | undefined;

  /** Boxes that an earlier release revoked have no entries yet. */
  async function adopt(now: number): Promise<void> {
    const entries: Operation[] = [];
    for await (const [, { revokedAt, revocation, certificate, next }] of store.boxes.iterator())
      if (revokedAt !== undefined)
        for (const { serial, notAfter } of [certificate, ...(next ? [next] : [])])
          if (notAfter > now) {
            const value = { at: revokedAt, notAfter, reason: revocation?.reason ?? 'revoked' };
            entries.push({ type: 'put', sublevel: store.revocations, key: serial, value });
          }
    await store.commit(entries);
  }

  /** RFC 5280 section 3.3: an entry stands on one list made after its certificate has run out, and may then go. */
  async function entriesNow(before: number | undefined): Promise<Revoked[]> {
    const found: Revoked[] = [];
    const over: Operation[] = [];
    for await (const [serial, { at, notAfter, reason }] of store.revocations.iterator()) {
      if (before !== undefined && notAfter < before)
        over.push({ type: 'del', sublevel: store.revocations, key: serial });
      else found.push({ serial, at, reason: reasons[reason] });
    }
    await store.commit(over);
    return found;
  }

  async function make(): Promise<Lists> {
    const now = clock.now();
    const last = await store.crls.get('last');
    if (!last) await adopt(now);
    const revoked = await entriesNow(last?.thisUpdate);
    const number = Math.max((last?.number ?? 0) + 1, Math.floor(now / 1000));
    await store.commit([{ type: 'put', sublevel: store.crls, key: 'last', value: { number, thisUpdate: now } }]);
    const wish = { number: BigInt(number), thisUpdate: now - backdated, nextUpdate: now + lifetime, revoked };
    const [first, ...more] = issuers();
    const der = await buildCrl(first, wish);
    const others = await Promise.all(more.map((issuer) => buildCrl(issuer, wish)));
    const pem = [der, ...others].map(crlToPem).join('');
    await mkdir(path.dirname(crlFile(directory)), { recursive: true, mode: 0o700 });
    await files.write(crlFile(directory), pem, 0o644);
    lists = { thisUpdate: now, der, pem };
    for (const listener of listeners) listener(pem);
    return lists;
  }

  /** One at a time; whoever comes while one is made shares the next. */
  function remake(): Promise<Lists> {
    if (!running) {
      running = make().finally(() => {
        running = undefined;
      });
      return running;
    }
    waiting ??= running
      .catch(() => {})
      .then(() => {
        waiting = undefined;
        return remake();
      });
    return waiting;
  }

  const current = async (): Promise<Lists> => lists ?? (await remake());

  async function keepFresh(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const age = lists ? clock.now() - lists.thisUpdate : Number.POSITIVE_INFINITY;
      // A clock that went back must not leave an old list standing.
      if (age >= remadeEvery || age < 0) {
        const made = await remake().catch((error: unknown) => tell(error));
        if (!made) await clock.sleep(againAfter, signal);
      } else await clock.sleep(Math.min(remadeEvery - age, remadeEvery / 24), signal);
    }
  }

  function tell(error: unknown): undefined {
    lists = undefined;
    const why = error instanceof Error ? error.message : String(error);
    events.record({ type: 'store', text: `cannot write the revocation list, will try again: ${why}` });
  }

  return {
    async start() {
      await remake();
      const stopping = new AbortController();
      ending = stopping;
      looping = keepFresh(stopping.signal);
    },
    async stop() {
      ending?.abort();
      ending = undefined;
      await looping;
      await Promise.allSettled([running, waiting]);
    },
    async changed() {
      await remake().catch((error: unknown) => tell(error));
    },
    der: async () => (await current()).der,
    nextUpdate: () => (lists ? lists.thisUpdate + lifetime : 0),
    pem: async () => (await current()).pem,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
