/** What the box is doing to join or to move, as the journal of the change says it: nothing here is guessed. */
import { useState } from 'preact/hooks';
import type { Change } from '#contract/changes.js';
import type { Member } from '#contract/membership.js';
import type { OwnerView } from '#contract/owner.js';
import { Choose, Foreign } from './choose.js';
import { Claim } from './claim.js';
import type { Live } from './live.js';
import { Failure, Mark, Title, type Tone, Trouble, useForm } from './parts.js';
import { isOwn } from './places.js';
import { texts } from './texts.js';

const words = texts.progress;

const tones: Record<Change['steps'][number]['state'], Tone> = {
  waiting: 'unknown',
  doing: 'attention',
  done: 'good',
  undoing: 'attention',
  undone: 'unknown',
  failed: 'trouble',
};

export function Steps({ change }: { change: Change }) {
  return (
    <section aria-labelledby="steps">
      <h2 id="steps">{words.steps}</h2>
      <ol class="steps">
        {change.steps.map(({ kind, state }, index) => (
          <li key={`${kind}-${String(index)}`} aria-current={state === 'doing' ? 'step' : undefined}>
            <Mark tone={tones[state]}>
              {texts.words.steps[kind] ?? kind} <small>{words.state[state]}</small>
            </Mark>
          </li>
        ))}
      </ol>
    </section>
  );
}

const isUnreachable = (code: string): boolean => /unreachable|timeout/.test(code);
const isClaim = (code: string): boolean => code.startsWith('claim-');

function titleOf(member: Member, act: 'election' | 'transfer'): string {
  const name = member.territory?.name ?? '';
  if (member.problem && isClaim(member.problem.code)) return words.claimWrong;
  if (member.phase === 'refused') return words.refused(name);
  if (member.phase === 'waiting-admission') return words.waiting(name);
  if (member.problem && isUnreachable(member.problem.code)) return words.unreachable(name);
  return act === 'transfer' ? words.moving(name) : words.joining(name);
}

export function Progress({ live, view, act }: { live: Live; view: OwnerView; act: 'election' | 'transfer' }) {
  const [page, turn] = useState<'here' | 'foreign' | 'claim' | 'choose'>('here');
  const { membership, change, settings } = view;
  const member = membership.next ?? membership.current;
  const { territory, phase, problem, requestCode } = member;
  const takeBack = useForm(async () => {
    await live.act('POST', '/v1/election/abandon');
    return undefined;
  });
  const isWaiting = phase === 'waiting-admission';
  const isClaimWrong = problem !== null && isClaim(problem.code);
  const hasEnded = phase === 'refused' || isClaimWrong;

  const own = settings.ownJurisdiction ?? territory?.jurisdiction ?? '';
  const isForeign = territory !== null && !isOwn(own, territory.jurisdiction);

  // Each election stands for itself in the ledger, so each yes to another law is a new one.
  if (page === 'foreign' && territory)
    return <Foreign territory={territory} own={own} accept={() => turn('claim')} back={() => turn('here')} />;
  if (page === 'claim' && territory) {
    const election = { territory: territory.id, ownJurisdiction: own, ...(isForeign ? { foreignAccepted: true } : {}) };
    const again = { live, act, election, name: territory.name, isAgain: membership.change !== null };
    return <Claim {...again} back={() => turn('here')} begun={() => turn('here')} />;
  }
  if (page === 'choose') return <Choose live={live} view={view} act={act} begun={() => turn('here')} />;

  return (
    <div class="page">
      <div role="status" class="page">
        <Title key={titleOf(member, act)}>{titleOf(member, act)}</Title>
        {isWaiting && <p>{words.waitingLead}</p>}
        {problem && isUnreachable(problem.code) && <p>{words.unreachableLead}</p>}
      </div>
      {isWaiting && requestCode && (
        <div class="panel">
          <p>{words.request}</p>
          <p class="big" data-request>
            {requestCode}
          </p>
        </div>
      )}
      {problem && <Trouble told={problem} tone={hasEnded ? 'trouble' : 'attention'} live={false} />}
      {change && change.state !== 'done' && !hasEnded && <Steps change={change} />}
      {change?.state === 'stuck' && <p class="notice attention">{words.stuck}</p>}
      <Failure error={takeBack.error} />
      {hasEnded ? (
        <div class="acts">
          <button type="button" class="main" onClick={() => turn(isForeign ? 'foreign' : 'claim')}>
            {isClaimWrong ? words.anotherCode : words.again}
          </button>
          <button
            type="button"
            onClick={() => (membership.change ? takeBack.submit(new Event('submit')) : turn('choose'))}
          >
            {words.other}
          </button>
        </div>
      ) : (
        <form class="acts" onSubmit={takeBack.submit}>
          <button type="submit" aria-disabled={takeBack.isWorking}>
            {act === 'transfer' ? words.stopMove : words.takeBack}
          </button>
        </form>
      )}
    </div>
  );
}
