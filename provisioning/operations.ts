/** What an operator's commands ask for: answered by the running server over its control socket, or by the command itself. */
import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import type { Handlers } from '#common/control.js';
import { type Claim, type CreatedClaim, NewClaim } from '#contract/operator.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Claims } from './claims/claims.js';
import { parseDirectoryKeys, type TerritoryDirectory } from './directory/directory.js';
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
/** Paths, because a directory is larger than a message: whoever reaches the socket may read what we may. */
const DirectoryFiles = Type.Object({ file: Type.String(), keys: Type.Optional(Type.String()) });
const OneBox = Type.Object({ box: Type.String() });

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
  directory,
}: {
  claims: Claims;
  fleet: Fleet;
  directory: TerritoryDirectory;
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
    async 'box.list'(parameters) {
      return fleet.list(wanted(check(Page, parameters)));
    },
    async 'box.show'(parameters) {
      return fleet.show(wanted(check(OneBox, parameters)).box);
    },
    async 'box.revoke'(parameters) {
      await fleet.revoke(wanted(check(OneBox, parameters)).box);
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
