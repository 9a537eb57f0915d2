/** What is stored of operators, their acts, and alerts. */
import type { AbstractSublevel } from 'abstract-level';
import type { Static } from 'typebox';
import type { Database } from '#common/commits.js';
import type { Acknowledgement, AlertRule, Silence } from '#contract/alerts.js';
import type { LedgerEntry } from '#contract/ledger.js';
import type { Role } from '#contract/operators.js';

/** Keyed by name. The first admin is none of them until it has been given a new secret. */
export interface OperatorRecord {
  role: Role;
  /** SHA-256 of the secret, hex: it has 256 random bits, so that nothing slower is needed. */
  hash: string;
  createdAt: number;
  secretAt: number;
}

/** A rule that holds for a box. Keyed by `{rule}!{box}`, or `{rule}!` for the territory. */
export interface AlertRecord {
  state: 'pending' | 'firing' | 'resolved';
  since: number;
  firedAt?: number;
  evidence: string;
  /** As when it was last seen: for what is told once it is over. */
  label: string;
  place: string;
  /** That it fires was put into the queue of deliveries, in the same commit. */
  told?: boolean;
  acknowledged?: Static<typeof Acknowledgement>;
}

/** Keyed by its id. */
export interface WebhookRecord {
  name: string;
  url: string;
  secret: string;
  createdAt: number;
  lastAt?: number;
  givenUp: number;
}

/** Waits until it is taken. Keyed by `{webhook}!{order, 16 digits}`. */
export interface DeliveryRecord {
  id: string;
  body: string;
  attempts: number;
}

type Sub<V> = AbstractSublevel<Database, string | Buffer | Uint8Array, string, V>;

export interface WatchStore {
  readonly operators: Sub<OperatorRecord>;
  /** `{index, 16 digits}`. Appended to, and never altered. */
  readonly audit: Sub<LedgerEntry>;
  /** The acts whose outcome is not known yet, by the same keys. */
  readonly auditOpen: Sub<true>;
  readonly alertRules: Sub<AlertRule>;
  readonly alerts: Sub<AlertRecord>;
  readonly silences: Sub<Silence>;
  readonly webhooks: Sub<WebhookRecord>;
  readonly alertDeliveries: Sub<DeliveryRecord>;
  /** `builtIn`: the rules that every territory begins with have been made. */
  readonly alertMeta: Sub<number>;
}

export function watchSublevels(db: Database): WatchStore {
  const json = { valueEncoding: 'json' } as const;
  return {
    operators: db.sublevel<string, OperatorRecord>('operators', json),
    audit: db.sublevel<string, LedgerEntry>('audit', json),
    auditOpen: db.sublevel<string, true>('auditopen', json),
    alertRules: db.sublevel<string, AlertRule>('alertrules', json),
    alerts: db.sublevel<string, AlertRecord>('alerts', json),
    silences: db.sublevel<string, Silence>('silences', json),
    webhooks: db.sublevel<string, WebhookRecord>('webhooks', json),
    alertDeliveries: db.sublevel<string, DeliveryRecord>('alertdeliveries', json),
    alertMeta: db.sublevel<string, number>('alertmeta', json),
  };
}
