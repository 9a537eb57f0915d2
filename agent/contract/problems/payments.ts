/** Payments, their bank's files, payment providers, and what members are paid. */
import type { ProblemTable } from './table.js';

export const paymentsProblems = {
  'bank-format-invalid': [
    422,
    'this does not say how the bank writes its statements',
    'name each column once, and the currency either by a column or by a code',
  ],
  'bank-file-too-large': [
    413,
    'the file is larger than what is taken at once',
    'have the bank write a shorter time into each file: at most 16 MiB and 100,000 lines',
  ],
  'bank-file-unreadable': [
    422,
    'the file cannot be read as it is said to be written',
    'compare the file with what is said of its encoding, separator, date and decimal; nothing of it was booked',
  ],
  'payment-unknown': [404, 'there is no such payment', 'payment unmatched shows those that wait'],
  'booking-unknown': [404, 'there is no such booking', 'payment show ID lists those of a payment or of an invoice'],
  'booking-reversed': [
    409,
    'the booking was taken back, or takes another one back',
    'payment assign ID books the payment anew',
  ],
  'payment-used-up': [
    422,
    'so much is not left of the payment',
    'payment show ID says what is left; take back what was booked wrongly by payment reverse',
  ],
  'reference-mistyped': [422, 'the check digits of the reference are wrong', 'read it again from the invoice'],
  'invoice-not-issued': [404, 'no such invoice was made out', 'account invoices lists them'],
  'payments-altered': [
    500,
    'what came in is not what was booked, set aside and left',
    'compare with a backup: the records were written to from outside',
  ],
  'told-forged': [
    401,
    'this is not signed by a payment provider who is known here, now',
    'sign the time and the body with the secret of the hook, and check the clock',
  ],
  'told-differing': [409, 'this id names another payment, which was told before', 'give each payment an id of its own'],
  'card-number': [
    422,
    'the body holds what looks like the number of a card',
    'leave it out: a payment is named by its reference alone',
  ],
  'hook-unknown': [404, 'there is no such hook', 'payment hook lists them'],
  'hook-exists': [409, 'there is a hook of this name', 'remove it first, or take another name'],
  'hooks-too-many': [409, 'there are as many hooks as there can be', 'remove one that nobody uses'],
  'payout-unknown': [404, 'nothing of the kind is due to the member for this month', 'payout list MONTH shows what is'],
  'payout-several': [
    409,
    'more than one thing is due to the member for this month',
    'say which by --currency or --territory',
  ],
  'payout-paid': [
    409,
    'it was paid before, by another reference',
    'where that came back, say so by payout returned, and pay again',
  ],
  'payout-not-paid': [409, 'it was not paid', 'payout list MONTH shows what was'],
  'iban-mistyped': [422, 'the check digits of the account number are wrong', 'read it again'],
} as const satisfies ProblemTable;
