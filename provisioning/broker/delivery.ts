/** Brings each new revocation list to the helper beside the broker, with the canaries that prove it there. */
import { request } from 'node:https';
import type { Clock } from '#common/clock.js';
import { parseJson } from '#contract/parse.js';
import { isProblemCode, Problem, Refusal } from '#contract/problems.js';
import type { Crl } from '../ca/crl.js';
import type { EventLog } from '../fleet/events.js';
import type { Store } from '../store/store.js';
import type { Log } from './broker.js';
import type { Delivery as Body } from './helper.js';
import { goodCanary, revokedCanary } from './names.js';
import type { Pass } from './probe.js';

export interface Delivery {
  /** Keeps the helper's list the newest one. */
  start(): void;
  stop(): Promise<void>;
  /** Resolves when the broker refuses whatever was revoked before this call. @throws Refusal */
  deliver(): Promise<void>;
}

export interface DeliveryParts {
  url: string;
  credentials: () => Promise<Pass & { ca: string[] }>;
  /** PEM of all authorities. */
  authorities: () => string;
  pass: (name: string, lifetimeSeconds: number) => Promise<Pass & { serial: string }>;
  crl: Crl;
  store: Store;
  events: EventLog;
  clock: Clock;
  log: Log;
}

const canarySeconds = 3600;
const patience = 10_000;
const againAfter = 30_000;

export function createDelivery(parts: DeliveryParts): Delivery {
  const { url, credentials, authorities, pass, crl, store, events, clock, log } = parts;
  const stopping = new AbortController();
  const ends: (() => void)[] = [];
  let delivering: Promise<void> | undefined;
  let retrying: Promise<void> | undefined;
  let delivered = '';
  let failing = false;

  /**
   * Its certificate is good in every way but one: it stands on the list, and on none before it. That it is refused
   * proves the very list that is delivered.
   */
  async function revokedPass(): Promise<Pass> {
    const { serial, ...made } = await pass(revokedCanary, canarySeconds);
    const at = clock.now();
    const value = { at, notAfter: at + canarySeconds * 1000, reason: 'revoked' as const };
    await store.commit([{ type: 'put', sublevel: store.revocations, key: serial, value }]);
    await crl.changed();
    return made;
  }

  function post(body: Body, { key, cert, ca }: Pass & { ca: string[] }): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = request(new URL('/v1/crl', url), { method: 'POST', agent: false, timeout: patience, key, cert, ca });
      call.once('timeout', () => call.destroy(new Error('no answer in time')));
      call.once('error', (error) => reject(new Refusal('crl-refused', `${url}: ${error.message}`, { cause: error })));
      call.once('response', (reply) => {
        const chunks: Buffer[] = [];
        reply.on('data', (chunk: Buffer) => chunks.push(chunk));
        reply.once('error', reject);
        reply.once('end', () => {
          if (reply.statusCode === 200) return resolve();
          const told = parseJson(Problem, Buffer.concat(chunks));
          const known = told.ok && isProblemCode(told.value.code) ? told.value : undefined;
          reject(
            known && isProblemCode(known.code)
              ? new Refusal(known.code, known.detail)
              : new Refusal('crl-refused', `${url}: status ${reply.statusCode}`),
          );
        });
      });
      call.end(JSON.stringify(body));
    });
  }

  async function once(): Promise<void> {
    const revoked = await revokedPass();
    const list = await crl.pem();
    const { key, cert } = await pass(goodCanary, canarySeconds);
    await post({ crl: list, authorities: authorities(), good: { key, cert }, revoked }, await credentials());
    delivered = list;
    if (failing) events.record({ type: 'broker', text: 'the broker has the newest revocation list again' });
    failing = false;
  }

  /** One at a time; a list that came in between is delivered after it. */
  async function deliver(): Promise<void> {
    while (delivering) await delivering.catch(() => {});
    if ((await crl.pem()) === delivered) return;
    delivering = once().finally(() => {
      delivering = undefined;
    });
    await delivering;
  }

  async function insist(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        if ((await crl.pem()) !== delivered) await deliver();
        return;
      } catch (error) {
        if (!failing) {
          log.warn({ err: error }, 'cannot bring the revocation list to the broker');
          events.refused('crl-refused', { detail: error instanceof Error ? error.message : String(error) });
        }
        failing = true;
      }
      await clock.sleep(againAfter, stopping.signal);
    }
  }

  const look = (): void => {
    retrying ??= insist().finally(() => {
      retrying = undefined;
    });
  };

  return {
    start() {
      ends.push(crl.onChange(look));
      look();
    },
    async stop() {
      for (const end of ends.splice(0)) end();
      stopping.abort();
      await retrying;
      await delivering?.catch(() => {});
    },
    deliver,
  };
}
