/** What an operator decides about members. Pure as to what follows; the register makes it one commit. */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import { keyOfJwk, verifyJws } from '#common/jws.js';
import { verifyMemberRequest } from '#common/members/request.js';
import type { PublicJwk } from '#contract/directory.js';
import type { MemberRequest, Standing } from '#contract/member.js';
import type { Decided, LevelPolicy, MemberAct, MemberRecord, NewVetting, Vetting } from '#contract/member-register.js';
import { parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { KeyRotation, keyRotationType } from '#contract/release.js';
import { certify } from './credentials.js';
import { newIndexes } from './lists.js';
import type { Decision, Register } from './register.js';

export interface Admission {
  /** Compact JWS, as `webizen member request` makes it. */
  request: string;
  id: string;
  level: number;
  charterVersion: string;
  vetting: NewVetting;
}

export interface MemberActs {
  /** @throws Refusal `member-request-…`, `member-exists`, `member-key-taken`, `member-origin-unknown`, `members-full` */
  admit(wish: Admission): Promise<MemberRecord>;
  /** @throws Refusal `member-unknown`, `member-standing` as all that follow */
  level(member: string, wish: { level: number; charterVersion?: string; vetting: NewVetting }): Promise<MemberRecord>;
  suspend(member: string, decided: Decided): Promise<MemberRecord>;
  /** Ends a suspension, and undoes an expulsion. */
  reinstate(member: string, decided: Decided): Promise<MemberRecord>;
  /** Always with the way to have it reviewed. */
  expel(member: string, decided: Required<Decided>): Promise<MemberRecord>;
  /** By a statement that the current key signed. @throws Refusal `member-rotation-invalid`, `member-key-taken` */
  rotate(member: string, rotation: string): Promise<MemberRecord>;
  /** The key is lost: what it signed before runs on, and nothing more is installed by it. */
  replaceKey(member: string, request: string, decided: Decided): Promise<MemberRecord>;
  setPolicy(policy: LevelPolicy, decided: Decided): Promise<LevelPolicy>;
}

type History = MemberRecord['history'][number];
/** Facts of the ledger, without those that there are not. */
type Facts = Record<string, string | number | boolean | undefined>;
const present = (facts: Facts): Decision['facts'] =>
  Object.fromEntries(Object.entries(facts).flatMap(([name, fact]) => (fact === undefined ? [] : [[name, fact]])));

const toldBy = ({ reason, decidedBy, review }: Decided): Omit<History, 'at' | 'act' | 'entry'> => ({
  reason,
  by: decidedBy,
  ...(review === undefined ? {} : { review }),
});
const factsOf = ({ what, by, at, evidenceSha256 }: Vetting): Facts => ({
  vetted: what,
  vettedBy: by,
  vettedAt: at,
  evidenceSha256,
});

async function requestOf(jws: string): Promise<MemberRequest> {
  const verified = await verifyMemberRequest(jws.trim());
  if (!verified.ok) throw new Refusal(`member-request-${verified.fault}`);
  return verified.request;
}

async function rotationOf(jws: string, member: MemberRecord): Promise<PublicJwk> {
  const verified = await verifyJws(jws.trim(), { type: keyRotationType, keys: [member.jwk] });
  if (!verified.ok) throw new Refusal('member-rotation-invalid', `it is ${verified.fault}`);
  const read = parseJson(KeyRotation, verified.payload);
  if (!read.ok || read.value.member !== member.id)
    throw new Refusal('member-rotation-invalid', 'it is about another member');
  await keyOfJwk(read.value.jwk).catch((error: unknown) => {
    throw new Refusal('member-rotation-invalid', 'the key that it names is none', { cause: error });
  });
  return read.value.jwk;
}

export function createActs({
  register,
  clock,
  key,
  territory,
  show,
}: {
  register: Register;
  clock: Clock;
  key: KeyObject;
  territory: string;
  show: (member: string) => MemberRecord;
}): MemberActs {
  const certified = async <T extends Parameters<typeof certify>[0]>(member: T) => ({
    ...member,
    ...(await certify(member, { key, territory, origin: register.origin(), now: clock.now() })),
  });

  function isNewKey({ kid }: PublicJwk): void {
    for (const { jwk, formerKeys } of register.all())
      if (jwk.kid === kid || formerKeys.some((one) => one.jwk.kid === kid)) throw new Refusal('member-key-taken', kid);
  }

  async function decide(
    member: string,
    act: MemberAct,
    work: () => Promise<{
      next: MemberRecord;
      facts: Facts;
      told?: Omit<History, 'at' | 'act' | 'entry'>;
      text: string;
    }>,
  ): Promise<MemberRecord> {
    await register.decide(async () => {
      const { next, facts, told = {}, text } = await work();
      const at = clock.now();
      return {
        type: act,
        facts: present({ member, ...facts }),
        text: `member ${member} ${text}`,
        record: (entry) => ({ ...next, history: [...next.history, { at, act, entry, ...told }] }),
      };
    });
    return show(member);
  }

  const standing = (member: string, act: MemberAct, from: readonly Standing[], to: Standing, decided: Decided) =>
    decide(member, act, async () => {
      const before = show(member);
      if (!from.includes(before.standing)) throw new Refusal('member-standing', `${member} is ${before.standing}`);
      return {
        next: { ...before, standing: to },
        facts: { from: before.standing, ...decided },
        told: toldBy(decided),
        text: `is ${to === 'good' ? 'reinstated' : to}: ${decided.reason}`,
      };
    });

  function notExpelled(member: string): MemberRecord {
    const record = show(member);
    if (record.standing === 'expelled') throw new Refusal('member-standing', `${member} is expelled`);
    return record;
  }

  const dated = (vetting: NewVetting): Vetting => ({ at: clock.now(), ...vetting });
  const formerly = ({ jwk, formerKeys }: MemberRecord, lost: boolean) => [
    ...formerKeys,
    { jwk, until: clock.now(), lost },
  ];

  return {
    admit: ({ request, id, level, charterVersion, ...wish }) =>
      decide(id, 'member.admitted', async () => {
        const vetting = dated(wish.vetting);
        const { name, class: kind, contact, jwk } = await requestOf(request);
        if (register.find(id)) throw new Refusal('member-exists', id);
        isNewKey(jwk);
        const next = await certified({
          ...{ id, class: kind, name, ...(contact === undefined ? {} : { contact }), jwk, formerKeys: [] },
          ...{ level, vetting: [vetting], charterVersion, standing: 'good' as const, since: clock.now() },
          ...{ status: newIndexes(register.all()), retired: [], history: [] },
        });
        const facts = { name, class: kind, kid: jwk.kid, level, charterVersion, ...factsOf(vetting) };
        return { next, facts, told: { by: vetting.by }, text: `is admitted as ${kind} with level ${level}` };
      }),

    level: (member, { level, charterVersion, ...wish }) =>
      decide(member, 'member.level', async () => {
        const before = notExpelled(member);
        const vetting = dated(wish.vetting);
        const charter = charterVersion ?? before.charterVersion;
        const next = await certified({
          ...{ ...before, level, charterVersion: charter },
          vetting: [...before.vetting, vetting],
        });
        const facts = { from: before.level, level, charterVersion: charter, ...factsOf(vetting) };
        return { next, facts, told: { by: vetting.by }, text: `has vetting level ${level}` };
      }),

    suspend: (member, decided) => standing(member, 'member.suspended', ['good'], 'suspended', decided),
    reinstate: (member, decided) => standing(member, 'member.reinstated', ['suspended', 'expelled'], 'good', decided),
    expel: (member, decided) => standing(member, 'member.expelled', ['good', 'suspended'], 'expelled', decided),

    rotate: (member, rotation) =>
      decide(member, 'member.key-rotated', async () => {
        const before = notExpelled(member);
        const jwk = await rotationOf(rotation, before);
        isNewKey(jwk);
        const next = await certified({ ...before, jwk, formerKeys: formerly(before, false) });
        return { next, facts: { from: before.jwk.kid, kid: jwk.kid }, text: `signs with the key ${jwk.kid}` };
      }),

    replaceKey: (member, request, decided) =>
      decide(member, 'member.key-replaced', async () => {
        const before = notExpelled(member);
        const { jwk } = await requestOf(request);
        isNewKey(jwk);
        const next = await certified({
          ...{ ...before, jwk, formerKeys: formerly(before, true) },
          ...{ status: newIndexes(register.all()), retired: [...before.retired, before.status] },
        });
        const facts = { from: before.jwk.kid, kid: jwk.kid, ...decided };
        return { next, facts, told: toldBy(decided), text: `was given the key ${jwk.kid}: ${decided.reason}` };
      }),

    async setPolicy(policy, decided) {
      await register.decide(() => ({
        type: 'policy',
        facts: present({ ...Object.fromEntries(Object.entries(policy)), ...decided }),
        text: 'what members of each vetting level may ask for was changed',
        settings: register.withPolicy(policy),
      }));
      return register.policy();
    },
  };
}
