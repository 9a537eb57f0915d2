/** The published specification, made from the code: OpenAPI 3.1, AsyncAPI 3.0, JSON Schema, and the client's types. */
import swagger from '@fastify/swagger';
import type { FastifySchema, RouteOptions } from 'fastify';
import type { TSchema } from 'typebox';
import { version } from '#common/version.js';
import { MemberAccount, MemberAccounts } from '#contract/accounts.js';
import {
  Agreement,
  AgreementEnd,
  AgreementsTaken,
  AgreementsTold,
  MemberAgreement,
  MemberAgreements,
} from '#contract/agreements.js';
import { AlertDelivery } from '#contract/alerts.js';
import { AttestationClaims, apiVersion } from '#contract/api.js';
import { CaseDocument, CaseStatement, CaseView, MemberCase, MemberCases, NewStatement } from '#contract/cases.js';
import { CatalogueApp, CataloguePage, CatalogueRelease, NewRelease, Withdrawal } from '#contract/catalogue.js';
import { Command, CommandResult, DesiredState, LiveSample } from '#contract/commands.js';
import { ConsentReceipt } from '#contract/consent-receipt.js';
import { Directory, DirectoryKeys } from '#contract/directory.js';
import { DomainClaim, DomainProof } from '#contract/domain-claim.js';
import { EventBatch } from '#contract/events.js';
import { Ack, HealthBatch, Sample } from '#contract/health.js';
import { LedgerExport } from '#contract/ledger.js';
import { LedgerReceipt } from '#contract/ledger-receipt.js';
import {
  LinkRequest,
  LinksAnswer,
  LinksNews,
  LinksStatement,
  MemberLink,
  MemberLinks,
  NewLink,
  NewOffer,
  OfferResult,
  WithdrawnOffer,
} from '#contract/links.js';
import { Manifest } from '#contract/manifest.js';
import { MemberCredential, MemberRequest, StandingNews, StatusList, StatusLists } from '#contract/member.js';
import {
  BoxMessage,
  MemberMessage,
  NewParcel,
  Parcel,
  ParcelAcks,
  ParcelPage,
  ParcelState,
} from '#contract/messages.js';
import {
  MemberStatement,
  MemberStatements,
  StatementsTaken,
  StatementsTold,
  UsageStatement,
} from '#contract/metering.js';
import { BoxInvoice, BoxMonths } from '#contract/months.js';
import { PaymentTaken, ToldPayment } from '#contract/payments.js';
import { Problem, type ProblemCode, problem } from '#contract/problems.js';
import { Profile } from '#contract/profile.js';
import { KeyRotation, Release } from '#contract/release.js';
import { Outcome, OutcomeReport, ResultsPage, RolloutAct, RolloutPlan, RolloutView } from '#contract/rollout.js';
import { Birth, Death, Reported, Status } from '#contract/status.js';
import { AppSuccessions, Succession } from '#contract/succession.js';
import { createCallers } from '../../agent/api/access.js';
import { createApplication } from '../../agent/api/application.js';
import { asyncapiDocument } from './asyncapi.js';
import { type ApiDocument, clientTypes } from './client-types.js';
import { operatorDocument } from './operator-spec.js';

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Problems that any call can meet, whatever the route. */
const everywhere: ProblemCode[] = ['request-malformed', 'headers-too-large', 'internal'];

/** The plugin drops `$id`, so a schema's name travels as a keyword of its own. */
function named(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(named);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => (key === '$id' ? ['x-name', inner] : [key, named(inner)])),
  );
}

/** Puts what the route's config says beside its schemas into the operation. */
function describeRoute({ schema, url, route }: { schema: FastifySchema; url: string; route: RouteOptions }) {
  const { operationId, capability, problems = [], bodyType, answerType } = route.config ?? {};
  const codes = [...new Set([...(capability ? (['grant-missing'] as const) : []), ...problems, ...everywhere])].sort();
  const response: Json = isObject(schema?.response) ? { ...schema.response } : { 200: { description: 'as asked' } };
  for (const status of Object.keys(response)) {
    const body = response[status] as Json;
    const description = body.description ?? 'as asked';
    if (body.type === 'null') response[status] = { description, type: 'null' };
    else response[status] = { description, content: { [answerType ?? 'application/json']: { schema: body } } };
  }
  for (const status of new Set(codes.map((code) => problem(code).status))) {
    const here = codes.filter((code) => problem(code).status === status);
    const content = { 'application/problem+json': { schema: Problem } };
    response[status] = { description: here.map((code) => `${code}: ${problem(code).title}`).join('; '), content };
  }
  return {
    url,
    schema: {
      ...(named(schema) as Json),
      operationId,
      response: named(response),
      ...(bodyType ? { consumes: [bodyType], body: { type: 'string', format: 'binary' } } : {}),
      'x-webizen-capability': capability ?? null,
      'x-webizen-problems': codes,
    },
  };
}

