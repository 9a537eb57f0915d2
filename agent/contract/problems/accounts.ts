/** Months that are rated and closed, credits, and invoices. */
import type { ProblemTable } from './table.js';

export const accountsProblems = {
  'month-not-over': [409, 'the month is not over', 'close it when it is over, in UTC'],
  'month-closed': [
    409,
    'the month is closed, and stays as it is',
    'give back what was wrong by a credit: it stands in the next month that is closed',
  ],
  'month-not-next': [
    409,
    'months are closed one after the other',
    'close the month that is named first; account list shows which are closed',
  ],
  'month-unknown': [404, 'this month is not closed', 'account list shows which are'],
  'account-altered': [
    500,
    'a closed month is not what it was closed as',
    'compare it with a backup: its accounts were written to from outside',
  ],
  'account-unknown': [404, 'there is nothing of theirs in this month', 'account list shows the months that are closed'],
  'credit-too-large': [
    422,
    'there is less to give back than that',
    'give back at most what the agreement came to in that month, in its currency',
  ],
  'seller-unset': [
    409,
    'nobody is named who makes out invoices',
    'say who by account seller FILE: name, country, tax, and a vatId or a registration',
  ],
  'seller-invalid': [
    422,
    'these are not the particulars of somebody who can make out an invoice',
    'name a vatId where there is tax or an exemption from it, and a registration where there is none',
  ],
  'invoice-of-nothing': [409, 'nothing is owed, and nothing goes back', 'there is no invoice of nothing'],
  'invoice-currency': [
    422,
    'an invoice is in one currency, whose amounts have two decimals at the most',
    'name one of those of the account by --currency; EN 16931 knows no amounts with three decimals',
  ],
  'account-invalid': [
    502,
    'what the provider answers about months is not an account of this box',
    'the box keeps what it was told before; ask the provider, naming the month',
  ],
  'invoice-unknown': [404, 'there is no such invoice of this box', 'ask for those that its months name'],
  'schedule-invalid': [
    422,
    'territory and alliance cannot have more than all of it',
    'name shares that are 100 per cent or less together, and each level once',
  ],
} as const satisfies ProblemTable;
