/** Accounts as tables, for the command's columns and for files. */
import type { MemberAccount, OwnerAccount } from '#contract/accounts.js';

export const ownerTable = {
  head: ['BOX', 'AGREEMENT', 'APP', 'MEMBER', 'ENTRY', 'ABOUT', 'FOR', 'USED', 'PRICE', 'AMOUNT', 'CURRENCY'],
  rows: ({ box, entries }: OwnerAccount): string[][] =>
    entries.map((one) => [
      ...[box, one.agreement, one.app, one.member, one.kind, one.period, one.reason ?? one.unit ?? one.for],
      one.quantity ?? (one.days === null ? '' : `${one.days.held} of ${one.days.of} days`),
      ...[one.price ?? '', one.amount, one.currency],
    ]),
};

export const memberTable = {
  head: ['MEMBER', 'ABOUT', 'CURRENCY', 'CHARGED', 'SHARE', 'DISCOUNT', 'ALLIANCE', 'INCOME'],
  /** @param own of which the members need not be named with it */
  rows: ({ member, territory, lines }: MemberAccount, own?: string): string[][] =>
    lines.map((line) => [
      territory === own ? member : `${member} (${territory})`,
      ...[line.period, line.currency, line.gross, line.share, line.discount, line.alliance, line.income],
    ]),
};
