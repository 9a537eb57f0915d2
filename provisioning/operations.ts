/** What an operator's commands ask for: answered by the running server over its control socket, or by the command itself. */
import { Type } from 'typebox';
import type { Handlers } from '#common/control.js';
import { type Claim, type CreatedClaim, NewClaim } from '#contract/operator.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Claims } from './claims/claims.js';
import type { Fleet } from './fleet/fleet.js';

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
const OneFile = Type.Object({ file: Type.String({ pattern: '^/' }) });
const OneBox = Type.Object({ box: Type.String() });

function wanted<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal('arguments-invalid', describeFaults(parsed.faults));
}

export function createOperations({
  claims,
  fleet,
  reloadCa = async () => {},
  backup,
}: {
  claims: Claims;
  fleet: Fleet;
  /** The files of the CA have changed. */
  reloadCa?: () => Promise<void>;
  backup: (file: string) => Promise<unknown>;
}): Handlers {
  return {
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
    async backup(parameters) {
      return backup(wanted(check(OneFile, parameters)).file);
    },
    async 'box.list'(parameters) {
      return fleet.list(wanted(check(Page, parameters)));
    },
    async 'box.show'(parameters) {
      return fleet.show(wanted(check(OneBox, parameters)).box);
    },
    async 'box.revoke'(parameters) {
      await fleet.revoke(wanted(check(OneBox, parameters)).box);
    },
  };
}
