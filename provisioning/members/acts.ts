/** What an operator decides about members. Pure as to what follows; the register makes it one commit. */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { keyOfJwk, verifyJws } from '#common/jws.js';
import { verifyMemberRequest } from '#common/members/request.js';
import { signSuccession } from '#common/members/succession.js';
import type { Capability } from '#contract/capabilities.js';
import type { PublicJwk } from '#contract/directory.js';
import type { MemberRequest } from '#contract/member.js';
import type {
  AppIdPolicy,
  Decided,
  LevelPolicy,
  MemberAct,
  MemberRecord,
  NewVetting,
  Vetting,
} from '#contract/member-register.js';
import { parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { KeyRotation, keyRotationType } from '#contract/release.js';
import type { Succession } from '#contract/succession.js';
import type { Store } from '../store/store.js';
import type { CaseBook } from './case-book.js';
import { certify } from './credentials.js';
import { newIndexes } from './lists.js';
import { createPanels } from './panels.js';
import { allowsAt } from './policy.js';
import type { Decision, Register } from './register.js';
import type { SigningKeys } from './signing-key.js';
import { createStandingActs, type StandingActs } from './standing.js';
import { successionOf } from './succession.js';

export interface Admission {
  /** Compact JWS, as `webizen member request` makes it. */
  request: string;
  id: string;
  level: number;
  charterVersion: string;
  vetting: NewVetting;
}

export interface MemberActs extends StandingActs {
  /** @throws Refusal `member-request-…`, `member-exists`, `member-key-taken`, `member-origin-unknown`, `members-full` */
  admit(wish: Admission): Promise<MemberRecord>;
  /** @throws Refusal `member-unknown`, `member-standing` as all that follow */
  level(member: string, wish: { level: number; charterVersion?: string; vetting: NewVetting }): Promise<MemberRecord>;
  /** By a statement that the current key signed. @throws Refusal `member-rotation-invalid`, `member-key-taken` */
  rotate(member: string, rotation: string): Promise<MemberRecord>;
  /** The key is lost: what it signed before runs on, and nothing more is installed by it. */
  replaceKey(member: string, request: string, decided: Decided): Promise<MemberRecord>;
  /**
   * Apps of a member that is expelled, or gives them up, pass to another: its register, the owner of the ids and the
   * statement for boxes in one commit.
   * @throws Refusal `member-unknown`, `member-standing`, `member-level-low`, `succession-empty`, `app-id-other`
   */
  succeed(member: string, wish: SuccessionWish): Promise<Succession>;
  setPolicy(policy: LevelPolicy, decided: Decided): Promise<LevelPolicy>;
  setAppIdPolicy(policy: AppIdPolicy, decided: Decided): Promise<void>;
}

export interface SuccessionWish extends Required<Decided> {
  to: string;
  /** All that it has, where none are named. */
  apps?: readonly string[] | undefined;
  /** In which it was expelled. */
  case?: string | undefined;
}

/** Of the catalogue: whose app id is whose. */
export interface AppIds {
  /** @throws Refusal `app-id-other` */
  pass<T>(
    wish: { from: string; to: string; apps?: readonly string[] | undefined },
    work: (
      apps: readonly { app: string; asks: readonly Capability[] }[],
      operations: readonly Operation[],
    ) => Promise<T>,
  ): Promise<T>;
}

const mostNamed = 10;

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
  store,
  register,
  book,
  clock,
  signing,
  territory,
  show,
  appIds,
}: {
  store: Store;
  register: Register;
  book: CaseBook;
  appIds: AppIds;
  clock: Clock;
  signing: Pick<SigningKeys, 'key'>;
  territory: string;
  show: (member: string) => MemberRecord;
}): MemberActs {
  const certified = async <T extends Parameters<typeof certify>[0]>(member: T) => ({
    ...member,
    ...(await certify(member, { key: signing.key(), territory, origin: register.origin(), now: clock.now() })),
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
        records: (entry) => [{ ...next, history: [...next.history, { at, act, entry, ...told }] }],
      };
    });
    return show(member);
  }

  function notExpelled(member: string): MemberRecord {
    const record = show(member);
    if (record.standing === 'expelled') throw new Refusal('member-standing', `${member} is expelled`);
    return record;
  }

  function checkHeir(
    from: MemberRecord,
    to: MemberRecord,
    passing: readonly { app: string; asks: readonly Capability[] }[],
  ): void {
    if (from.id === to.id) throw new Refusal('member-standing', `${to.id} is the one that it passes from`);
    if (from.standing === 'suspended') throw new Refusal('member-standing', `${from.id} is suspended`);
    if (to.standing !== 'good') throw new Refusal('member-standing', `${to.id} is ${to.standing}`);
    if (passing.length === 0) throw new Refusal('succession-empty', from.id);
    const over = passing.flatMap(({ app, asks }) =>
      asks.filter((one) => !allowsAt(register.policy(), to.level, one)).map((one) => `${app} asks for ${one}`),
    );
    if (over.length > 0) throw new Refusal('member-level-low', over.slice(0, mostNamed).join('; '));
  }

  const dated = (vetting: NewVetting): Vetting => ({ at: clock.now(), ...vetting });
  const formerly = ({ jwk, formerKeys }: MemberRecord, lost: boolean) => [
    ...formerKeys,
    { jwk, until: clock.now(), lost },
  ];

  async function succeed(
    member: string,
    { to, apps, case: id, ...decided }: SuccessionWish,
    sign: (decision: Decision) => Promise<Decision> | Decision,
  ): Promise<Succession> {
    return await appIds.pass({ from: member, to, apps }, async (passing, more) => {
      let made: Succession | undefined;
      await register.decide(async () => {
        const [from, successor] = [show(member), show(to)];
        checkHeir(from, successor, passing);
        const at = clock.now();
        const serial = Math.max(register.lastSerial() + 1, Math.floor(at / 1000));
        const succession = successionOf({
          territory,
          serial,
          at,
          from,
          to: successor,
          apps: passing.map(({ app }) => app),
          decided,
        });
        const ids = passing.map(({ app }) => app).join(', ');
        made = succession;
        return await sign({
          type: 'member.succeeded',
          facts: present({ member, case: id, successor: to, kid: successor.jwk.kid, serial, apps: ids, ...decided }),
          text: `${ids} of member ${member} pass to ${to}: ${decided.reason}`,
          records: (entry) =>
            [from, successor].map((one) => ({
              ...one,
              history: [...one.history, { at, act: 'member.succeeded', entry, ...toldBy(decided) }],
            })),
          succession: { succession, jws: await signSuccession({ key: signing.key(), succession }) },
          more,
        });
      });
      if (!made) throw new Error('nothing was decided');
      return made;
    });
  }

  const panels = createPanels({ store, clock, territory, panels: register.panels });

  return {
    ...createStandingActs({
      ...{ register, book, panels, clock, show },
      succeed: async ({ member, ...wish }, sign) => void (await succeed(member, wish, sign)),
    }),
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

    succeed: (member, wish) =>
      succeed(member, wish, (decision) => {
        panels.operatorsMay();
        return decision;
      }),

    setAppIdPolicy: (policy, decided) =>
      register.decide(() => ({
        type: 'app-ids',
        facts: present({ policy, ...decided }),
        text: `a new app id belongs to ${policy === 'proof' ? 'whoever proves its domain' : 'the first who publishes it'}`,
        settings: register.withAppIdPolicy(policy),
      })),

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
