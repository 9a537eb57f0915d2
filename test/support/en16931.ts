/**
 * Checks an invoice as a stranger would: its bytes are parsed, held against a published JSON schema of UBL invoices by
 * EN 16931 (elements, their order, code lists, what must be there), and against the standard's own rules on sums and tax.
 */
import { createRequire } from 'node:module';
import { Ajv2019, type ValidateFunction } from 'ajv/dist/2019.js';
import Big from 'big.js';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { minorDigits } from '#contract/money.js';

type Element = { [name: string]: Element[] | string };

const parser = new XMLParser({
  ...{ ignoreAttributes: false, attributeNamePrefix: '@', parseTagValue: false, parseAttributeValue: false },
  alwaysCreateTextNode: true,
  ignoreDeclaration: true,
  isArray: (_name, _path, _isLeaf, isAttribute) => !isAttribute,
});

export interface Read {
  root: string;
  invoice: Element;
}

export function readXml(xml: string): Read {
  const fault = XMLValidator.validate(xml);
  if (fault !== true) throw new Error(fault.err.msg);
  const [root = '', ...more] = Object.keys(parser.parse(xml));
  if (more.length > 0) throw new Error('more than one root');
  return { root, invoice: parser.parse(xml)[root][0] };
}

/** All elements of a path. */
function each(from: Element, path: string): Element[] {
  return path
    .split('/')
    .reduce<Element[]>(
      (found, name) => found.flatMap((one) => (Array.isArray(one[name]) ? (one[name] as Element[]) : [])),
      [from],
    );
}
const texts = (from: Element, path: string): string[] => each(from, path).map((one) => String(one['#text'] ?? ''));
export const textOf = (from: Element, path: string): string | undefined => texts(from, path)[0];
const sum = (amounts: string[]): Big => amounts.reduce((all, one) => all.plus(one), new Big(0));

