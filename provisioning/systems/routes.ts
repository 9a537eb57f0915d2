/** Systems over HTTP, on the territory's EST origin, for boxes alone: see contract/os-release.ts. */
import { createReadStream } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { OsAsk, osPath } from '#contract/os-release.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Callers } from '../catalogue/caller.js';
import type { spanOf } from '../catalogue/headers.js';
import type { Systems } from './systems.js';

/** A reader that takes nothing for so long has gone. */
const stallMilliseconds = 60_000;
/** Bytes; what is larger is a request like others. */
const largestPart = 4 * 1024 ** 2;

export function declareSystemRoutes(
  app: FastifyInstance,
  {
    callers,
    systems,
    span,
  }: { callers: Pick<Callers, 'box'>; systems: Pick<Systems, 'ask' | 'bundle'>; span: typeof spanOf },
): void {
  app.post(`${osPath}/selected`, { bodyLimit: 8192 }, async (request, reply) => {
    const box = await callers.box(request);
    const asked = check(OsAsk, request.body);
    if (!asked.ok) throw new Refusal('body-invalid', describeFaults(asked.faults));
    const selection = await systems.ask(box, asked.value);
    return selection ?? reply.code(204).send();
  });

  app.get<{ Params: { sha256: string } }>(`${osPath}/bundles/:sha256`, async (request, reply) => {
    const asked = span(request.headers.range, Number.MAX_SAFE_INTEGER);
    await callers.box(request, typeof asked === 'object' && asked.last - asked.first < largestPart);
    const { file, size } = await systems.bundle(request.params.sha256);
    const wanted = span(request.headers.range, size);
    reply.type('application/octet-stream').header('accept-ranges', 'bytes');
    if (wanted === 'none')
      throw new Refusal('range-invalid', `${size} bytes`, { headers: { 'content-range': `bytes */${size}` } });
    const { first, last } = wanted === 'all' ? { first: 0, last: size - 1 } : wanted;
    if (wanted !== 'all') reply.code(206).header('content-range', `bytes ${first}-${last}/${size}`);
    request.raw.socket.setTimeout(stallMilliseconds);
    return reply
      .header('content-length', String(last - first + 1))
      .send(createReadStream(file, { start: first, end: last }));
  });
}
