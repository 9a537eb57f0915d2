/** The operator's API for months: what they came to, for owners, members and the territory, and closing them. */
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { memberTable, ownerTable } from '#common/accounts/tables.js';
import { csvLine } from '#common/csv.js';
import { Closing } from '#contract/accounts.js';
import { BoxId } from '#contract/box-id.js';
import { Period } from '#contract/metering.js';
import type { Accounts } from '../accounts/accounts.js';
import type { MonthClosing } from '../accounts/closing.js';

const config = { consoleAccess: 'viewer' } as const;
const acts = (act: string) => ({ consoleAccess: 'admin', act, on: 'month' }) as const;
const Month = Type.Object({ month: Period });
const OfBox = Type.Object({ month: Period, box: BoxId });
const Page = Type.Object({
  after: Type.Optional(Type.String({ maxLength: 200, description: 'the last one that was seen' })),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
});

export interface AccountFeature {
  accounts: Pick<Accounts, 'months' | 'owners' | 'owner' | 'members' | 'close'>;
  closing: Pick<MonthClosing, 'next' | 'set'>;
}

/** A hundred thousand boxes take longer than anybody waits for an answer: it goes on behind it. */
const patienceMilliseconds = 8000;
const together = 500;

/** All of a listing, a page at a time. */
async function* everyone<T>(page: (after: string) => Promise<T[]>, keyOf: (one: T) => string): AsyncGenerator<T> {
  for (let after = ''; ; ) {
    const found = await page(after);
    yield* found;
    const last = found.at(-1);
    if (!last || found.length < together) return;
    after = keyOf(last);
  }
}

async function* lines<T>({ head, rows }: { head: string[]; rows(one: T): string[][] }, all: AsyncIterable<T>) {
  yield `${csvLine(head)}\r\n`;
  for await (const one of all) for (const row of rows(one)) yield `${csvLine(row)}\r\n`;
}

export function declareAccountRoutes(
  plain: FastifyInstance,
  { accounts, closing }: AccountFeature,
  log: Pick<FastifyBaseLogger, 'error'>,
): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const paged = { config, schema: { params: Month, querystring: Page } };
  const ofMonth = { config, schema: { params: Month } };
  const asFile = (name: string) => ({ 'content-disposition': `attachment; filename="${name}.csv"` });

  app.get('/v1/accounts', { config }, async () => accounts.months());
  app.get('/v1/accounts/next', { config }, async () => closing.next());
  app.put('/v1/accounts/closing', { config: acts('account.closing'), schema: { body: Closing } }, async ({ body }) =>
    closing.set(body),
  );
  app.post(
    '/v1/accounts/:month/close',
    { config: acts('account.close'), schema: { params: Month } },
    async ({ params: { month } }, reply) => {
      const closed = accounts.close(month);
      const first = await Promise.race([closed, pause(patienceMilliseconds, undefined, { ref: false })]);
      if (first) return first;
      closed.catch((error: unknown) => log.error({ err: error, month }, 'cannot close a month'));
      return reply.code(202).send(null);
    },
  );
  app.get('/v1/accounts/:month/owners', paged, async ({ params, query }) => accounts.owners(params.month, query));
  app.get('/v1/accounts/:month/members', paged, async ({ params, query }) => accounts.members(params.month, query));
  app.get('/v1/accounts/:month/boxes/:box', { config, schema: { params: OfBox } }, async ({ params }) =>
    accounts.owner(params.month, params.box),
  );
  app.get('/v1/accounts/:month/owners.csv', ofMonth, async ({ params: { month } }, reply) => {
    await accounts.owners(month, { limit: 1 }); // what cannot be read is refused, and is no file
    const all = everyone(
      (after) => accounts.owners(month, { after, limit: together }),
      ({ box }) => box,
    );
    return reply
      .headers(asFile(`${month}-owners`))
      .type('text/csv; charset=utf-8')
      .send(Readable.from(lines(ownerTable, all)));
  });
  app.get('/v1/accounts/:month/members.csv', ofMonth, async ({ params: { month } }, reply) => {
    await accounts.members(month, { limit: 1 });
    const all = everyone(
      (after) => accounts.members(month, { after, limit: together }),
      ({ territory, member }) => `${territory}!${member}`,
    );
    return reply
      .headers(asFile(`${month}-members`))
      .type('text/csv; charset=utf-8')
      .send(Readable.from(lines(memberTable, all)));
  });
}
