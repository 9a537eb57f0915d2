/**
 * An invoice as a document: UBL 2.1 (ISO/IEC 19845), the elements of EN 16931-1 by their binding to it, in the order of the
 * schema. BT and BG are the terms of EN 16931. Pure: the same invoice is the same bytes.
 */
import { XMLBuilder } from 'fast-xml-parser';
import type { AccountEntry } from '#contract/accounts.js';
import type { Buyer, InvoiceTax, Seller } from '#contract/invoices.js';
import { printedReference } from '#contract/payment-reference.js';
import type { Reckoned, ReckonedLine } from './reckon.js';

export interface Document {
  number: string;
  /** ISO 11649. */
  reference: string;
  isCreditNote: boolean;
  currency: string;
  /** `2026-12-01` */
  issued: string;
  due: string;
  /** The first and the last day of the month. */
  period: { from: string; to: string };
  box: string;
  seller: Seller;
  buyer: Buyer;
  reckoned: Reckoned;
  /** Minor units as they are written. */
  text(minor: bigint): string;
}

const urn = 'urn:oasis:names:specification:ubl:schema:xsd';
const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', format: true, indentBy: ' ' });
const vat = { 'cac:TaxScheme': { 'cbc:ID': 'VAT' } };

/** What XML 1.0 cannot hold is left out. */
const held = (text: string): string => text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '');

/** What is not said is no element. */
function said<T extends object>(elements: T): T {
  return Object.fromEntries(Object.entries(elements).filter(([, value]) => value !== undefined)) as T;
}

/** BG-4 and BG-7. Where nothing is subject to tax neither side's number for it may stand there (BR-O-02, BR-O-04). */
function partyOf(party: Buyer, { isTaxed, id }: { isTaxed: boolean; id?: string }) {
  const { name, street, postalCode, city, country, vatId, registration, email } = party;
  return {
    'cac:Party': said({
      'cbc:EndpointID': email === undefined ? undefined : { '#text': held(email), '@schemeID': 'EM' },
      'cac:PartyIdentification': id === undefined ? undefined : { 'cbc:ID': id },
      'cac:PostalAddress': said({
        'cbc:StreetName': street && held(street),
        'cbc:CityName': city && held(city),
        'cbc:PostalZone': postalCode && held(postalCode),
        'cac:Country': { 'cbc:IdentificationCode': country },
      }),
      'cac:PartyTaxScheme': isTaxed && vatId !== undefined ? { 'cbc:CompanyID': vatId, ...vat } : undefined,
      'cac:PartyLegalEntity': said({
        'cbc:RegistrationName': held(name),
        'cbc:CompanyID': registration && held(registration),
      }),
    }),
  };
}

/** BG-30 and BG-23 say the same of the tax; only the latter says why there is none. */
const categoryOf = (tax: InvoiceTax, saysWhy: boolean) =>
  said({
    'cbc:ID': tax.category,
    'cbc:Percent': tax.category === 'O' ? undefined : tax.category === 'S' ? tax.percent : '0',
    'cbc:TaxExemptionReason': saysWhy && 'reason' in tax ? held(tax.reason) : undefined,
    ...vat,
  });

const ways = { once: 'once', month: 'by the month', year: 'by the year', unit: 'by use', credit: 'credit' } as const;

function wordsOf({ kind, quantity, unit, days, price, currency, reason, agreement }: AccountEntry): string {
  const used =
    quantity !== null && unit !== null
      ? `${quantity} ${unit} at ${price} ${currency}`
      : days === null
        ? undefined
        : `${days.held} of ${days.of} days at ${price} ${currency}`;
  return [kind, used, reason ?? undefined, agreement].filter((part) => part !== undefined).join('; ');
}

/** BG-25. The price is that of the whole line: what it was made of stands in its words. */
function lineOf({ entry, net }: ReckonedLine, at: number, { isCreditNote, currency, seller, text }: Document) {
  const { app, period } = entry;
  const money = (minor: bigint) => ({ '#text': text(minor), '@currencyID': currency });
  const quantity = { '#text': net < 0n ? '-1' : '1', '@unitCode': 'C62' };
  return {
    'cbc:ID': String(at + 1),
    [isCreditNote ? 'cbc:CreditedQuantity' : 'cbc:InvoicedQuantity']: quantity,
    'cbc:LineExtensionAmount': money(net),
    'cac:Item': {
      'cbc:Description': held(wordsOf(entry)),
      'cbc:Name': `${app}, ${period}, ${ways[entry.for]}`,
      'cac:ClassifiedTaxCategory': categoryOf(seller.tax, false),
    },
    'cac:Price': { 'cbc:PriceAmount': money(net < 0n ? -net : net) },
  };
}

export function buildUbl(its: Document): string {
  const { number, reference, isCreditNote, currency, issued, due, period, box, seller, buyer, reckoned, text } = its;
  const { lines, net, tax, withTax, rounding, payable } = reckoned;
  const isTaxed = seller.tax.category !== 'O';
  const root = isCreditNote ? 'CreditNote' : 'Invoice';
  const money = (minor: bigint) => ({ '#text': text(minor), '@currencyID': currency });
  const terms = isCreditNote ? 'This is given back.' : `To be paid by ${due}, naming ${printedReference(reference)}.`;
  // BG-16: BT-81 (UNTDID 4461: not said, or a credit transfer), BT-83 and BT-84.
  const means =
    seller.iban === undefined
      ? { 'cbc:PaymentMeansCode': '1', 'cbc:PaymentID': reference }
      : {
          ...{ 'cbc:PaymentMeansCode': '30', 'cbc:PaymentID': reference },
          'cac:PayeeFinancialAccount': { 'cbc:ID': seller.iban },
        };
  return builder.build({
    '?xml': { '@version': '1.0', '@encoding': 'UTF-8' },
    [root]: said({
      '@xmlns': `${urn}:${root}-2`,
      '@xmlns:cac': `${urn}:CommonAggregateComponents-2`,
      '@xmlns:cbc': `${urn}:CommonBasicComponents-2`,
      'cbc:CustomizationID': 'urn:cen.eu:en16931:2017',
      'cbc:ID': number,
      'cbc:IssueDate': issued,
      'cbc:DueDate': isCreditNote ? undefined : due,
      [`cbc:${root}TypeCode`]: isCreditNote ? '381' : '380',
      'cbc:DocumentCurrencyCode': currency,
      'cac:InvoicePeriod': { 'cbc:StartDate': period.from, 'cbc:EndDate': period.to },
      'cac:AccountingSupplierParty': partyOf(seller, { isTaxed }),
      'cac:AccountingCustomerParty': partyOf(buyer, { isTaxed, id: box }),
      'cac:PaymentMeans': isCreditNote ? undefined : means,
      'cac:PaymentTerms': { 'cbc:Note': terms },
      'cac:TaxTotal': {
        'cbc:TaxAmount': money(tax),
        'cac:TaxSubtotal': {
          'cbc:TaxableAmount': money(net),
          'cbc:TaxAmount': money(tax),
          'cac:TaxCategory': categoryOf(seller.tax, true),
        },
      },
      'cac:LegalMonetaryTotal': said({
        'cbc:LineExtensionAmount': money(net),
        'cbc:TaxExclusiveAmount': money(net),
        'cbc:TaxInclusiveAmount': money(withTax),
        'cbc:PayableRoundingAmount': rounding === 0n ? undefined : money(rounding),
        'cbc:PayableAmount': money(payable),
      }),
      [`cac:${root}Line`]: lines.map((line, at) => lineOf(line, at, its)),
    }),
  });
}
