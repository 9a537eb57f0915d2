/**
 * How a member stands: decided by the operators, or from when the territory has a standing panel by resolutions that its
 * officers signed. What the operators may do then is to suspend for some days, until the panel has met.
 */
import type { Clock } from '#common/clock.js';
import { isInterim } from '#common/members/resolution.js';
import type { InCase } from '#contract/cases.js';
import type { Standing } from '#contract/member.js';
import type { Decided, MemberAct, MemberRecord } from '#contract/member-register.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Panel, PanelName, ResolutionAct, SignedResolution } from '#contract/resolution.js';
import { NewSuccession, ResolvedDecision, ResolvedExpulsion, ResolvedRuling } from './asked.js';
import type { CaseBook } from './case-book.js';
import { interimEnded } from './interim.js';
import { type Panels, panelOf, type Resolved } from './panels.js';
import type { Decision, Register } from './register.js';
import { createRulings, isRuling } from './rulings.js';

export type Told = Decided & InCase;

export interface StandingActs {
  /** @throws Refusal `panel-decides`, `member-unknown`, `member-standing` as those that follow */
  suspend(member: string, decided: Told): Promise<MemberRecord>;
  /**
   * By the operators, for so many days, until a panel decides; where there is one, in a case.
   * @throws Refusal `interim-used`, `case-needed`, `case-…` as well
   */
  suspendUntil(member: string, days: number, decided: Told): Promise<MemberRecord>;
  /** Ends a suspension, and undoes an expulsion. */
  reinstate(member: string, decided: Told): Promise<MemberRecord>;
  /** Always with the way to have it reviewed. */
  expel(member: string, decided: Required<Decided> & InCase): Promise<MemberRecord>;
  panels(): Partial<Record<PanelName, Panel>>;
  /** @param document a `Panel` as JSON. @throws Refusal `panel-invalid` */
  setPanel(of: PanelName, document: string): Promise<void>;
  /**
   * What officers resolved is carried out. Answers which act that was.
   * @throws Refusal `resolution-…`, `case-needed`, `case-…`, and as the act itself
   */
  resolve(signed: SignedResolution): Promise<ResolutionAct>;
  /** Suspensions for a time that is over. Answers when the next one ends, in milliseconds since 1970. */
  endInterim(): Promise<number | undefined>;
}

const day = 86_400_000;
const interimAgain = 90 * day;
/** How far a panel decides about a member by a case alone. */
const needCase: readonly ResolutionAct[] = ['member.suspended', 'member.expelled'];
const standings: readonly MemberAct[] = [
  'member.suspended',
  'member.reinstated',
  'member.expelled',
  'member.interim-ended',
];

type Succeed = (
  wish: Required<Decided> & { member: string; to: string; apps?: readonly string[]; case?: string | undefined },
  sign: (decision: Decision) => Promise<Decision>,
) => Promise<void>;

/** @throws Refusal `resolution-malformed` */
const factsAs = <T>(read: { ok: true; value: T } | { ok: false; faults: Parameters<typeof describeFaults>[0] }): T => {
  if (read.ok) return read.value;
  throw new Refusal('resolution-malformed', describeFaults(read.faults));
};

