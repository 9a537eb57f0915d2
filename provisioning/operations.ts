/** What an operator's commands ask for: answered by the running server over its control socket, or by the command itself. */
import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import type { Handlers } from '#common/control.js';
import { Withdrawal } from '#contract/catalogue.js';
import { Time } from '#contract/health.js';
import { ReleasedAppId } from '#contract/manifest.js';
import { MemberId } from '#contract/member.js';
import { AppIdPolicy, Decided } from '#contract/member-register.js';
import {
  type AdmissionRequest,
  type Claim,
  type CreatedClaim,
  NewClaim,
  NewRevocation,
  Reason,
} from '#contract/operator.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { ReleaseId } from '#contract/release.js';
import { RolloutAct } from '#contract/rollout.js';
import type { Requests } from './admission/requests.js';
import { type AppDetail, type AppSummary, listApps, showApp } from './catalogue/desk.js';
import type { Registry } from './catalogue/registry.js';
import type { Claims } from './claims/claims.js';
import { type CommandRooms, createCommandOperations } from './commands/operations.js';
import { parseDirectoryKeys, type TerritoryDirectory } from './directory/directory.js';
import type { CountedRange } from './fleet/counted.js';
import type { Fleet } from './fleet/fleet.js';
import { createFleetOperations, type FleetOperationParts } from './fleet/operations.js';
import type { MemberDesk } from './members/members.js';
import { createMemberOperations } from './members/operations.js';
import type { Rollouts } from './rollouts/rollouts.js';

/** An answer must fit in one message of the control socket. */
export const pageSize = 500;

const CreateClaims = Type.Object({
  ...NewClaim.properties,
  count: Type.Integer({ minimum: 1, maximum: 1000 }),
});
const Page = Type.Object({
  after: Type.Optional(Type.String()),
  limit: Type.Integer({ minimum: 1, maximum: pageSize }),
});
const OneClaim = Type.Object({ id: Type.String() });
/** Paths, because a directory is larger than a message: whoever reaches the socket may read what we may. */
const DirectoryFiles = Type.Object({ file: Type.String(), keys: Type.Optional(Type.String()) });
const OneFile = Type.Object({ file: Type.String({ pattern: '^/' }) });
const DatabaseAddress = Type.Object({ url: Type.String() });
const OneBox = Type.Object({ box: Type.String() });
const CountOfBox = Type.Object({ box: Type.String(), since: Time });
const RevokedBox = Type.Object({ box: Type.String(), ...NewRevocation.properties });
const BoxWithReason = Type.Object({ box: Type.String(), ...Reason.properties });
const OneRequest = Type.Object({ request: Type.String() });
const RefusedRequest = Type.Object({ request: Type.String(), ...Reason.properties });

const OneApp = Type.Object({ app: ReleasedAppId });
const StoppedRelease = Type.Object({ release: ReleaseId, ...Withdrawal.properties });
/** Holding a release back is the operator's; handing it out is its member's. */
const ActOnRollout = Type.Object({
  ...{ release: ReleaseId, reason: RolloutAct.properties.reason },
  act: Type.Union([Type.Literal('pause'), Type.Literal('resume'), Type.Literal('abort')]),
});
/** `example.*` is every id below `example`. */
const NewIdPolicy = Type.Object({ policy: Type.Optional(AppIdPolicy), ...Type.Partial(Decided).properties });
const ReservedApp = Type.Object({
  app: Type.Union([
    ReleasedAppId,
    Type.String({ pattern: '^[a-z][a-z0-9-]*(?:\\.[a-z0-9][a-z0-9-]*)*\\.\\*$', maxLength: 60 }),
  ]),
  member: MemberId,
});

function wanted<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal('arguments-invalid', describeFaults(parsed.faults));
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new Refusal('arguments-invalid', `cannot read ${file}`, { cause: error });
  });
}