/** The rules that are broken, by their ids in EN 16931-1; for a credit note those of the same terms. */
export function brokenRules({ root, invoice }: Read): string[] {
  const broken: string[] = [];
  const rule = (id: string, holds: boolean): void => void (holds || broken.push(id));
  const line = root === 'CreditNote' ? 'cac:CreditNoteLine' : 'cac:InvoiceLine';
  const quantity = root === 'CreditNote' ? 'cbc:CreditedQuantity' : 'cbc:InvoicedQuantity';
  const has = (id: string, path: string, from = invoice): void => rule(id, (textOf(from, path) ?? '').trim() !== '');
  const total = (name: string): Big => new Big(textOf(invoice, `cac:LegalMonetaryTotal/${name}`) ?? '0');
  const seller = 'cac:AccountingSupplierParty/cac:Party';
  const buyer = 'cac:AccountingCustomerParty/cac:Party';

  has('BR-01', 'cbc:CustomizationID');
  has('BR-02', 'cbc:ID');
  has('BR-03', 'cbc:IssueDate');
  has('BR-04', `cbc:${root}TypeCode`);
  has('BR-05', 'cbc:DocumentCurrencyCode');
  has('BR-06', `${seller}/cac:PartyLegalEntity/cbc:RegistrationName`);
  has('BR-07', `${buyer}/cac:PartyLegalEntity/cbc:RegistrationName`);
  has('BR-09', `${seller}/cac:PostalAddress/cac:Country/cbc:IdentificationCode`);
  has('BR-11', `${buyer}/cac:PostalAddress/cac:Country/cbc:IdentificationCode`);
  for (const [id, name] of [
    ['BR-12', 'LineExtensionAmount'],
    ['BR-13', 'TaxExclusiveAmount'],
    ['BR-14', 'TaxInclusiveAmount'],
    ['BR-15', 'PayableAmount'],
  ] as const)
    has(id, `cac:LegalMonetaryTotal/cbc:${name}`);
  const lines = each(invoice, line);
  rule('BR-16', lines.length > 0);
  for (const one of lines) {
    has('BR-21', 'cbc:ID', one);
    has('BR-22', quantity, one);
    rule(
      'BR-23',
      each(one, quantity).every((its) => its['@unitCode'] !== undefined),
    );
    has('BR-24', 'cbc:LineExtensionAmount', one);
    has('BR-25', 'cac:Item/cbc:Name', one);
    has('BR-26', 'cac:Price/cbc:PriceAmount', one);
    rule('BR-27', new Big(textOf(one, 'cac:Price/cbc:PriceAmount') ?? '0').gte(0));
    has('BR-CO-04', 'cac:Item/cac:ClassifiedTaxCategory/cbc:ID', one);
    const [price, count] = [textOf(one, 'cac:Price/cbc:PriceAmount'), textOf(one, quantity)];
    rule('BT-131', new Big(price ?? '0').times(count ?? '0').eq(textOf(one, 'cbc:LineExtensionAmount') ?? '0'));
  }
  const from = textOf(invoice, 'cac:InvoicePeriod/cbc:StartDate') ?? '';
  rule('BR-29', from <= (textOf(invoice, 'cac:InvoicePeriod/cbc:EndDate') ?? ''));
  const account = textOf(invoice, 'cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID');
  rule('BR-61', !['30', '58'].includes(textOf(invoice, 'cac:PaymentMeans/cbc:PaymentMeansCode') ?? '') || !!account);
  rule(
    'BR-62',
    each(invoice, `${seller}/cbc:EndpointID`).every((one) => one['@schemeID'] !== undefined),
  );
  rule(
    'BR-63',
    each(invoice, `${buyer}/cbc:EndpointID`).every((one) => one['@schemeID'] !== undefined),
  );

  rule('BR-CO-10', total('cbc:LineExtensionAmount').eq(sum(texts(invoice, `${line}/cbc:LineExtensionAmount`))));
  rule('BR-CO-13', total('cbc:TaxExclusiveAmount').eq(total('cbc:LineExtensionAmount')));
  const taxes = texts(invoice, 'cac:TaxTotal/cbc:TaxAmount');
  const subtotals = each(invoice, 'cac:TaxTotal/cac:TaxSubtotal');
  rule('BR-CO-14', sum(taxes).eq(sum(subtotals.flatMap((one) => texts(one, 'cbc:TaxAmount')))));
  rule('BR-CO-15', total('cbc:TaxInclusiveAmount').eq(total('cbc:TaxExclusiveAmount').plus(sum(taxes))));
  const payable = total('cbc:TaxInclusiveAmount').plus(total('cbc:PayableRoundingAmount'));
  rule('BR-CO-16', total('cbc:PayableAmount').eq(payable));
  for (const one of subtotals) {
    const [base, tax] = [textOf(one, 'cbc:TaxableAmount') ?? '0', textOf(one, 'cbc:TaxAmount') ?? '0'];
    const percent = textOf(one, 'cac:TaxCategory/cbc:Percent') ?? '0';
    // To the smallest coin: the published rule leaves one unit of slack, in which whole yen lie.
    const digits = minorDigits(textOf(invoice, 'cbc:DocumentCurrencyCode') ?? '') ?? 2;
    rule('BR-CO-17', new Big(base).times(percent).div(100).round(digits, Big.roundHalfUp).eq(tax));
  }
  rule('BR-CO-18', subtotals.length > 0);
  const isDue = total('cbc:PayableAmount').gt(0);
  const terms = textOf(invoice, 'cbc:DueDate') ?? textOf(invoice, 'cac:PaymentTerms/cbc:Note');
  rule('BR-CO-25', !isDue || terms !== undefined);
  const vatIds = [seller, buyer].map((who) => textOf(invoice, `${who}/cac:PartyTaxScheme/cbc:CompanyID`));
  const registered = textOf(invoice, `${seller}/cac:PartyLegalEntity/cbc:CompanyID`);
  rule('BR-CO-26', vatIds[0] !== undefined || registered !== undefined);
  rule(
    'BR-CO-09',
    vatIds.every((id) => id === undefined || /^[A-Z]{2}/.test(id)),
  );

  for (const one of subtotals) {
    const category = textOf(one, 'cac:TaxCategory/cbc:ID') ?? '';
    const its = (lines as Element[]).filter((a) => textOf(a, 'cac:Item/cac:ClassifiedTaxCategory/cbc:ID') === category);
    const percents = its.map((a) => textOf(a, 'cac:Item/cac:ClassifiedTaxCategory/cbc:Percent'));
    const base = sum(its.flatMap((a) => texts(a, 'cbc:LineExtensionAmount')));
    rule(`BR-${category}-01`, its.length === lines.length);
    rule(`BR-${category}-08`, base.eq(textOf(one, 'cbc:TaxableAmount') ?? '0'));
    const why = textOf(one, 'cac:TaxCategory/cbc:TaxExemptionReason');
    if (category === 'S') {
      rule('BR-S-02', vatIds[0] !== undefined);
      rule(
        'BR-S-05',
        percents.every((percent) => new Big(percent ?? '0').gt(0)),
      );
      rule('BR-S-10', why === undefined);
    }
    if (category === 'Z' || category === 'E') {
      rule(`BR-${category}-02`, vatIds[0] !== undefined);
      rule(
        `BR-${category}-05`,
        percents.every((percent) => percent !== undefined && new Big(percent).eq(0)),
      );
      rule(`BR-${category}-09`, new Big(textOf(one, 'cbc:TaxAmount') ?? '1').eq(0));
      rule(`BR-${category}-10`, (category === 'E') === (why !== undefined));
    }
    if (category === 'O') {
      rule(
        'BR-O-02',
        vatIds.every((id) => id === undefined),
      );
      rule(
        'BR-O-05',
        percents.every((percent) => percent === undefined),
      );
      rule('BR-O-09', new Big(textOf(one, 'cbc:TaxAmount') ?? '1').eq(0));
      rule('BR-O-10', why !== undefined);
      rule('BR-O-11', subtotals.length === 1);
    }
  }
  const currency = textOf(invoice, 'cbc:DocumentCurrencyCode');
  const amounts = (of: Element): Element[] =>
    Object.values(of).flatMap((all) => (Array.isArray(all) ? all.flatMap((one) => [one, ...amounts(one)]) : []));
  const money = amounts(invoice).filter((one) => one['@currencyID'] !== undefined);
  rule(
    'BR-DEC',
    money.every((one) => /^-?\d+(\.\d{1,2})?$/.test(String(one['#text']))),
  );
  rule(
    'UBL-CR',
    money.every((one) => one['@currencyID'] === currency),
  );
  return [...new Set(broken)];
}

