/** The operator's API as OpenAPI 3.1: paths, parameters, bodies and roles from the routes, and of each answer its schema. */
import swagger from '@fastify/swagger';
import { fastify, type RouteOptions } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { systemClock } from '#common/clock.js';
import { version } from '#common/version.js';
import { AccountMonth, Closing, MemberAccount, NextMonth, OwnerAccount } from '#contract/accounts.js';
import { ProviderAgreement } from '#contract/agreements.js';
import { AlertMail, AlertMailView } from '#contract/alert-mail.js';
import { Alert, AlertGroup, AlertRule, CreatedWebhook, Silence, Webhook } from '#contract/alerts.js';
import { CaseView } from '#contract/cases.js';
import { diagnosticsMediaType } from '#contract/commands.js';
import { FleetGlance, FleetPage, FleetQuery, SavedFilter } from '#contract/fleet.js';
import { ProviderStatement } from '#contract/metering.js';
import {
  AdmissionRequest,
  BoxDetail,
  BoxSummary,
  Claim,
  CreatedClaim,
  FleetEvent,
  NewRevocation,
  StoredSample,
} from '#contract/operator.js';
import { CommandPage, CommandView, FleetCommandResult } from '#contract/operator-commands.js';
import { AuditPage, CreatedOperator, Operator, SignedIn } from '#contract/operators.js';
import { Problem } from '#contract/problems.js';
import { createAccess } from '../../provisioning/console/access.js';
import { declareApi } from '../../provisioning/console/console.js';

type Json = Record<string, unknown>;

interface Answer {
  says: string;
  /** Missing: there is nothing in it. */
  answer?: TSchema;
  status?: 201 | 202;
  type?: string;
  /** Of what the route reads itself. */
  body?: TSchema;
  query?: TSchema;
}

const Territory = Type.Object({
  id: Type.String(),
  name: Type.String(),
  jurisdiction: Type.String(),
  law: Type.String(),
});
const box = { answer: BoxDetail };

