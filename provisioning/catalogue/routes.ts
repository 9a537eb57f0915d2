/** The catalogue over HTTP, on the territory's EST origin: see contract/catalogue.ts. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import {
  type CatalogueApp,
  type CataloguePage,
  type CatalogueRelease,
  cataloguePath,
  NewRelease,
  Withdrawal,
} from '#contract/catalogue.js';
import { DomainClaim, type DomainProof, domainsPath } from '#contract/domain-claim.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { largestReleaseJws } from '#contract/release.js';
import { type BlobRouteParts, declareBlobRoutes } from './blob-routes.js';
import { browse } from './browse.js';
import type { Caller } from './caller.js';
import type { Domains } from './domains.js';
import type { CatalogueMembers, CatalogueRollouts } from './parts.js';
import type { Publish } from './publish.js';
import { type Listed, type Registry, stateOf } from './registry.js';

export interface RouteParts extends BlobRouteParts {
  registry: Registry;
  members: CatalogueMembers;
  publish: Publish;
  domains: Domains;
  rollouts: CatalogueRollouts;
  maySee(caller: Caller, listed: Listed): boolean;
}

/** A release, and ten thousand boxes that may see it. */
const bodyLimit = largestReleaseJws + 10_000 * 48 + 1024;

const Query = Type.Object({
  query: Type.Optional(Type.String({ maxLength: 200 })),
  cursor: Type.Optional(Type.String({ maxLength: 4096 })),
  architecture: Type.Optional(Type.Union([Type.Literal('amd64'), Type.Literal('arm64')])),
});

function wanted<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal('body-invalid', describeFaults(parsed.faults));
}

export function declareRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { callers, registry, members, publish, domains, maySee, rollouts } = parts;
  const releases = `${cataloguePath}/releases`;
  const apps = `${cataloguePath}/apps`;
  /** Before the body is read: a stranger's is not. */
  const asked = new WeakMap<FastifyRequest, Awaited<ReturnType<typeof callers.member>>>();
  const onRequest = async (request: FastifyRequest): Promise<void> => {
    asked.set(request, await callers.member(request));
  };

  const successionIn = (id: string) => {
    const succession = members.successionsOf(id);
    return succession ? { succession } : {};
  };

  async function told({ id, app: its, version, member, publishedAt, ...one }: Listed): Promise<CatalogueRelease> {
    const release = registry.find(id)?.jws;
    if (release === undefined) throw new Refusal('listing-unknown', id);
    return {
      ...successionIn(its),
      ...{ id, app: its, version, member, state: stateOf(one as Listed), publishedAt, private: one.private },
      ...(one.ended && { reason: one.ended.reason }),
      release,
      credential: members.credentialOf(member),
      status: await members.status(),
    };
  }

  /** @throws Refusal `listing-unknown`, also for what the caller may not know of */
  function found(caller: Caller, id: string): Listed {
    const listed = registry.find(id);
    if (!listed || !maySee(caller, listed)) throw new Refusal('listing-unknown', id);
    return listed;
  }

  app.post(releases, { bodyLimit, onRequest }, async (request, reply): Promise<CatalogueRelease> => {
    const member = asked.get(request);
    if (!member) throw new Refusal('credential-missing');
    const { isNew, listed } = await publish(member, wanted(check(NewRelease, request.body)));
    reply.code(isNew ? 201 : 200);
    return told(listed);
  });

  app.post(domainsPath, { bodyLimit: 1024, onRequest }, async (request): Promise<DomainProof> => {
    const member = asked.get(request);
    if (!member) throw new Refusal('credential-missing');
    return domains.claim(member, wanted(check(DomainClaim, request.body)).domain);
  });

  /** What has ended is told to whoever has it, or waits for it. */
  const isOffered = (caller: Caller, listed: Listed): boolean =>
    caller.kind === 'member' ||
    listed.ended !== undefined ||
    rollouts.isOffered(listed, caller.box, registry.isOfferedTo(listed.id, caller.box));

  app.get<{ Params: { id: string } }>(`${releases}/:id`, async (request) => {
    const caller = await callers.either(request);
    const listed = found(caller, request.params.id);
    if (!isOffered(caller, listed)) throw new Refusal('release-not-offered', `${listed.app} ${listed.version}`);
    return told(listed);
  });

  app.post<{ Params: { id: string } }>(`${releases}/:id/withdraw`, { onRequest }, async (request) => {
    const member = asked.get(request);
    if (!member) throw new Refusal('credential-missing');
    const { id } = found({ kind: 'member', member }, request.params.id);
    return told(await registry.end(id, 'withdrawn', wanted(check(Withdrawal, request.body)).reason));
  });

  app.get(apps, async (request): Promise<CataloguePage> => {
    const box = await callers.box(request);
    return browse({ box, ...wanted(check(Query, request.query)) }, { registry, members, rollouts });
  });

  app.get<{ Params: { app: string } }>(`${apps}/:app`, async (request): Promise<CatalogueApp> => {
    const caller = await callers.either(request);
    const { app: name } = request.params;
    const owner = registry.owner(name)?.owner;
    // Whoever publishes under it from now on has to know which versions are used.
    const isOwner = caller.kind === 'member' && caller.member.id === owner;
    const its = (await registry.releasesOf(name)).filter(
      (one) => isOwner || (maySee(caller, one) && isOffered(caller, one)),
    );
    if (its.length === 0 || owner === undefined) throw new Refusal('listing-unknown', name);
    return {
      app: name,
      owner,
      ...successionIn(name),
      releases: its.map((one) => ({
        ...{
          id: one.id,
          version: one.version,
          state: stateOf(one),
          publishedAt: one.publishedAt,
          private: one.private,
        },
        ...(one.ended && { reason: one.ended.reason }),
        ...{ architecture: one.architecture, channel: one.channel },
        ...(caller.kind === 'member' &&
          caller.member.id === one.member && { rollout: rollouts.view(one), results: rollouts.counts(one.id) }),
      })),
    };
  });

  declareBlobRoutes(app, parts);
}
