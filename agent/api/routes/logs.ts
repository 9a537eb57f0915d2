import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { logTailBytes } from '#contract/api.js';
import { Refusal } from '#contract/problems.js';
import type { Callers } from '../access.js';
import type { Features } from '../features.js';

/** What the calling app has printed. */
export function logRoutes(
  application: FastifyInstance,
  { callers, features }: { callers: Callers; features: Pick<Features, 'logs'> },
): void {
  /** The engine is asked for one app once at a time, however often the app asks. */
  const reading = new Map<string, Promise<string>>();

  function read(app: string): Promise<string> {
    if (!features.logs) throw new Refusal('unavailable');
    const now = reading.get(app) ?? features.logs(app, { tailBytes: logTailBytes }).finally(() => reading.delete(app));
    reading.set(app, now);
    return now;
  }

  application.get(
    '/v1/self/logs',
    {
      config: {
        capability: null,
        operationId: 'getLogs',
        problems: ['unavailable', 'runtime-unavailable', 'runtime-failed'],
        answerType: 'text/plain',
      },
      schema: {
        summary: 'the end of what the calling app printed, 128 KiB at most: as much as its owner sees',
        response: { 200: Type.String() },
      },
    },
    async (request, reply) => reply.type('text/plain; charset=utf-8').send(await read(callers.of(request).id)),
  );
}
