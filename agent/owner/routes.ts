/** The owner's API. Who may call stands beside each path; refusals come from the one table. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import type { NetworkView } from '#contract/network.js';
import {
  Election,
  Forgotten,
  ForgottenAllowed,
  HttpsOnly,
  Leave,
  LedgerQuery,
  NewPassphrase,
  type OwnerState,
  OwnJurisdiction,
  PassphraseChange,
  Recovery,
  SetupCode,
  SignIn,
  TimeConfirmation,
} from '#contract/owner.js';
import { Refusal } from '#contract/problems.js';
import { type Access, isSecure } from './access.js';
import type { Doors } from './doors.js';
import type { OwnerFeatures } from './features.js';
import type { LocalCa } from './local-ca.js';
import type { Settings } from './settings.js';
import type { ViewStreams } from './stream.js';
import { type ViewParts, viewOf } from './view.js';

const open = { ownerAccess: 'open' } as const;
const setup = { ownerAccess: 'setup' } as const;
const owner = { ownerAccess: 'owner' } as const;

/** A page may have been looked at for so long. */
const seenMilliseconds = 3_600_000;

/** Whether the page about the network has anything to say, and whether it comes first. */
function wifiState(network: NetworkView | undefined): OwnerState['wifi'] {
  if (!network?.wifi) return 'none';
  const { isJoined, accessPoint, trying } = network.wifi;
  return !network.wired && !isJoined && (accessPoint || trying) ? 'needed' : 'there';
}

export interface RouteParts {
  features: OwnerFeatures;
  settings: Settings;
  access: Access;
  doors: Doors;
  streams: ViewStreams;
  localCa: LocalCa;
  view: ViewParts;
  /** Where the console is found: `http://webizen-7k3f.local`. */
  addresses: () => { http: string; https: string | null };
  /** The first owner is set: the names change. */
  onOwned: () => void;
}

export function declareRoutes(plain: FastifyInstance, parts: RouteParts): void {
  declareWaysIn(plain, parts);
  declareSetup(plain, parts);
  declareSettings(plain, parts);
  declareLedger(plain, parts);
}

function declareWaysIn(
  plain: FastifyInstance,
  { features, settings, access, doors, localCa, addresses, onOwned }: RouteParts,
): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const { ledger } = features;

  app.get('/v1/state', { config: open }, async (request): Promise<OwnerState> => {
    const holds = access.who(request);
    const { http, https } = addresses();
    return {
      name: features.factory.name(),
      owned: features.owner.isSet(),
      session: holds?.kind ?? 'none',
      secure: isSecure(request),
      httpsOnly: settings.now().httpsOnly,
      address: http,
      httpsAddress: https,
      waitSeconds: doors.waitSeconds(),
      forgotten: await doors.forgottenState(),
      wifi: wifiState(features.network?.view()),
    };
  });
  app.get('/ca.crt', { config: open }, async (_request, reply) => {
    const certificate = localCa.certificate();
    if (!certificate) throw new Refusal('not-found');
    return reply
      .headers({ 'content-disposition': 'attachment; filename="webizen-box.crt"' })
      .type('application/x-x509-ca-cert')
      .send(certificate.raw);
  });

  app.post('/v1/setup/session', { config: open, schema: { body: SetupCode } }, async (request, reply) => {
    if (features.owner.isSet()) throw new Refusal('owner-set');
    await doors.labelCode(request, request.body.code);
    access.enter(request, reply, { kind: 'setup' });
    return reply.code(204).send();
  });
  app.post('/v1/setup/owner', { config: setup, schema: { body: NewPassphrase } }, async (request, reply) => {
    const { recoveryCode, signer } = await features.owner.set(request.body);
    access.endAll(({ kind }) => kind === 'setup'); // whoever else proved the label's code comes too late
    access.enter(request, reply, { kind: 'owner', signer });
    onOwned();
    return { recoveryCode };
  });

  app.post('/v1/session', { config: open, schema: { body: SignIn } }, async (request, reply) => {
    if (!features.owner.isSet()) throw new Refusal('owner-unset');
    const signer = await doors.passphrase(request, request.body.passphrase);
    await ledger.append({ by: 'owner', type: 'sign-in', facts: { https: isSecure(request) } }, signer);
    access.enter(request, reply, { kind: 'owner', signer });
    return reply.code(204).send();
  });
  app.delete('/v1/session', { config: open }, async (request, reply) => {
    access.leave(request, reply);
    return reply.code(204).send();
  });
  // Whoever had the old passphrase is out, wherever they are signed in.
  app.post('/v1/session/recovery', { config: open, schema: { body: Recovery } }, async (request, reply) => {
    const { recoveryCode, signer } = await doors.recoveryCode(request, request.body);
    await settings.change({ recoverySaved: false });
    access.endAll(() => true);
    access.enter(request, reply, { kind: 'owner', signer });
    return { recoveryCode };
  });
  app.post('/v1/session/forgotten', { config: open, schema: { body: Forgotten } }, async (request, reply) => {
    if (!features.owner.isSet()) throw new Refusal('owner-unset');
    const { recoveryCode, signer } = await doors.forgotten(request, request.body);
    await settings.change({ recoverySaved: false });
    access.endAll(() => true);
    access.enter(request, reply, { kind: 'owner', signer });
    return { recoveryCode };
  });
}

