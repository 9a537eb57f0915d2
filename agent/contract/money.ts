/**
 * Amounts as they are written: a decimal string and an ISO 4217 code, never a float. Only codes of money that is in use
 * are known: no fund, no metal, no test code, nothing that has ended.
 */
import { type Static, Type } from 'typebox';

/** Of the codes that have not two: how many decimals the smallest coin has (ISO 4217, list one). */
const none = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF';
const three = 'BHD IQD JOD KWD LYD OMR TND';
const two =
  'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP ' +
  'CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES ' +
  'KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK ' +
  'NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB ' +
  'TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG';

const digits = new Map<string, number>([
  ...none.split(' ').map((code) => [code, 0] as const),
  ...three.split(' ').map((code) => [code, 3] as const),
  ...two.split(' ').map((code) => [code, 2] as const),
]);

/** Undefined for a code that is none. */
export const minorDigits = (currency: string): number | undefined => digits.get(currency);

export const Currency = Type.String({
  pattern: `^(?:${[...digits.keys()].sort().join('|')})$`,
  description: 'a currency of ISO 4217, such as EUR',
});

/** Up to twelve digits before the point and six behind it; no sign, no exponent, no needless zero in front. */
export const Decimal = Type.String({
  pattern: '^(?:0|[1-9]\\d{0,11})(?:\\.\\d{1,6})?$',
  maxLength: 19,
  description: 'a decimal number, such as 12.50',
});
/** What sums come to: never refused for its length where its summands were taken. */
export const DecimalSum = Type.String({ pattern: '^(?:0|[1-9]\\d{0,29})(?:\\.\\d{1,12})?$', maxLength: 43 });

export const isZero = (decimal: string): boolean => !/[1-9]/.test(decimal);

/** How many decimals are written, zeros at the end aside. */
export const decimalsOf = (decimal: string): number => (decimal.split('.')[1] ?? '').replace(/0+$/, '').length;

/**
 * What is booked: with all the digits of its currency, and a sign where it is given back. Never refused for its length: the
 * longest quantity at the highest price is shorter.
 */
export const SignedAmount = Type.String({ pattern: '^-?(?:0|[1-9]\\d{0,49})(?:\\.\\d{2,3})?$', maxLength: 55 });

/** An amount and what it is in: of a sum, an invoice, a payment. */
export const money = { currency: Currency, amount: SignedAmount };
export const Money = Type.Object(money, { additionalProperties: false });
export type Money = Static<typeof Money>;
