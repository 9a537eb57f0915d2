/** The owner's API for months: what runs up, what was closed and where it differs, each to look at and to take away. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { BoxId } from '#contract/box-id.js';
import { InvoiceNumber } from '#contract/invoices.js';
import { Period } from '#contract/metering.js';
import type { MonthsView, OwnerMonth } from '#contract/owner-months.js';
import type { OwnerMonths } from '../accounts/months.js';
import { monthCsv } from './month-csv.js';

const config = { ownerAccess: 'owner' } as const;
const OfMonth = Type.Object({ box: BoxId, month: Period });
const OfInvoice = Type.Object({ box: BoxId, number: InvoiceNumber });
const asFile = (name: string) => ({ 'content-disposition': `attachment; filename="${name}"` });

export function declareMonthRoutes(plain: FastifyInstance, { months }: { months: OwnerMonths }): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const ofMonth = { config, schema: { params: OfMonth } };

  app.get('/v1/months', { config }, async (): Promise<MonthsView> => months.view());
  app.post('/v1/months/ask', { config }, async (): Promise<MonthsView> => {
    await months.ask();
    return months.view();
  });
  app.get(
    '/v1/months/:box/:month',
    ofMonth,
    async ({ params }): Promise<OwnerMonth> => months.month(params.box, params.month),
  );
  app.post('/v1/months/:box/:month/seen', ofMonth, async ({ params }, reply) => {
    await months.seen(params.box, params.month);
    return reply.code(204).send();
  });
  app.get('/v1/months/:box/:month/csv', ofMonth, async ({ params }, reply) => {
    const csv = monthCsv(await months.month(params.box, params.month));
    return reply
      .headers(asFile(`${params.month}-${params.box}.csv`))
      .type('text/csv; charset=utf-8')
      .send(csv);
  });
  // A document of somebody else's is saved, and never shown as a page of this box.
  app.get('/v1/months/:box/invoices/:number', { config, schema: { params: OfInvoice } }, async ({ params }, reply) => {
    const { xml, number } = await months.invoice(params.box, params.number);
    return reply
      .headers(asFile(`${number}.xml`))
      .type('application/xml; charset=utf-8')
      .send(xml);
  });
}
