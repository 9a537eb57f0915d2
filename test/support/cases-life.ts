/** A case from its opening to its end, which goes on where it stands; and what came of it. */
import { auditRegister } from '#common/members/audit.js';
import { verifyHead } from '#common/members/register.js';
import { begin, type CasesDesk, desksTerritory } from './cases-desk.js';

export const member = 'wattle';
const day = 86_400_000;

export async function prepareCase(desk: CasesDesk): Promise<void> {
  await desk.admit(member);
  await desk.setPanels();
}

export async function liveCase(desk: CasesDesk) {
  const { cases, members } = desk;
  const now = () => cases.list()[0]?.case;
  const facts = () => ({ member, case: now()?.id ?? '', review: 'write to the review panel', reviewDays: '30' });

  const steps: (() => Promise<unknown> | false)[] = [
    () => !now() && cases.open({ member, kind: 'finding', by: 'the office', text: 'It was found that it sells.' }),
    () => now()?.state === 'open' && cases.notice(facts().case, { days: 14, text: 'You are said to sell.' }),
    () =>
      now()?.interimUntil === undefined &&
      members.suspendUntil(member, 20, { reason: 'harm', decidedBy: 'the duty officer', case: facts().case }),
    () =>
      now()?.answers === 0 &&
      desk.statement(member, { case: facts().case }).then((statement) => cases.state(member, facts().case, statement)),
    () => now()?.hearings === 0 && cases.hear(facts().case, 'They were heard.'),
    () => {
      desk.setTime(begin + 15 * day);
      return now()?.state === 'noticed' && desk.resolve('1', { act: 'member.expelled', facts: facts() });
    },
    () =>
      now()?.state === 'decided' &&
      desk
        .statement(member, { case: facts().case, kind: 'review' })
        .then((statement) => cases.state(member, facts().case, statement)),
    () =>
      now()?.state === 'review' &&
      desk.resolve('2', { act: 'member.reinstated', panel: 'review', facts: { member, case: facts().case } }),
    () => now()?.state === 'reviewed' && cases.close(facts().case, { reason: 'it is reviewed', by: 'the office' }),
  ];

  for (const step of steps) await step();
  const believed = members.keys();
  const { register: jws = '' } = await members.status();
  const head = await verifyHead(jws, { keys: believed, territory: desksTerritory });
  if (!head.ok) throw new Error(head.fault);
  const register = await members.ledger();
  const audited = await auditRegister({ register, head: head.head, believed });
  const [view] = cases.list();
  return {
    ...{ audited, standing: members.show(member).standing, state: view?.case.state },
    steps: view?.steps.map(({ type }) => type),
    documents: (await cases.documents(facts().case)).map(({ kind }) => kind),
    entries: register.entries.map(({ type }) => type),
  };
}
