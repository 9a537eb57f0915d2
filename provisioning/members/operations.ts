/** What the operator's `member` commands ask for, each parsed where it enters. */
import { type Static, type TSchema, Type } from 'typebox';
import type { Handlers } from '#common/control.js';
import { InCase } from '#contract/cases.js';
import { ReleasedAppId } from '#contract/manifest.js';
import { MemberId, VettingLevel } from '#contract/member.js';
import { CharterVersion, Decided, LevelPolicy, type MemberRecord, NewVetting } from '#contract/member-register.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { mostInterimDays, PanelName, SignedResolution } from '#contract/resolution.js';
import { createCaseOperations } from './case-operations.js';
import type { MemberDesk } from './members.js';

const Jws = Type.String({ minLength: 1, maxLength: 20_000 });
const One = Type.Object({ member: MemberId });
const Admission = Type.Object({
  ...{ request: Jws, id: MemberId, level: VettingLevel, charterVersion: CharterVersion, vetting: NewVetting },
});
const NewLevel = Type.Object({
  ...{ member: MemberId, level: VettingLevel, charterVersion: Type.Optional(CharterVersion), vetting: NewVetting },
});
const About = Type.Object({ member: MemberId, ...Decided.properties, ...InCase.properties });
const Interim = Type.Object({
  ...{ member: MemberId, days: Type.Integer({ minimum: 1, maximum: mostInterimDays }) },
  ...{ ...Decided.properties, case: InCase.properties.case },
});
const NewPanel = Type.Object({ of: PanelName, document: Type.String({ maxLength: 1500 }) });
const Expulsion = Type.Object({
  ...{ member: MemberId, ...Type.Required(Decided).properties, ...InCase.properties },
});
const NewSuccession = Type.Object({
  ...{ member: MemberId, to: MemberId, apps: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 100 })) },
  ...Type.Required(Decided).properties,
});
const OneApp = Type.Object({ app: ReleasedAppId });
const Rotation = Type.Object({ member: MemberId, rotation: Jws });
const Replacement = Type.Object({ member: MemberId, request: Jws, ...Decided.properties });
const KeyRoll = Type.Object({ compromised: Type.Boolean(), ...Decided.properties });
const NewPolicy = Type.Object({ policy: LevelPolicy, ...Decided.properties });

export function createMemberOperations({ members, pageSize }: { members: MemberDesk; pageSize: number }): Handlers {
  const Page = Type.Object({
    after: Type.Optional(Type.String()),
    limit: Type.Integer({ minimum: 1, maximum: pageSize }),
  });

  function wanted<T extends TSchema>(schema: T, parameters: unknown): Static<T> {
    const parsed = check(schema, parameters);
    if (parsed.ok) return parsed.value;
    throw new Refusal('arguments-invalid', describeFaults(parsed.faults));
  }

  return {
    ...createCaseOperations({ cases: members.cases, pageSize }),
    async 'member.admit'(parameters): Promise<MemberRecord> {
      return members.admit(wanted(Admission, parameters));
    },
    async 'member.list'(parameters): Promise<MemberRecord[]> {
      const { after, limit } = wanted(Page, parameters);
      return members
        .list()
        .filter(({ id }) => after === undefined || id > after)
        .slice(0, limit);
    },
    async 'member.show'(parameters) {
      return members.show(wanted(One, parameters).member);
    },
    async 'member.credential'(parameters) {
      return members.credentialOf(wanted(One, parameters).member);
    },
    async 'member.level'(parameters) {
      const { member, ...wish } = wanted(NewLevel, parameters);
      return members.level(member, wish);
    },
    async 'member.suspend'(parameters) {
      const { member, ...decided } = wanted(About, parameters);
      return members.suspend(member, decided);
    },
    async 'member.suspend-until'(parameters) {
      const { member, days, ...decided } = wanted(Interim, parameters);
      return members.suspendUntil(member, days, decided);
    },
    'member.panels': async () => members.panels(),
    async 'member.set-panel'(parameters) {
      const { of, document } = wanted(NewPanel, parameters);
      await members.setPanel(of, document);
      return members.panels();
    },
    async 'member.resolve'(parameters) {
      return members.resolve(wanted(SignedResolution, parameters));
    },
    async 'member.reinstate'(parameters) {
      const { member, ...decided } = wanted(About, parameters);
      return members.reinstate(member, decided);
    },
    async 'member.expel'(parameters) {
      const { member, ...decided } = wanted(Expulsion, parameters);
      return members.expel(member, decided);
    },
    async 'member.succeed'(parameters) {
      const { member, ...wish } = wanted(NewSuccession, parameters);
      return members.succeed(member, wish);
    },
    async 'member.succession'(parameters) {
      const { app } = wanted(OneApp, parameters);
      const known = members.successionsOf(app);
      if (!known) throw new Refusal('succession-unknown', app);
      return known;
    },
    async 'member.rotate'(parameters) {
      const { member, rotation } = wanted(Rotation, parameters);
      return members.rotate(member, rotation);
    },
    async 'member.replace-key'(parameters) {
      const { member, request, ...decided } = wanted(Replacement, parameters);
      return members.replaceKey(member, request, decided);
    },
    async 'member.policy'(parameters) {
      if (parameters === undefined || parameters === null || Object.keys(parameters).length === 0)
        return members.policy();
      const { policy, ...decided } = wanted(NewPolicy, parameters);
      await members.setPolicy(policy, decided);
      return members.policy();
    },
    'member.ledger': () => members.ledger(),
    'member.announce-key': () => members.announceKey(),
    async 'member.roll-key'(parameters) {
      return members.rollKey(wanted(KeyRoll, parameters));
    },
    'member.keys': async () => members.keys(),
  };
}
