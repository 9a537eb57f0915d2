/**
 * Where memberships stand on the disk: a folder for each, and one pointer that says which of them is the box's.
 *
 * Invariant: the pointer is replaced whole. What it calls current is a membership whose key and certificate were on the
 * disk, and proven, before it was called so. `epoch` is the outbox's, since the last move to another provider: it
 * changes in the same write, and the outbox follows.
 *
 * The first release knew one membership and no pointer, in `<dataDir>/identity`: it goes on as the membership of that name.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { type Files, isErrno } from '#common/files.js';
import { DirectoryTerritory, Jurisdiction } from '#contract/directory.js';
import { Epoch, Time } from '#contract/health.js';
import { ElectedBy } from '#contract/membership.js';
import { describeFaults, parseJson } from '#contract/parse.js';

const MembershipId = Type.String({ pattern: '^(identity|[0-9a-f]{16})$' });
const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

export const Pointer = Type.Object({
  current: NullOr(MembershipId),
  candidate: NullOr(MembershipId),
  epoch: NullOr(Epoch),
});
export type Pointer = Static<typeof Pointer>;

/** What was elected, and how to reach it. */
export const Elected = Type.Object({
  at: Time,
  electedBy: ElectedBy,
  est: Type.String(),
  /** SHA-256 of the roots' DER, lower-case hex. */
  pins: Type.Array(Type.String({ pattern: '^[0-9a-f]{64}$' }), { minItems: 1 }),
  /** As the directory had it; null where the configuration names a server only. */
  territory: NullOr(Type.Omit(DirectoryTerritory, ['ca'])),
  ownJurisdiction: NullOr(Jurisdiction),
  foreignAccepted: Type.Boolean(),
  /** Only until the box is admitted. */
  claimCode: Type.Optional(Type.String()),
});
export type Elected = Static<typeof Elected>;

export interface Places {
  pointer(): Pointer;
  point(next: Partial<Pointer>): Promise<void>;
  directory(id: string): string;
  profileFile(id: string): string;
  elected(id: string): Promise<Elected | undefined>;
  keep(id: string, elected: Elected): Promise<void>;
  /** A folder of its own. Answers its id. */
  make(elected: Elected): Promise<string>;
  /** All that there are, whether the pointer names them or not. */
  list(): Promise<string[]>;
  /** Keys first, so that a cut leaves no key without a name for it. */
  destroy(id: string): Promise<void>;
}

export async function openPlaces({ dataDir, files }: { dataDir: string; files: Files }): Promise<Places> {
  const file = path.join(dataDir, 'membership.json');
  const parent = path.join(dataDir, 'memberships');
  const directory = (id: string): string => (id === 'identity' ? path.join(dataDir, id) : path.join(parent, id));
  const electionFile = (id: string): string => path.join(directory(id), 'election.json');
  let pointer = await load();

  async function load(): Promise<Pointer> {
    const bytes = await files.read(file);
    if (!bytes) {
      const first = await files.read(path.join(directory('identity'), 'operational.pem'));
      return { current: first ? 'identity' : null, candidate: null, epoch: null };
    }
    const read = parseJson(Pointer, bytes);
    if (!read.ok) throw new Error(`cannot use ${file}: ${describeFaults(read.faults)}`);
    return read.value;
  }

  async function keep(id: string, elected: Elected): Promise<void> {
    await mkdir(directory(id), { recursive: true, mode: 0o700 });
    await files.write(electionFile(id), JSON.stringify(elected), 0o600);
  }

  return {
    pointer: () => pointer,
    async point(next) {
      const whole = { ...pointer, ...next };
      await files.write(file, JSON.stringify(whole), 0o600);
      pointer = whole;
    },
    directory,
    // Where the first release has it.
    profileFile: (id) =>
      id === 'identity' ? path.join(dataDir, 'profile.json') : path.join(directory(id), 'profile.json'),
    async elected(id) {
      const bytes = await files.read(electionFile(id));
      if (!bytes) return undefined;
      const read = parseJson(Elected, bytes);
      if (!read.ok) throw new Error(`cannot use ${electionFile(id)}: ${describeFaults(read.faults)}`);
      return read.value;
    },
    keep,
    async make(elected) {
      const id = randomBytes(8).toString('hex');
      await keep(id, elected);
      return id;
    },
    async list() {
      const names = await readdir(parent).catch((error: unknown) => {
        if (isErrno(error, 'ENOENT')) return [];
        throw error;
      });
      const first = await readdir(directory('identity')).catch(() => []);
      return [...(first.length > 0 ? ['identity'] : []), ...names.filter((name) => /^[0-9a-f]{16}$/.test(name))];
    },
    async destroy(id) {
      const names = await readdir(directory(id)).catch((error: unknown) => {
        if (isErrno(error, 'ENOENT')) return [];
        throw error;
      });
      const keysFirst = names.toSorted((a, b) => Number(/\.crt$|\.json$/.test(a)) - Number(/\.crt$|\.json$/.test(b)));
      for (const name of keysFirst) await files.destroy(path.join(directory(id), name));
      if (id === 'identity') await files.remove(path.join(dataDir, 'profile.json'));
      await rm(directory(id), { recursive: true, force: true });
    },
  };
}