interface Schema {
  properties?: Record<string, Schema>;
  items?: Schema;
  type?: string;
}

const { invoiceSchema } = createRequire(import.meta.url)('@e-invoice-eu/core') as { invoiceSchema: Schema };
const validate: ValidateFunction = new Ajv2019({ strict: false, allErrors: true }).compile(invoiceSchema);

/** As the schema has it: attributes are `name@attribute`, what can be there once is no list. */
function asSchema(
  element: Element,
  schema: Schema | undefined,
  path: string,
  faults: string[],
): Record<string, unknown> {
  const known = Object.keys(schema?.properties ?? {});
  const names = Object.keys(element).filter((name) => !name.startsWith('@') && name !== '#text');
  const order = names.map((name) => known.indexOf(name));
  if (order.some((at, n) => at < (order[n - 1] ?? 0))) faults.push(`${path}: not in order: ${names.join(' ')}`);
  return Object.fromEntries(
    names.flatMap((name): [string, unknown][] => {
      const its = schema?.properties?.[name];
      const inner = its?.type === 'array' ? its.items : its;
      const all = element[name] as Element[];
      if (its?.type !== 'array' && all.length > 1) faults.push(`${path}/${name}: more than once`);
      const values = all.map((one) => {
        const isLeaf = Object.keys(one).every((key) => key === '#text' || key.startsWith('@'));
        return isLeaf ? one['#text'] : asSchema(one, inner, `${path}/${name}`, faults);
      });
      const attributes = Object.entries(all[0] ?? {})
        .filter(([key]) => key.startsWith('@'))
        .map(([key, value]): [string, unknown] => [`${name}${key}`, value]);
      return [[name, its?.type === 'array' ? values : values[0]], ...attributes];
    }),
  );
}

/** What of it is not as the schema of an invoice says. A credit note is one with other names. */
export function schemaFaults({ root, invoice }: Read): string[] {
  const faults: string[] = [];
  const named = JSON.parse(
    JSON.stringify(invoice).replaceAll('CreditNote', 'Invoice').replaceAll('CreditedQuantity', 'InvoicedQuantity'),
  ) as Element;
  const plain = Object.fromEntries(Object.entries(named).filter(([name]) => !name.startsWith('@'))) as Element;
  const tree = asSchema(plain, invoiceSchema.properties?.['ubl:Invoice'], root, faults);
  if (!validate({ 'ubl:Invoice': tree }))
    for (const { instancePath, message, params } of validate.errors ?? [])
      faults.push(`${instancePath} ${message} ${JSON.stringify(params)}`);
  return faults;
}