/** Moves every schema that has a name under components, once. */
function nameSchemas(document: Json): Json {
  const schemas: Record<string, unknown> = {};
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (!isObject(value)) return value;
    const { 'x-name': name, ...rest } = value;
    const walked = Object.fromEntries(Object.entries(rest).map(([key, inner]) => [key, walk(inner)]));
    if (typeof name !== 'string') return walked;
    schemas[name] = walked;
    return { $ref: `#/components/schemas/${name}` };
  };
  const { paths, ...rest } = document;
  const named = walk(paths);
  const sorted = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    ...rest,
    components: { ...(isObject(rest.components) ? rest.components : {}), schemas: sorted },
    paths: named,
  };
}

export async function openapiDocument(): Promise<Json> {
  const never = (): never => {
    throw new Error('not called');
  };
  const application = createApplication({
    callers: createCallers(),
    events: { start: never, open: never, tell: never, stop: never },
    watches: { open: never },
    features: {
      box: never,
      health: { latest: never },
      appView: never,
      ready: never,
      storage: { get: never, head: never, list: never, write: never, watch: never, usedBytes: never },
    },
    log: { info: never, warn: never, error: never },
    plugin: (app) =>
      app.register(swagger, {
        exposeHeadRoutes: true,
        openapi: {
          openapi: '3.1.0',
          info: {
            title: 'The Webizen standard API',
            version: apiVersion,
            description:
              'HTTP over a unix socket, WEBIZEN_SOCKET or /run/webizen/api.sock. The socket is the identity of the app: there are no tokens. A refusal is problem details (RFC 9457) with a stable code and a remedy. What the owner has not granted is refused as grant-missing. /v1 only ever grows.',
            license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
          },
          servers: [{ url: 'http://localhost', description: 'the unix socket of the app' }],
        },
        transform: describeRoute as never,
      }),
  });
  await application.ready();
  const document = JSON.parse(JSON.stringify(application.swagger())) as Json;
  await application.close();
  return nameSchemas(document);
}

const schemas: Record<string, TSchema> = {
  Agreement,
  AgreementEnd,
  AgreementsTaken,
  AgreementsTold,
  MemberAgreement,
  MemberAgreements,
  MemberCase,
  MemberCases,
  NewStatement,
  MemberAccount,
  MemberAccounts,
  PaymentTaken,
  ToldPayment,
  BoxMonths,
  BoxInvoice,
  MemberStatement,
  MemberStatements,
  StatementsTaken,
  StatementsTold,
  UsageStatement,
  Ack,
  AlertDelivery,
  AppSuccessions,
  AttestationClaims,
  Birth,
  BoxMessage,
  CaseDocument,
  CaseStatement,
  CaseView,
  CatalogueApp,
  CataloguePage,
  CatalogueRelease,
  Command,
  CommandResult,
  ConsentReceipt,
  Death,
  DesiredState,
  Directory,
  DirectoryKeys,
  DomainClaim,
  DomainProof,
  EventBatch,
  HealthBatch,
  KeyRotation,
  LedgerExport,
  LedgerReceipt,
  LinkRequest,
  LinksAnswer,
  LinksNews,
  LinksStatement,
  LiveSample,
  Manifest,
  MemberCredential,
  MemberLink,
  MemberLinks,
  MemberMessage,
  MemberRequest,
  NewLink,
  NewOffer,
  NewParcel,
  NewRelease,
  OfferResult,
  Parcel,
  ParcelAcks,
  ParcelPage,
  ParcelState,
  Outcome,
  OutcomeReport,
  Problem,
  Profile,
  Release,
  Reported,
  ResultsPage,
  RolloutAct,
  RolloutPlan,
  RolloutView,
  Sample,
  StandingNews,
  Status,
  StatusList,
  StatusLists,
  Succession,
  Withdrawal,
  WithdrawnOffer,
};

function plain(schema: TSchema): Json {
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (!isObject(value)) return value;
    const { $id: _, ...inner } = value;
    return Object.fromEntries(Object.entries(inner).map(([key, one]) => [key, strip(one)]));
  };
  return strip(JSON.parse(JSON.stringify(schema))) as Json;
}

function jsonSchema(name: string, schema: TSchema): string {
  const head = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:webizen:schema:${name}`,
    title: name,
  };
  return `${JSON.stringify({ ...head, ...plain(schema) }, null, 2)}\n`;
}

/** Each published file and its text, by its path in the repository. */
export async function specFiles(): Promise<Map<string, string>> {
  const document = await openapiDocument();
  const files = new Map([['docs/spec/openapi.json', `${JSON.stringify(document, null, 2)}\n`]]);
  const { document: operators } = await operatorDocument(named);
  files.set('docs/spec/operator-openapi.json', `${JSON.stringify(nameSchemas(operators), null, 2)}\n`);
  files.set('docs/spec/asyncapi.json', `${JSON.stringify(asyncapiDocument(version, plain), null, 2)}\n`);
  for (const [name, schema] of Object.entries(schemas))
    files.set(`docs/spec/schemas/${name}.json`, jsonSchema(name, schema));
  files.set(
    'agent/api/openapi.generated.ts',
    `// Made from the routes by \`make spec\`; do not edit.\nexport default ${JSON.stringify(JSON.stringify(document))};\n`,
  );
  files.set('sdk/client/api.ts', clientTypes(document as unknown as ApiDocument));
  return files;
}