export function createOperations({
  claims,
  fleet,
  requests,
  registry,
  rollouts,
  directory,
  members,
  commands,
  events,
  table,
  abouts,
  filters,
  reloadCa = async () => {},
  moveStore,
  backup,
  count,
}: {
  claims: Claims;
  fleet: Fleet;
  requests: Requests;
  registry: Registry;
  rollouts: Rollouts;
  directory: TerritoryDirectory;
  members: MemberDesk;
  commands: CommandRooms;
  /** The files of the CA have changed. */
  reloadCa?: () => Promise<void>;
  /** From level to the database at this address, while boxes are served. */
  moveStore: (url: string) => Promise<unknown>;
  backup: (file: string) => Promise<unknown>;
  /** Of a box, which raw samples are here. */
  count: (box: string, since: number) => Promise<CountedRange[]>;
} & FleetOperationParts): Handlers {
  return {
    ...createFleetOperations({ fleet, events, table, abouts, filters }),
    ...createMemberOperations({ members, pageSize }),
    ...createCommandOperations({ ...commands, ids: (filter) => table.ids(filter) }),
    async 'claim.create'(parameters): Promise<CreatedClaim[]> {
      const { count, ...wish } = wanted(check(CreateClaims, parameters));
      return Promise.all(Array.from({ length: count }, () => claims.create(wish)));
    },
    async 'claim.list'(parameters): Promise<Claim[]> {
      const { after, limit } = wanted(check(Page, parameters));
      const all = await claims.list();
      const from = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
      return all.slice(from, from + limit);
    },
    async 'claim.revoke'(parameters) {
      await claims.revoke(wanted(check(OneClaim, parameters)).id);
    },
    'ca.reload': () => reloadCa(),
    async 'store.move'(parameters) {
      return moveStore(wanted(check(DatabaseAddress, parameters)).url);
    },
    async backup(parameters) {
      return backup(wanted(check(OneFile, parameters)).file);
    },
    async 'box.list'(parameters) {
      return fleet.list(wanted(check(Page, parameters)));
    },
    async 'box.show'(parameters) {
      return fleet.show(wanted(check(OneBox, parameters)).box);
    },
    async 'box.count'(parameters): Promise<CountedRange[]> {
      const { box, since } = wanted(check(CountOfBox, parameters));
      return count(box, since);
    },
    async 'box.revoke'(parameters) {
      const { box, ...wish } = wanted(check(RevokedBox, parameters));
      await fleet.revoke(box, wish);
    },
    async 'box.reinstate'(parameters) {
      await fleet.reinstate(wanted(check(OneBox, parameters)).box);
    },
    async 'box.settle'(parameters) {
      await fleet.settle(wanted(check(OneBox, parameters)).box);
    },
    async 'box.object'(parameters) {
      const { box, reason } = wanted(check(BoxWithReason, parameters));
      await fleet.object(box, reason);
    },
    async 'request.list'(parameters): Promise<AdmissionRequest[]> {
      const { after, limit } = wanted(check(Page, parameters));
      const all = await requests.list();
      const from = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
      return all.slice(from, from + limit);
    },
    async 'request.approve'(parameters) {
      return requests.approve(wanted(check(OneRequest, parameters)).request);
    },
    async 'request.refuse'(parameters) {
      const { request, reason } = wanted(check(RefusedRequest, parameters));
      return requests.refuse(request, reason);
    },
    async 'app.list'(parameters): Promise<AppSummary[]> {
      const { after = '', limit } = wanted(check(Page, parameters));
      return listApps(registry, after, limit);
    },
    async 'app.show'(parameters): Promise<AppDetail> {
      return showApp({ registry, rollouts }, wanted(check(OneApp, parameters)).app);
    },
    async 'app.stop'(parameters) {
      const { release, reason } = wanted(check(StoppedRelease, parameters));
      const { app, version } = await registry.end(release, 'stopped', reason);
      return { app, version };
    },
    async 'app.policy'(parameters): Promise<AppIdPolicy> {
      const { policy, ...decided } = wanted(check(NewIdPolicy, parameters ?? {}));
      if (policy !== undefined) await members.setAppIdPolicy(policy, wanted(check(Decided, decided)));
      return members.appIdPolicy();
    },
    async 'app.rollout'(parameters) {
      const { release, ...wish } = wanted(check(ActOnRollout, parameters));
      const listed = registry.find(release);
      if (!listed) throw new Refusal('listing-unknown', release);
      await rollouts.act(listed, { ...wish, by: 'provider' });
      const { app, version } = listed;
      return { app, version, state: rollouts.view(listed)?.state };
    },
    async 'app.reserve'(parameters) {
      const { app, member } = wanted(check(ReservedApp, parameters));
      await registry.reserve(app, members.show(member).id);
    },
    async 'directory.accept'(parameters) {
      const { file, keys } = wanted(check(DirectoryFiles, parameters));
      const pinned = keys === undefined ? undefined : parseDirectoryKeys(await textOf(keys));
      return directory.accept((await textOf(file)).trim(), pinned);
    },
    async 'directory.show'() {
      const now = directory.current();
      if (!now) throw new Refusal('directory-missing');
      const { sequence, issuedAt, expiresAt, territories, makers } = now.directory;
      return {
        sequence,
        issuedAt,
        expiresAt,
        expired: now.expired,
        territories: territories.length,
        makers: makers.length,
      };
    },
  };
}
