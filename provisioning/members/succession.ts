/** What the territory says when apps pass from one member to another. Pure. */
import type { Decided, MemberRecord } from '#contract/member-register.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { Succession } from '#contract/succession.js';

/** As a fact of the ledger all their ids have to fit. */
const mostIds = 2000;

/** @throws Refusal `succession-too-many` */
export function successionOf(wish: {
  territory: string;
  serial: number;
  at: number;
  from: MemberRecord;
  to: MemberRecord;
  apps: readonly string[];
  decided: Required<Decided>;
}): Succession {
  const { from, to, at, apps } = wish;
  const expelled = from.history.findLast(({ act }) => act === 'member.expelled');
  const succession = {
    ...{ territory: wish.territory, serial: wish.serial, at },
    apps: [...apps],
    from: {
      ...{ member: from.id, name: from.name, keys: [...from.formerKeys.map(({ jwk }) => jwk), from.jwk] },
      ...(from.standing === 'expelled' && expelled
        ? { left: 'expelled', since: expelled.at, ...(expelled.reason && { because: expelled.reason }) }
        : { left: 'retiring', since: at }),
    },
    to: { member: to.id, name: to.name, jwk: to.jwk },
    ...wish.decided,
  };
  if (apps.join(', ').length > mostIds) throw new Refusal('succession-too-many', `${apps.length} apps`);
  const made = check(Succession, succession);
  if (!made.ok) throw new Refusal('succession-too-many', describeFaults(made.faults));
  return made.value;
}
