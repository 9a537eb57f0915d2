/** What `payment` and `payout` say of themselves. */
export const paymentHelp = `webizen-provider payment: what was paid of invoices, by a bank's statements or told by a payment provider

  payment import FILE --format FILE --dir D [--json]
      takes a bank's statement in CSV: each line once, however often it is read, and all of the file or nothing of it. What
      names an invoice by its reference is booked for it. The format says how the bank writes, in JSON:
        {"account": "main", "encoding": "utf-8", "separator": ";", "quote": "\\"", "skipLines": 0, "hasHeadings": true,
         "columns": {"date": "Date", "amount": "Amount", "text": ["Details"], "id": "Number"}, "currency": "EUR",
         "dateOrder": "dmy", "decimal": ",", "grouping": "."}
      encoding: utf-8, latin-1, utf-16le. A column is its heading or its number from 1. "currency" may be a column instead;
      without "id" a line is known by what it says, so let each file hold whole days; a column "direction" with
      "directions": {"in": "CR", "out": "DR"} is for amounts without a sign; quote and grouping may be null
  payment list --dir D [--state open|partly-paid|paid|overpaid] [--json|--csv]
      the invoices, each with its reference and what was paid
  payment show INVOICE|REFERENCE|PAYMENT --dir D [--json|--csv]
      what was booked for an invoice, or of a payment
  payment unmatched --dir D [--json|--csv]
      what came in and belongs to no invoice yet, and why
  payment assign PAYMENT INVOICE|REFERENCE --dir D [--amount A] [--reason TEXT]
  payment assign PAYMENT --aside --reason TEXT --dir D [--amount A]
      books what is left of it, or a part, for an invoice; or sets it aside as being for none
  payment reverse BOOKING --reason TEXT --dir D
      takes a booking back by another one that goes against it
  payment sums --dir D [--json|--csv]
      reckons all of it anew: what came in is what was booked, set aside and left

  payment hook --dir D [--json]
  payment hook NAME [--remove] --dir D
      a payment provider that tells of payments; prints the secret that it signs with, once

Examples:
  webizen-provider payment import november.csv --format bank.json --dir D
  webizen-provider payment assign payment-000000000007 kauri-000012 --dir D
`;

export const payoutHelp = `webizen-provider payout: what members are due of a closed month, and whether it was paid

  payout list 2026-11 --dir D [--due] [--json|--csv]
      --due: what is still to be paid, such as for the bank's own upload
  payout done 2026-11 MEMBER --reference TEXT --dir D [--currency EUR] [--territory ID]
      it was paid; the reference is the bank's
  payout returned 2026-11 MEMBER --reason TEXT --dir D [--currency EUR] [--territory ID]
      it came back, and is due again
  payout payee MEMBER --name TEXT --iban IBAN --dir D
      where a member is paid

Examples:
  webizen-provider payout list 2026-11 --due --csv --dir D
  webizen-provider payout done 2026-11 wattle --reference 2026-12-03/17 --dir D
`;