export function createStandingActs({
  register,
  book,
  panels,
  clock,
  show,
  succeed,
}: {
  register: Register;
  book: CaseBook;
  panels: Panels;
  clock: Clock;
  show: (member: string) => MemberRecord;
  /** Of apps, in a turn of its own. */
  succeed: Succeed;
}): StandingActs {
  const ruled = createRulings({ book, clock, show });

  interface Change {
    act: MemberAct;
    from: readonly Standing[];
    to: Standing;
  }
  const changes = {
    'member.suspended': { act: 'member.suspended', from: ['good'], to: 'suspended' },
    'member.reinstated': { act: 'member.reinstated', from: ['suspended', 'expelled'], to: 'good' },
    'member.expelled': { act: 'member.expelled', from: ['good', 'suspended'], to: 'expelled' },
  } as const satisfies Record<string, Change>;

  function changed(member: string, { act, from, to }: Change, decided: Told, interimUntil?: number): Decision {
    const { interimUntil: confirmed, ...before } = show(member);
    // What is decided about who was suspended for a time holds without an end.
    const confirms = to === 'suspended' && confirmed !== undefined && interimUntil === undefined;
    if (!from.includes(before.standing) && !confirms)
      throw new Refusal('member-standing', `${member} is ${before.standing}`);
    const at = clock.now();
    const { reason, decidedBy, review, case: id, reviewDays } = decided;
    const inCase = { ...(id !== undefined && { case: id }), ...(reviewDays !== undefined && { reviewDays }) };
    const history = { at, act, reason, by: decidedBy, ...(review !== undefined && { review }) };
    return {
      type: act,
      facts: {
        ...{ member, from: before.standing, reason, decidedBy, ...(review !== undefined && { review }), ...inCase },
        ...(interimUntil !== undefined && { interim: true, until: interimUntil }),
      },
      text: `member ${member} is ${to === 'good' ? 'reinstated' : to}: ${reason}`,
      records: (entry) => [
        {
          ...before,
          ...{ standing: to, history: [...before.history, { ...history, entry }] },
          ...(interimUntil !== undefined && { interimUntil }),
        },
      ],
    };
  }

  /** When the last suspension for a time gave way, by itself or to what a panel decided; in milliseconds since 1970. */
  async function lastInterimEnd({ history }: MemberRecord): Promise<number | undefined> {
    let next: number | undefined;
    for (const { act, at, entry } of history.toReversed()) {
      if (act === 'member.suspended') {
        const [decision] = await register.log.entries(entry, entry + 1);
        if (decision && isInterim(decision)) return next;
      }
      if (standings.includes(act)) next = at;
    }
    return undefined;
  }

  const decide = async (member: string, work: () => Promise<Decision> | Decision): Promise<MemberRecord> => {
    await register.decide(work);
    return show(member);
  };
  const byOperators = (member: string, change: Change, decided: Told) =>
    decide(member, () => {
      panels.operatorsMay();
      return changed(member, change, decided);
    });

  function panelSet(of: string, document: string): Decision {
    const set = panelOf(of, document);
    const { quorum, officers } = set.panel;
    return {
      type: 'panel.set',
      // Whoever reads the register knows from here on that each of its measures has to have a case.
      facts: { of: set.of, document, ...(set.of === 'standing' && { cases: true }) },
      text: `the ${set.of} panel is ${quorum} of ${officers.map(({ name }) => name).join(', ')}`,
      settings: register.withPanel(set.of, set.panel),
    };
  }

  /** What the register says is what was signed, or nothing is. */
  function signedBy({ resolution, facts, operation }: Resolved, decision: Decision): Decision {
    for (const [name, fact] of Object.entries(resolution.facts))
      if (decision.facts[name] !== fact)
        throw new Refusal('resolution-malformed', `${name} is ${decision.facts[name] ?? 'not said'}, not ${fact}`);
    return {
      ...decision,
      facts: { ...decision.facts, ...facts },
      more: [...(decision.more ?? []), operation],
    };
  }

  return {
    panels: panels.now,
    suspend: (member, decided) => byOperators(member, changes['member.suspended'], decided),
    reinstate: (member, decided) => byOperators(member, changes['member.reinstated'], decided),
    expel: (member, decided) => byOperators(member, changes['member.expelled'], decided),
    suspendUntil: (member, days, decided) =>
      decide(member, async () => {
        const now = clock.now();
        if (panels.now().standing && decided.case === undefined) throw new Refusal('case-needed', member);
        const ended = await lastInterimEnd(show(member));
        if (ended !== undefined && now - ended < interimAgain) throw new Refusal('interim-used', member);
        return changed(member, changes['member.suspended'], decided, now + days * day);
      }),
    async setPanel(of, document) {
      await register.decide(() => {
        panels.operatorsMay();
        return panelSet(of, document);
      });
    },
    async resolve(signed) {
      const { resolution } = await panels.verified(signed);
      const { act, facts } = resolution;
      if (act === 'member.succeeded') {
        const { apps, successor, ...wish } = factsAs(check(NewSuccession, facts));
        const named = apps === undefined ? {} : { apps: apps.split(', ') };
        // Verified once more, here and below, now that it is its turn.
        await succeed({ ...wish, to: successor, ...named }, async (decision) =>
          signedBy(await panels.verified(signed), decision),
        );
        return act;
      }
      await register.decide(async () => {
        const resolved = await panels.verified(signed);
        if (act === 'panel.set') return signedBy(resolved, panelSet(String(facts.of), String(facts.document)));
        if (isRuling(act)) return signedBy(resolved, ruled(act, factsAs(check(ResolvedRuling, facts))));
        const schema = act === 'member.expelled' ? ResolvedExpulsion : ResolvedDecision;
        const { member, ...decided } = factsAs(check(schema, facts));
        if (needCase.includes(act) && decided.case === undefined) throw new Refusal('case-needed', member);
        return signedBy(resolved, changed(member, changes[act], decided));
      });
      return act;
    },
    async endInterim() {
      const over = (until: number) => until <= clock.now();
      for (const { id, interimUntil } of [...register.all()])
        if (interimUntil !== undefined && over(interimUntil))
          await register.decide(() => {
            const before = show(id);
            const { interimUntil: until } = before;
            if (until === undefined || !over(until)) return undefined;
            const reason = 'the time of the measure is over, and nothing was decided';
            return {
              type: 'member.interim-ended',
              facts: { member: id, until },
              text: `member ${id} is reinstated: ${reason}`,
              records: interimEnded(before, { at: clock.now(), reason }),
            };
          });
      const ends = [...register.all()].flatMap(({ interimUntil }) =>
        interimUntil === undefined ? [] : [interimUntil],
      );
      return ends.length === 0 ? undefined : Math.min(...ends);
    },
  };
}
