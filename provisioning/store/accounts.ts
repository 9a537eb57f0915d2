/** What is stored of months: what was booked, the accounts of those that are closed, and what the territory has set. */
import type { Database } from '#common/commits.js';
import type {
  AccountMonth,
  Closing,
  Credit,
  DevelopmentBox,
  MemberAccount,
  OwnerAccount,
  Schedule,
} from '#contract/accounts.js';
import type { IssuedInvoice, Seller } from '#contract/invoices.js';
import { sublevel } from './sublevel.js';

/** Missing while the month is not begun. */
export interface MonthRecord extends AccountMonth {
  /** The last box whose account is on the disk. */
  upTo: string;
}

/** Of a member, a month and a currency, all that has been booked: minor units. By which rates is said once. */
export interface SplitRecord {
  gross: string;
  share: string;
  discount: string;
  alliance: string;
  by: { share: string; discount: string; alliance: string };
}

export const accountSublevels = (db: Database) => ({
  /** Keyed by the month. */
  accountMonths: sublevel<MonthRecord>(db, 'accountMonths'),
  /** `{month}!{box}` */
  ownerAccounts: sublevel<OwnerAccount>(db, 'ownerAccounts'),
  /** `{month}!{territory}!{member}` */
  memberAccounts: sublevel<MemberAccount>(db, 'memberAccounts'),
  /** `{agreement}`: what has been booked of it. */
  bookedCharges: sublevel<Record<string, string>>(db, 'bookedCharges'),
  /** `{territory}!{member}!{currency}!{month}` */
  bookedSplits: sublevel<SplitRecord>(db, 'bookedSplits'),
  /** Keyed by the month from which on it holds. */
  schedules: sublevel<Schedule>(db, 'schedules'),
  developmentBoxes: sublevel<DevelopmentBox>(db, 'developmentBoxes'),
  /** `{agreement}!{credit}` */
  credits: sublevel<Credit>(db, 'credits'),
  /** Keyed by how manieth it is, 12 digits, of which its reference is made. */
  invoices: sublevel<Omit<IssuedInvoice, 'reference'>>(db, 'invoices'),
  /** `{month}!{box}!{currency}` to the key of its invoice. */
  invoiceNumbers: sublevel<string>(db, 'invoiceNumbers'),
  /** `now` */
  accountClosing: sublevel<Closing>(db, 'accountClosing'),
  /** `now` */
  sellers: sublevel<Seller>(db, 'sellers'),
});

export type AccountStore = Readonly<ReturnType<typeof accountSublevels>>;