function declareSetup(plain: FastifyInstance, { features, settings, access, streams, view }: RouteParts): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const { membership, directory, ledger } = features;

  app.get('/v1/view', { config: owner }, async () => viewOf(view));
  app.get('/v1/events', { config: owner }, async (request, reply) => {
    streams.open(request, reply, () => access.stillAllowed(request));
    return reply;
  });
  app.post('/v1/recovery-code/saved', { config: owner }, async (_request, reply) => {
    await settings.change({ recoverySaved: true });
    streams.tell();
    return reply.code(204).send();
  });
  app.put('/v1/jurisdiction', { config: owner, schema: { body: OwnJurisdiction } }, async (request, reply) => {
    const { jurisdiction } = request.body;
    await ledger.append({ by: 'owner', type: 'jurisdiction', facts: { jurisdiction } }, access.signerOf(request));
    await settings.change({ ownJurisdiction: jurisdiction });
    streams.tell();
    return reply.code(204).send();
  });
  app.get('/v1/territories', { config: owner }, async () => directory.list());
  app.post('/v1/territories/refresh', { config: owner }, async () => {
    await directory.refresh();
    return directory.list();
  });
  app.post('/v1/election', { config: owner, schema: { body: Election } }, async (request, reply) =>
    reply.code(202).send({ change: await membership.elect(request.body, access.signerOf(request)) }),
  );
  app.post('/v1/transfer', { config: owner, schema: { body: Election } }, async (request, reply) =>
    reply.code(202).send({ change: await membership.transfer(request.body, access.signerOf(request)) }),
  );
  app.post('/v1/election/abandon', { config: owner }, async (request, reply) => {
    await membership.abandon(access.signerOf(request));
    return reply.code(204).send();
  });
  app.post('/v1/setup/done', { config: owner }, async (_request, reply) => {
    const page = viewOf(view).setup;
    if (page !== null && page !== 'done') throw new Refusal('setup-unfinished');
    await settings.change({ setupDone: true });
    streams.tell();
    return reply.code(204).send();
  });
}

function declareSettings(plain: FastifyInstance, { features, settings, access, doors, streams }: RouteParts): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.put('/v1/passphrase', { config: owner, schema: { body: PassphraseChange } }, async (request, reply) => {
    const { current, passphrase } = request.body;
    const signer = await doors.again(request, () => features.owner.changePassphrase({ old: current, passphrase }));
    access.endAll(() => true);
    access.enter(request, reply, { kind: 'owner', signer });
    return reply.code(204).send();
  });
  app.post('/v1/recovery-code', { config: owner, schema: { body: SignIn } }, async (request) => {
    const { passphrase } = request.body;
    const made = await doors.again(request, () => features.owner.newRecoveryCode(passphrase));
    await settings.change({ recoverySaved: false });
    return made;
  });
  app.put('/v1/settings/https-only', { config: owner, schema: { body: HttpsOnly } }, async (request, reply) => {
    const { only } = request.body;
    // Who cannot open the https address would be locked out.
    if (only && !isSecure(request)) throw new Refusal('https-first');
    await features.ledger.append({ by: 'owner', type: 'https-only', facts: { only } }, access.signerOf(request));
    await settings.change({ httpsOnly: only });
    if (only) access.endAll(({ secure }) => !secure);
    streams.tell();
    return reply.code(204).send();
  });
  app.put('/v1/settings/forgotten', { config: owner, schema: { body: ForgottenAllowed } }, async (request, reply) => {
    await features.owner.allowReplace(request.body.allowed, access.signerOf(request));
    streams.tell();
    return reply.code(204).send();
  });
  app.post('/v1/time', { config: owner, schema: { body: TimeConfirmation } }, async (request, reply) => {
    const { time, ledger } = features;
    const offered = time.offered();
    if (offered === undefined) throw new Refusal('time-not-offered');
    // What was seen is what is confirmed: another server may have offered another time meanwhile.
    if (Math.abs(offered - request.body.offered) > seenMilliseconds) throw new Refusal('time-changed');
    const facts = { from: features.status().time.now, to: offered };
    await ledger.append({ by: 'owner', type: 'time-confirmed', facts }, access.signerOf(request));
    if (!(await time.lower())) throw new Refusal('time-not-offered');
    return reply.code(204).send();
  });
  app.post('/v1/leave', { config: owner, schema: { body: Leave } }, async (request, reply) => {
    const { act, word } = request.body;
    if (word.trim().toLowerCase() !== act) throw new Refusal('word-missing', `type “${act}”`);
    await features.reset({ kind: act, signer: access.signerOf(request) });
    return reply.code(202).send({ change: null });
  });
}

function declareLedger(plain: FastifyInstance, { features }: RouteParts): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const { ledger } = features;

  app.get('/v1/ledger', { config: owner, schema: { querystring: LedgerQuery } }, async ({ query }) => {
    const { before, limit } = query;
    const found = await ledger.entries({ after: before, limit: limit + 1, newestFirst: true });
    return { entries: found.slice(0, limit), more: found.length > limit };
  });
  app.get('/v1/ledger/export', { config: owner }, async (_request, reply) =>
    reply
      .headers({ 'content-disposition': 'attachment; filename="webizen-ledger.json"' })
      .type('application/json; charset=utf-8')
      .send(JSON.stringify(await ledger.export(), null, 1)),
  );
}
