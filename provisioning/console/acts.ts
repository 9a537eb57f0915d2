/**
 * Each request that alters something is an act in the audit log, refused ones of known callers too. `act` stands beside
 * the path; without it the act is called by its method and path.
 */
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import type { Act, Audit, OutcomeCode } from '../operators/audit.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Such as `box.revoke`. */
    act?: string;
    /** What `:id` in the path names: box, claim, … */
    on?: string;
    /** It may happen before it is written down, and where it cannot be. */
    harmless?: boolean;
  }
  interface FastifyRequest {
    /** The index of its act, once that has begun. */
    actIndex: number | null;
  }
}

const reads = new Set(['GET', 'HEAD', 'OPTIONS']);

/** `POST /v1/boxes/:id/commands` is `boxes.commands.post`. */
const derived = (method: string, path = ''): string => {
  const words = path.split('/').filter((part) => part !== '' && part !== 'v1' && !part.startsWith(':'));
  return [...words, method]
    .join('.')
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .slice(0, 64);
};

/** Of a path that does not say: `boxes` is `box`. */
const singular = (path = ''): string => /\/([a-z]+)\/:id/.exec(path)?.[1]?.replace(/(?<=x)es$|s$/, '') ?? 'id';

function actOf({ caller, method, params, body, routeOptions: { url, config } }: FastifyRequest): Act | undefined {
  if (caller === null || reads.has(method)) return undefined;
  const { id, ...named } = { ...(params as Record<string, unknown> | undefined) };
  const on = id === undefined ? {} : { [config.on ?? singular(url)]: id };
  const { name, role, via } = caller;
  const said = config.harmless ? {} : body;
  return { act: config.act ?? derived(method, url), who: name, role, via, facts: [on, named, said] };
}

interface Told {
  code?: unknown;
  id?: unknown;
  name?: unknown;
}

/** What the answer says of itself: the problem's code, or which thing was made. */
function told(payload: unknown): Told {
  if (typeof payload !== 'string' || !payload.startsWith('{')) return {};
  try {
    return JSON.parse(payload) as Told;
  } catch {
    return {};
  }
}

/** To be called once callers are known, and before any route is declared. */
export function auditActs(app: FastifyInstance, { audit, log }: { audit: Audit; log: FastifyBaseLogger }): void {
  app.decorateRequest('actIndex', null);
  app.addHook('preHandler', async (request) => {
    if (request.routeOptions.config.harmless) return;
    const act = actOf(request);
    if (act) request.actIndex = await audit.begin(act);
  });
  app.addHook('onSend', async (request, { statusCode }, payload) => {
    const act = actOf(request);
    if (!act) return payload;
    const { code, id, name } = told(payload);
    const outcome = (statusCode < 400 ? 'ok' : typeof code === 'string' ? code : 'internal') as OutcomeCode;
    const made = { ...(typeof id === 'string' && { id }), ...(typeof name === 'string' && { name }) };
    try {
      if (request.actIndex === null) await audit.note(act, outcome);
      else await audit.end(request.actIndex, outcome, outcome === 'ok' ? made : {});
    } catch (error) {
      // It happened, and that it was to happen is written down: the answer stays true.
      log.error({ err: error }, 'cannot write the outcome of an act');
    }
    return payload;
  });
}
