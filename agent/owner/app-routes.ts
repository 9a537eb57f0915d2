/** The owner's API for apps: what runs, what could, and each yes and no. */
import { Readable } from 'node:stream';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Clock } from '#common/clock.js';
import { logTailBytes } from '#contract/api.js';
import { exportLines, exportMediaType } from '#contract/app-export.js';
import {
  AppDecision,
  AppRemoval,
  type InstalledApp,
  NewGrant,
  SuccessionAnswer,
  TakenGrant,
} from '#contract/installed.js';
import { ReleasedAppId } from '#contract/manifest.js';
import { CatalogueQuery } from '#contract/owner.js';
import { Refusal } from '#contract/problems.js';
import { archiveMediaType, largestArchive, ReleaseId } from '#contract/release.js';
import type { Access } from './access.js';
import { keptBy } from './app-export.js';
import type { BodyDeadlines } from './body-deadlines.js';
import { consentReceiptOf } from './consent-receipt.js';
import type { AppData, AppGrants, AppLogs, AppsDesk, OwnerFeatures } from './features.js';
import type { ViewStreams } from './stream.js';
import { arriving, type UploadLimits } from './upload.js';

const owner = { ownerAccess: 'owner' } as const;
const OfApp = Type.Object({ id: ReleasedAppId });
const OfRelease = Type.Object({ release: ReleaseId });

/** Fifty permissions with long names and dates. */
const decisionBytes = 32 * 1024;
export const uploadLimits: UploadLimits = { bytes: largestArchive, pauseMilliseconds: 30_000 };

export interface AppRouteParts {
  apps: AppsDesk;
  grants: AppGrants | undefined;
  logs: AppLogs | undefined;
  data: AppData | undefined;
  ledger: OwnerFeatures['ledger'];
  access: Access;
  streams: ViewStreams;
  deadlines: BodyDeadlines;
  clock: Pick<Clock, 'now'>;
  upload?: Partial<UploadLimits> | undefined;
}

export function declareAppRoutes(plain: FastifyInstance, parts: AppRouteParts): void {
  declareOffers(plain, parts);
  declareInstalled(plain, parts);
  declareTaken(plain, parts);
  if (parts.grants) declareGrants(plain, { ...parts, grants: parts.grants });
}

const laterThan = (now: number, wishes: readonly { until?: number }[]): void => {
  if (wishes.some(({ until }) => until !== undefined && until <= now)) throw new Refusal('date-past');
};

function installed(apps: AppsDesk, id: string): InstalledApp {
  const found = apps.show(id);
  if (!found) throw new Refusal('app-not-installed', id);
  return found;
}

function declareOffers(plain: FastifyInstance, { apps, access, deadlines, clock, upload }: AppRouteParts): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.get('/v1/catalogue', { config: owner, schema: { querystring: CatalogueQuery } }, async ({ query }) =>
    apps.browse(query),
  );
  app.get('/v1/offers/:release', { config: owner, schema: { params: OfRelease } }, async ({ params }) =>
    apps.offer(params.release),
  );
  app.post(
    '/v1/apps',
    { config: owner, bodyLimit: decisionBytes, schema: { body: AppDecision } },
    async (request, reply) => {
      laterThan(clock.now(), request.body.grants);
      return reply.code(202).send({ change: await apps.decide(request.body, access.signerOf(request)) });
    },
  );

  // An application of its own: nowhere else are octets taken.
  plain.register(async (files) => {
    const limits = { ...uploadLimits, ...upload };
    let isUploading = false;
    files.removeAllContentTypeParsers();
    files.addContentTypeParser(['application/octet-stream', archiveMediaType], (_request, _body, done) => done(null));
    files.post('/v1/offers', { config: owner }, async (request, reply) => {
      if (request.headers['content-type'] === undefined) throw new Refusal('media-type-unsupported');
      if (isUploading) throw new Refusal('upload-under-way');
      isUploading = true;
      try {
        deadlines.letGo(request.raw);
        return reply.send(await apps.offerFile(arriving(request.raw, limits)));
      } finally {
        isUploading = false;
      }
    });
  });
}