/** By method and path. A route that is not here, or that is here and not there, fails the test. */
export const answers: Record<string, Answer> = {
  'POST /v1/session': { says: 'Signs a browser in: the answer sets its cookie.' },
  'GET /v1/session': { says: 'As whom the request came.', answer: SignedIn },
  'DELETE /v1/session': { says: 'Signs the browser out.' },
  'GET /v1/territory': { says: 'Whose API this is.', answer: Territory },

  'GET /v1/boxes': { says: 'The boxes by id, a page at a time.', answer: Type.Array(BoxSummary) },
  'GET /v1/boxes/:id': { says: 'All that is known of a box.', ...box },
  'GET /v1/boxes/:id/health': {
    says: 'Samples of a period in the resolution that fits, the hour until now unless said.',
    answer: Type.Array(StoredSample),
  },
  'PUT /v1/boxes/:id/about': { says: 'Says whose a box is and where it stands.', ...box },
  'POST /v1/boxes/:id/revoke': { says: 'Refuses a box from now on.', body: NewRevocation, ...box },
  'POST /v1/boxes/:id/reinstate': { says: 'Lets the device of a revoked box enrol again.', ...box },
  'POST /v1/boxes/:id/settle': { says: 'The copy of a cloned box is seen to.', ...box },
  'POST /v1/boxes/:id/object': { says: 'Objects to an announced departure.', ...box },

  'GET /v1/boxes/:id/commands': { says: 'What is and was asked of a box.', answer: CommandPage },
  'POST /v1/boxes/:id/commands': { says: 'Asks something of a box.', status: 201, answer: CommandView },
  'GET /v1/boxes/:id/commands/:command/diagnostics': {
    says: 'The bundle that a box has sent, JSON in gzip.',
    type: diagnosticsMediaType,
    answer: Type.String(),
  },

  'GET /v1/fleet': { says: 'The boxes as a table.', query: FleetQuery, answer: FleetPage },
  'GET /v1/fleet/glance': { says: 'The fleet at a glance.', answer: FleetGlance },
  'POST /v1/fleet/commands': {
    says: 'Asks the same of each box that a filter finds.',
    status: 202,
    answer: FleetCommandResult,
  },
  'GET /v1/fleet/filters': { says: 'The saved filters.', answer: Type.Array(SavedFilter) },
  'PUT /v1/fleet/filters/:name': { says: 'Saves a filter.', answer: SavedFilter },
  'DELETE /v1/fleet/filters/:name': { says: 'Forgets a filter.' },

  'GET /v1/requests': { says: 'Boxes that ask to be admitted.', answer: Type.Array(AdmissionRequest) },
  'POST /v1/requests/:id/approve': { says: 'Admits a box.', answer: AdmissionRequest },
  'POST /v1/requests/:id/refuse': { says: 'Refuses one, with a reason for its owner.', answer: AdmissionRequest },

  'GET /v1/claims': { says: 'The claim codes that were handed out.', answer: Type.Array(Claim) },
  'POST /v1/claims': { says: 'Makes a claim code, which is shown this once.', status: 201, answer: CreatedClaim },
  'DELETE /v1/claims/:id': { says: 'Takes a claim code back.' },

  'GET /v1/events': {
    says: 'The newest events; with `Accept: text/event-stream` those as well that happen from now on.',
    answer: Type.Array(FleetEvent),
  },
  'GET /metrics': { says: 'For Prometheus, text format 0.0.4.', type: 'text/plain', answer: Type.String() },

  'GET /v1/operators': { says: 'Who may sign in.', answer: Type.Array(Operator) },
  'POST /v1/operators': {
    says: 'Adds an operator, whose secret is shown this once.',
    status: 201,
    answer: CreatedOperator,
  },
  'POST /v1/operators/:name/role': { says: 'Gives another role.', answer: Operator },
  'POST /v1/operators/:name/reset': { says: 'Gives a new secret, shown this once.', answer: CreatedOperator },
  'DELETE /v1/operators/:name': { says: 'Removes an operator, and ends what they have open.' },
  'GET /v1/audit': { says: 'What operators did, newest first.', answer: AuditPage },

  'GET /v1/cases': {
    says: 'Cases about members, newest first: how each stands, what is due in it, by whom and until when.',
    answer: Type.Array(CaseView),
  },

  'GET /v1/alerts': { says: 'Every alert rule with what fires of it.', answer: Type.Array(AlertGroup) },
  'GET /v1/alerts/:rule': { says: 'What fires, or waits, of one rule, by box.', answer: Type.Array(Alert) },
  'POST /v1/alerts/acknowledge': {
    says: 'Somebody sees to it: it is not told again until then.',
    answer: Type.Object({ acknowledged: Type.Integer({ minimum: 1 }) }),
  },
  'GET /v1/silences': { says: 'What is not told at present.', answer: Type.Array(Silence) },
  'POST /v1/silences': { says: 'What matches is not told for a time.', status: 201, answer: Silence },
  'DELETE /v1/silences/:silence': { says: 'Ends a silence.' },
  'GET /v1/alert-rules': { says: 'The alert rules.', answer: Type.Array(AlertRule) },
  'POST /v1/alert-rules': { says: 'Makes a rule.', status: 201, answer: AlertRule },
  'PUT /v1/alert-rules/:rule': { says: 'Sets a rule.', answer: AlertRule },
  'DELETE /v1/alert-rules/:rule': { says: 'Removes a rule, with what fires of it.' },
  'GET /v1/alert-mail': { says: 'Through which server alerts are mailed, and to whom.', answer: AlertMailView },
  'PUT /v1/alert-mail': { says: 'Sets it; a password that is not said stays.', answer: AlertMail },
  'DELETE /v1/alert-mail': { says: 'Sends no mail any more; what waits goes with it.' },
  'POST /v1/alert-mail/test': { says: 'Sends a mail at once, to see whether it is taken.' },
  'GET /v1/agreements': {
    says: 'What owners have agreed to with members, by id, a page at a time.',
    answer: Type.Array(ProviderAgreement),
  },
  'GET /v1/usage': {
    says: 'The statements of what was counted under agreements, a page at a time.',
    answer: Type.Array(ProviderStatement),
  },
  'GET /v1/accounts': {
    says: 'The months that are begun with or closed, oldest first, and what they came to.',
    answer: Type.Array(AccountMonth),
  },
  'GET /v1/accounts/next': {
    says: 'The month that is to be closed next, and when it closes by itself.',
    answer: NextMonth,
  },
  'PUT /v1/accounts/closing': { says: 'After how many days months close by themselves; null: not.', answer: Closing },
  'POST /v1/accounts/:month/close': {
    says: 'Closes a month that is over, once. 202 where it takes long: it goes on, and asking again answers how far it is.',
    answer: AccountMonth,
  },
  'GET /v1/accounts/:month/boxes/:box': { says: 'What a closed month came to for one box.', answer: OwnerAccount },
  'GET /v1/accounts/:month/owners.csv': {
    says: 'The accounts of all boxes as a table (RFC 4180), a line for each charge.',
    type: 'text/csv',
    answer: Type.String(),
  },
  'GET /v1/accounts/:month/members.csv': {
    says: 'The accounts of all members as a table (RFC 4180).',
    type: 'text/csv',
    answer: Type.String(),
  },
  'GET /v1/accounts/:month/owners': {
    says: 'What a closed month came to for the owner of each box, by box, a page at a time.',
    answer: Type.Array(OwnerAccount),
  },
  'GET /v1/accounts/:month/members': {
    says: 'What a closed month came to for each member, by {territory}!{member}, a page at a time.',
    answer: Type.Array(MemberAccount),
  },
  'GET /v1/webhooks': { says: 'Where alerts are delivered, and how that goes.', answer: Type.Array(Webhook) },
  'POST /v1/webhooks': {
    says: 'Adds a webhook, whose secret is shown this once.',
    status: 201,
    answer: CreatedWebhook,
  },
  'POST /v1/webhooks/:webhook/test': { says: 'Posts a delivery of the kind test at once.' },
  'DELETE /v1/webhooks/:webhook': { says: 'Removes a webhook, with what waits for it.' },
};

