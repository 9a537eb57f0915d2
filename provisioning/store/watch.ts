/** What is stored of operators, their acts, and alerts. */
import type { Static } from 'typebox';
import type { Database } from '#common/commits.js';
import type { NewAlertMail } from '#contract/alert-mail.js';
import type { Acknowledgement, AlertDelivery, AlertRule, Silence } from '#contract/alerts.js';
import type { LedgerEntry } from '#contract/ledger.js';
import type { Role } from '#contract/operators.js';
import { sublevel } from './sublevel.js';

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

/** The one key is `settings`. */
export interface MailRecord {
  settings: NewAlertMail;
  lastAt?: number;
  givenUp: number;
}

export const watchSublevels = (db: Database) => ({
  operators: sublevel<OperatorRecord>(db, 'operators'),
  /** `{index, 16 digits}`. Appended to, and never altered. */
  audit: sublevel<LedgerEntry>(db, 'audit'),
  /** The acts whose outcome is not known yet, by the same keys. */
  auditOpen: sublevel<true>(db, 'auditopen'),
  alertRules: sublevel<AlertRule>(db, 'alertrules'),
  alerts: sublevel<AlertRecord>(db, 'alerts'),
  silences: sublevel<Silence>(db, 'silences'),
  webhooks: sublevel<WebhookRecord>(db, 'webhooks'),
  alertDeliveries: sublevel<DeliveryRecord>(db, 'alertdeliveries'),
  alertMail: sublevel<MailRecord>(db, 'alertmail'),
  /** What waits to be told by mail. Keyed by `{order, 16 digits}`. */
  alertMails: sublevel<AlertDelivery>(db, 'alertmails'),
  /** `builtIn`: the rules that every territory begins with have been made. */
  alertMeta: sublevel<number>(db, 'alertmeta'),
});

export type WatchStore = Readonly<ReturnType<typeof watchSublevels>>;
