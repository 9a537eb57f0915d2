/** Rollouts and results over HTTP, beside the catalogue: see contract/rollout.ts. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { cataloguePath } from '#contract/catalogue.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { OutcomeReport, type ResultsPage, RolloutAct, type RolloutView } from '#contract/rollout.js';
import type { Callers } from '../catalogue/caller.js';
import type { Publisher } from '../catalogue/parts.js';
import type { Listed, Registry } from '../catalogue/registry.js';
import type { Results } from './results.js';
import type { Rollouts } from './rollouts.js';

const Query = Type.Object({ cursor: Type.Optional(Type.String({ maxLength: 4096 })) });
/** Fifty outcomes. */
const reportBytes = 64 * 1024;

interface OfRelease {
  Params: { id: string };
}

function wanted<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal('body-invalid', describeFaults(parsed.faults));
}

export function declareRolloutRoutes(
  app: FastifyInstance,
  parts: { callers: Callers; rollouts: Rollouts; results: Results; registry: Pick<Registry, 'find'> },
): void {
  const { callers, rollouts, results, registry } = parts;
  const release = `${cataloguePath}/releases/:id`;
  /** Before the body is read: a stranger's is not. */
  const members = new WeakMap<FastifyRequest, Publisher>();
  const boxes = new WeakMap<FastifyRequest, string>();
  const ofMember = {
    onRequest: async (request: FastifyRequest) => void members.set(request, await callers.member(request)),
  };
  const ofBox = { onRequest: async (request: FastifyRequest) => void boxes.set(request, await callers.box(request)) };

  /** @throws Refusal `listing-unknown`, also for what is another's */
  function own(request: FastifyRequest<OfRelease>): Listed {
    const listed = registry.find(request.params.id);
    if (!listed || listed.member !== members.get(request)?.id) throw new Refusal('listing-unknown', request.params.id);
    return listed;
  }

  /** @throws Refusal `rollout-unknown` */
  function viewOf(listed: Listed): RolloutView {
    const view = rollouts.view(listed);
    if (!view) throw new Refusal('rollout-unknown', listed.id);
    return view;
  }

  app.get<OfRelease>(`${release}/rollout`, ofMember, async (request) => viewOf(own(request)));

  app.post<OfRelease>(`${release}/rollout`, ofMember, async (request): Promise<RolloutView> => {
    const listed = own(request);
    await rollouts.act(listed, { ...wanted(check(RolloutAct, request.body)), by: 'member' });
    return viewOf(listed);
  });

  app.get<OfRelease>(`${release}/results`, ofMember, async (request): Promise<ResultsPage> => {
    const listed = own(request);
    return results.page(listed, wanted(check(Query, request.query)).cursor);
  });

  app.post(`${cataloguePath}/outcomes`, { ...ofBox, bodyLimit: reportBytes }, async (request, reply) => {
    const box = boxes.get(request);
    if (box === undefined) throw new Refusal('certificate-missing');
    await results.take(box, wanted(check(OutcomeReport, request.body)));
    return reply.code(204).send();
  });
}
