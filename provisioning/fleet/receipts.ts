/**
 * Receipts for the heads of boxes' ledgers (contract/ledger-receipt.ts), signed by a certificate that is made for it at
 * the first one, kept in memory alone, and made again when two thirds of its life are over or the CA has changed.
 */
import type { KeyObject, X509Certificate } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import { signJws } from '#common/jws.js';
import type { LedgerHead } from '#contract/ledger.js';
import { type LedgerReceipt, mostInReceipt, receiptType } from '#contract/ledger-receipt.js';
import { buildTopic } from '#contract/topics.js';
import type { Ca } from '../ca/ca.js';

export interface Receipts {
  /** What has been stored of this box's ledger is told to it. Never throws: the next birth asks again. */
  give(box: string, head: LedgerHead): void;
  start(): void;
  /** Resolves when none is under way. */
  stop(): Promise<void>;
}

interface Signer {
  key: KeyObject;
  x5c: string[];
  /** Milliseconds since 1970. */
  renewAt: number;
}

const lifetimeSeconds = 30 * 86_400;
const base64 = ({ raw }: X509Certificate): string => raw.toString('base64');

export function createReceipts(parts: {
  ca: Pick<Ca, 'issueDocumentSigner' | 'onChange'>;
  clock: Clock;
  publish: (topic: string, payload: string) => void;
  log: { error(details: object, text: string): void };
}): Receipts {
  const { ca, clock, publish, log } = parts;
  const underWay = new Set<Promise<void>>();
  const ends: (() => void)[] = [];
  let signer: Promise<Signer> | undefined;

  async function make(): Promise<Signer> {
    const { key, chain } = await ca.issueDocumentSigner(lifetimeSeconds);
    const from = clock.now();
    const to = Date.parse(chain[0]?.validTo ?? '');
    return { key, x5c: chain.slice(0, mostInReceipt).map(base64), renewAt: from + ((to - from) * 2) / 3 };
  }

  async function current(): Promise<Signer> {
    signer ??= make();
    const held = signer;
    try {
      const ready = await held;
      if (clock.now() < ready.renewAt) return ready;
    } catch (error) {
      if (signer === held) signer = undefined;
      throw error;
    }
    if (signer === held) signer = make();
    return signer;
  }

  async function send(box: string, { ledger, length, hash }: LedgerHead): Promise<void> {
    const { key, x5c } = await current();
    const receipt: LedgerReceipt = { box, ledger, length, hash, at: clock.now() };
    const payload = Buffer.from(JSON.stringify(receipt));
    const jws = await signJws({ type: receiptType, payload, key, header: { x5c } });
    publish(buildTopic({ box, direction: 'down', kind: 'receipt' }), jws);
  }

  return {
    give(box, head) {
      const sending = send(box, head)
        .catch((error: unknown) => log.error({ err: error, box }, 'cannot give a receipt for a ledger'))
        .finally(() => underWay.delete(sending));
      underWay.add(sending);
    },
    start() {
      ends.push(
        ca.onChange(() => {
          signer = undefined;
        }),
      );
    },
    async stop() {
      for (const end of ends.splice(0)) end();
      await Promise.all(underWay);
    },
  };
}
