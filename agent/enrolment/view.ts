/** The membership as owner and operator of the box see it. Pure. */
import type { Change } from '#contract/changes.js';
import type { DirectoryTerritory } from '#contract/directory.js';
import type { Member, Membership } from '#contract/membership.js';
import type { Changes } from '../changes/changes.js';
import type { Pointer } from './places.js';
import type { Opened } from './steps.js';

const nobody: Member = {
  phase: 'none',
  electedBy: null,
  territory: null,
  box: null,
  certificate: null,
  requestCode: null,
  problem: null,
};

type Find = { find(id: string): DirectoryTerritory | undefined };

function territoryOf({ elected, enrolment }: Opened, directory: Find): Member['territory'] {
  const seen = enrolment.lastProfile()?.territory;
  const known = seen ?? elected.territory;
  if (!known) return null;
  const listed = directory.find(known.id);
  const { id, name, jurisdiction, law } = known;
  const provider = listed?.provider ?? elected.territory?.provider ?? null;
  return { id, name, jurisdiction, law, provider, standing: listed?.standing ?? 'unlisted' };
}

function enrolledOf(member: Opened, directory: Find): Member {
  const { elected, enrolment } = member;
  const now = enrolment.current();
  return {
    ...nobody,
    phase: 'enrolled',
    electedBy: elected.electedBy,
    territory: territoryOf(member, directory),
    box: now?.box ?? null,
    certificate: now
      ? {
          serial: now.leaf.serialNumber,
          notAfter: Date.parse(now.leaf.validTo),
          renewAt: Math.round(enrolment.renewAt() ?? 0),
        }
      : null,
  };
}

function candidateOf(member: Opened, change: Change | undefined, code: unknown, directory: Find): Member {
  const isWaiting = change?.steps.some(({ kind, note }) => kind === 'ask' && note === 'waiting-admission') ?? false;
  return {
    ...nobody,
    phase: isWaiting ? 'waiting-admission' : 'reaching',
    electedBy: member.elected.electedBy,
    territory: territoryOf(member, directory),
    requestCode: typeof code === 'string' ? code : null,
    problem: change?.problem ?? null,
  };
}

/** The last one of its kind, where a refusal ended it: until another one is begun, that is how things stand. */
function refusedOf(kind: 'enrol' | 'transfer', changes: Changes, directory: Find): Member | undefined {
  const last = changes.list().find((change) => change.kind === 'enrol' || change.kind === 'transfer');
  if (last?.kind !== kind || last.state !== 'undone' || !last.problem) return undefined;
  const { territory: id, electedBy } = changes.data(last.id) ?? {};
  const listed = typeof id === 'string' ? directory.find(id) : undefined;
  const by = electedBy === 'owner' || electedBy === 'voucher' || electedBy === 'configuration' ? electedBy : null;
  const { name = '', jurisdiction = '', law = '', provider = null } = listed ?? {};
  const standing = listed?.standing ?? ('unlisted' as const);
  const territory: Member['territory'] =
    typeof id === 'string' ? { id, name: name || id, jurisdiction, law, provider, standing } : null;
  return { ...nobody, phase: 'refused', electedBy: by, territory, problem: last.problem };
}

export function viewOf(wish: {
  pointer: Pointer;
  at: (id: string | null) => Opened | undefined;
  changes: Changes;
  directory: Find;
}): Membership {
  const { pointer, at, changes, directory } = wish;
  const change = changes.underWay('membership');
  const code = change && changes.data(change.id)?.requestCode;
  const current = at(pointer.current);
  const waiting = at(pointer.candidate);
  const candidate = waiting && candidateOf(waiting, change, code, directory);
  if (current)
    return {
      current: enrolledOf(current, directory),
      next: candidate ?? refusedOf('transfer', changes, directory) ?? null,
      change: change?.id ?? null,
    };
  return {
    current: candidate ?? refusedOf('enrol', changes, directory) ?? nobody,
    next: null,
    change: change?.id ?? null,
  };
}