function declareInstalled(plain: FastifyInstance, { apps, logs, access, streams }: AppRouteParts): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const ofApp = { config: owner, schema: { params: OfApp } };

  app.get('/v1/apps', { config: owner }, async () => apps.list());
  app.get('/v1/apps/:id', ofApp, async ({ params }) => installed(apps, params.id));
  app.delete('/v1/apps/:id', { config: owner, schema: { params: OfApp, body: AppRemoval } }, async (request, reply) => {
    const { id } = installed(apps, request.params.id);
    if (request.body.word.trim() !== id) throw new Refusal('word-missing', `type “${id}”`);
    return reply.code(202).send({ change: await apps.remove(id, access.signerOf(request)) });
  });
  for (const act of ['stop', 'start'] as const)
    app.post(`/v1/apps/:id/${act}`, ofApp, async (request, reply) => {
      const { id } = installed(apps, request.params.id);
      await apps[act](id, access.signerOf(request));
      streams.tell();
      return reply.code(204).send();
    });
  app.post(
    '/v1/apps/:id/succession',
    { config: owner, schema: { params: OfApp, body: SuccessionAnswer } },
    async (request, reply): Promise<{ change: string | null }> => {
      const { id } = installed(apps, request.params.id);
      const change = await apps.succeed(id, request.body, access.signerOf(request));
      streams.tell();
      if (change !== null) reply.code(202);
      return { change };
    },
  );
  app.post('/v1/apps/:id/update-now', ofApp, async (request, reply) => {
    const { id } = installed(apps, request.params.id);
    await apps.updateNow(id, access.signerOf(request));
    streams.tell();
    return reply.code(204).send();
  });
  if (logs)
    app.get('/v1/apps/:id/logs', ofApp, async ({ params }, reply) => {
      const { id } = installed(apps, params.id);
      return reply.type('text/plain; charset=utf-8').send(await logs(id, { tailBytes: logTailBytes }));
    });
}

/** What the owner takes away: also of an app whose maker was expelled, and before it is removed. */
function declareTaken(plain: FastifyInstance, { apps, data, ledger, clock }: AppRouteParts): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const ofApp = { config: owner, schema: { params: OfApp } };
  const asFile = (name: string) => ({ 'content-disposition': `attachment; filename="${name}"` });

  app.get('/v1/apps/:id/receipt', ofApp, async ({ params }, reply) => {
    const app = installed(apps, params.id);
    const receipt = consentReceiptOf({ app, ledger: await ledger.export(), at: clock.now() });
    return reply
      .headers(asFile(`${app.id}-consent.json`))
      .type('application/json; charset=utf-8')
      .send(JSON.stringify(receipt, null, 1));
  });
  if (data)
    app.get('/v1/apps/:id/export', ofApp, async ({ params }, reply) => {
      const { id, manifest } = installed(apps, params.id);
      const head = { app: id, version: manifest.version, exportedAt: clock.now() };
      await data.list(id, { prefix: '', after: undefined, limit: 1 }); // what cannot be read is refused, and is no file
      return reply
        .headers(asFile(`${id}-data.jsonl`))
        .type(exportMediaType)
        .send(Readable.from(exportLines(head, keptBy(data, id))));
    });
}

function declareGrants(
  plain: FastifyInstance,
  { apps, grants, access, clock }: AppRouteParts & { grants: AppGrants },
): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.put(
    '/v1/apps/:id/grants',
    { config: owner, schema: { params: OfApp, body: NewGrant } },
    async (request, reply) => {
      const { id, manifest } = installed(apps, request.params.id);
      const { capability } = request.body;
      if (!manifest.capabilities.some((asked) => asked.capability === capability))
        throw new Refusal('permission-not-asked', capability);
      laterThan(clock.now(), [request.body]);
      await grants.set(id, { give: [request.body], take: [] }, access.signerOf(request));
      return reply.code(204).send();
    },
  );
  app.delete(
    '/v1/apps/:id/grants',
    { config: owner, schema: { params: OfApp, body: TakenGrant } },
    async (request, reply) => {
      const { id, grants: held } = installed(apps, request.params.id);
      const { capability } = request.body;
      // Taken back twice is taken back: the ledger says it once.
      if (held.some((grant) => grant.capability === capability))
        await grants.set(id, { give: [], take: [capability] }, access.signerOf(request));
      return reply.code(204).send();
    },
  );
}