interface Route {
  schema?: Json;
  url: string;
  route: RouteOptions;
}

const keyOf = (method: string, url: string): string => `${method} ${url}`;

/** @param named gives each schema that has a name a keyword that survives the plugin */
function describe({ schema = {}, url, route }: Route, named: (value: unknown) => unknown) {
  const key = keyOf(String(route.method), url);
  const known = answers[key];
  const { consoleAccess, act } = route.config ?? {};
  const isOpen = consoleAccess === 'open';
  const description = known?.says ?? '';
  const content = known?.answer && { [known.type ?? 'application/json']: { schema: known.answer } };
  const refused = { 'application/problem+json': { schema: Problem } };
  return {
    url,
    schema: named({
      ...schema,
      ...(known?.body && { body: known.body }),
      ...(known?.query && { querystring: known.query }),
      summary: description,
      security: isOpen ? [] : [{ secret: [] }, { session: [] }],
      response: {
        [known?.status ?? (content ? 200 : 204)]: content ? { description, content } : { description, type: 'null' },
        default: { description: 'refused, with a stable code and a remedy', content: refused },
      },
      'x-webizen-role': isOpen ? null : consoleAccess,
      ...(act && { 'x-webizen-act': act }),
    }) as Json,
  };
}

/** Answers the document, and every route that there is. */
export async function operatorDocument(
  named: (value: unknown) => unknown,
): Promise<{ document: Json; routes: readonly string[] }> {
  const app = fastify({ exposeHeadRoutes: false });
  const routes: string[] = [];
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: "The operator's API of a Webizen provider",
        version,
        description:
          'HTTP on the port of the console. A caller has a role, and x-webizen-role says which a call needs; each role may what those before it may: viewer, operator, admin. A call with x-webizen-act stands in the audit log under that name. A refusal is problem details (RFC 9457) with a stable code and a remedy.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          secret: { type: 'http', scheme: 'bearer', description: "an operator's secret" },
          session: { type: 'apiKey', in: 'cookie', name: 'webizen-{port}', description: 'of a browser' },
        },
      },
    },
    transform: ((given: Route) => describe(given, named)) as never,
  });
  app.addHook('onRoute', ({ method, url }) => void routes.push(keyOf(String(method), url)));
  const never = (): never => {
    throw new Error('not called');
  };
  const all = new Proxy({}, { get: () => never }) as never;
  const operators = { get: never, find: never, onEnded: () => () => {} };
  declareApi(app, {
    ...{ fleet: all, table: all, abouts: all, filters: all, claims: all, requests: all, streams: all, metrics: all },
    ...{ operators: all, audit: all, territory: all, clock: systemClock, log: all },
    alerts: { alerts: all, settings: all, webhooks: all, mail: all },
    commands: { desk: all, diagnostics: all },
    terms: { agreements: all, usage: all, accounts: all, closing: all },
    cases: all,
    access: createAccess({ operators, secrets: all, sessions: all, secure: false }),
  });
  await app.ready();
  const document = JSON.parse(JSON.stringify(app.swagger())) as Json;
  await app.close();
  return { document, routes };
}
