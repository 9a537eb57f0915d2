/**
 * What a member has had of each month, and what a box owed for it, over HTTP on the territory's EST origin: see
 * contract/accounts.ts and contract/months.ts.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { accountsPath, type MemberAccounts, mostMonths } from '#contract/accounts.js';
import { InvoiceNumber } from '#contract/invoices.js';
import { Period } from '#contract/metering.js';
import { type BoxInvoice, type BoxMonths, boxAccountsPath } from '#contract/months.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Accounts } from './accounts.js';
import type { BoxMonthsRoom } from './box-months.js';

export interface Callers {
  member(request: FastifyRequest): Promise<{ readonly id: string }>;
  box(request: FastifyRequest): Promise<string>;
}

const Query = Type.Object({ after: Type.Optional(Period) });
const OfInvoice = Type.Object({ number: InvoiceNumber });

export function declareAccountRoutes(
  app: FastifyInstance,
  {
    accounts,
    boxMonths,
    territory,
    callers,
  }: { accounts: Pick<Accounts, 'ofMember'>; boxMonths: BoxMonthsRoom; territory: string; callers: Callers },
): void {
  app.get(accountsPath, async (request): Promise<MemberAccounts> => {
    const { id } = await callers.member(request);
    return { accounts: await accounts.ofMember(territory, id, mostMonths) };
  });

  app.get(boxAccountsPath, async (request): Promise<BoxMonths> => {
    const box = await callers.box(request);
    const query = check(Query, request.query);
    if (!query.ok) throw new Refusal('body-invalid', describeFaults(query.faults));
    return boxMonths.of(box, query.value.after);
  });

  app.get(`${boxAccountsPath}/invoices/:number`, async (request): Promise<BoxInvoice> => {
    const box = await callers.box(request);
    const named = check(OfInvoice, request.params);
    if (!named.ok) throw new Refusal('invoice-unknown');
    return boxMonths.invoice(box, named.value.number);
  });
}
