/** On the install page: which plan, as what, and the yes to it. An act of its own, apart from permissions. */
import { useState } from 'preact/hooks';
import type { OwnerAgreement } from '#contract/agreements.js';
import type { AppOffer } from '#contract/installed.js';
import type { Plan } from '#contract/plans.js';
import type { Live } from './live.js';
import { Failure, Mark } from './parts.js';
import { planName, sayPrices, textOf } from './plan-words.js';
import { texts } from './texts.js';
import { useAsked } from './use-asked.js';

const words = texts.terms;

export interface Agreements {
  now: OwnerAgreement | null;
  past: OwnerAgreement[];
}

/** Null: of nothing, where there is nothing to agree to. */
export const useAgreements = (app: string | null, version = 0) =>
  useAsked<Agreements>(app === null ? null : `/v1/agreements/${encodeURIComponent(app)}`, version);

/** Whether what was agreed to is among these plans as they are. */
export const isCovered = (
  { digests }: Pick<AppOffer, 'digests'>,
  agreement: OwnerAgreement | null | undefined,
): boolean => agreement !== null && agreement !== undefined && (digests ?? []).includes(agreement.digest);

function PlanChoice(props: { plan: Plan; isChosen: boolean; choose: () => void }) {
  const { plan, isChosen, choose } = props;
  const { language, text } = textOf(plan);
  const id = `plan-${plan.id}`;
  return (
    <li>
      <label class="check" for={id}>
        <input id={id} type="radio" name="plan" checked={isChosen} onChange={choose} />
        <span class="permission">
          <strong>
            <bdi>{planName(plan)}</bdi>
          </strong>
          <span>{sayPrices(plan)}</span>
          {plan.trialDays !== undefined && plan.prices.length > 0 && (
            <small class="muted">{words.trial(plan.trialDays)}</small>
          )}
          <small class="muted">{words.notice(plan.noticeDays)}</small>
        </span>
      </label>
      <details>
        <summary>
          {words.read}
          <span class="unseen">: {planName(plan)}</span>
        </summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard */}
        <section class="terms" tabIndex={0} aria-label={`${words.read}: ${planName(plan)}`}>
          <bdi lang={language} dir="auto" class="long">
            {text}
          </bdi>
        </section>
      </details>
    </li>
  );
}

export function Plans(props: {
  live: Live;
  offer: Pick<AppOffer, 'release' | 'manifest' | 'digests'>;
  agreement: OwnerAgreement | null;
  /** What the page asks with it. */
  title?: string;
  fault?: boolean;
  again: () => void;
}) {
  const { live, offer, agreement, again, fault, title = words.title } = props;
  const plans = offer.manifest.plans ?? [];
  const audiences = [...new Set(plans.flatMap(({ audience }) => audience))];
  const [owner, setOwner] = useState(agreement?.class.is ?? audiences[0] ?? '');
  const [chosen, choose] = useState<string>();
  const [isOther, setOther] = useState(false);
  const [isWorking, setWorking] = useState(false);
  const [error, setError] = useState<unknown>();
  const mine = plans.filter(({ audience }) => audience.includes(owner));
  const plan = mine.find(({ id }) => id === chosen) ?? (mine.length === 1 ? mine[0] : undefined);

  async function run(work: () => Promise<unknown>): Promise<void> {
    if (isWorking) return;
    setWorking(true);
    setError(undefined);
    try {
      await work();
      setOther(false);
      again();
    } catch (refused) {
      setError(refused);
    } finally {
      setWorking(false);
    }
  }
  const agree = (): Promise<void> =>
    run(async () => {
      if (!plan) return;
      const digest = offer.digests?.[plans.indexOf(plan)];
      const body = { plan: plan.id, class: owner, language: textOf(plan).language, digest };
      await live.act('POST', `/v1/offers/${offer.release}/agreement`, body);
    });

  const isAgreed = isCovered(offer, agreement);
  if (agreement && isAgreed && !isOther)
    return (
      <section class="panel" aria-labelledby="plans-title">
        <h2 id="plans-title">{title}</h2>
        <Failure error={error} />
        <p role="status">
          <Mark tone="good">
            <strong>{words.agreed(planName(agreement.plan))}</strong>
          </Mark>
        </p>
        <p>
          {sayPrices(agreement.plan)}. {agreement.since === null && words.agreedLead}
        </p>
        <div class="acts">
          <button type="button" onClick={() => setOther(true)}>
            {words.other}
          </button>
          {agreement.since === null && (
            <button
              type="button"
              aria-disabled={isWorking}
              onClick={() => void run(() => live.act('DELETE', `/v1/agreements/${offer.manifest.id}`))}
            >
              {words.takeBack}
            </button>
          )}
        </div>
      </section>
    );
  return (
    <section class="panel" aria-labelledby="plans-title">
      <h2 id="plans-title">{title}</h2>
      <p class="hint">{words.lead}</p>
      {agreement && !isAgreed && (
        <div class="notice attention">
          <Mark tone="attention">
            <strong>{words.changed(planName(agreement.plan))}</strong>
          </Mark>
          <p>{words.changedLead}</p>
          <p>{sayPrices(agreement.plan)}.</p>
        </div>
      )}
      <Failure error={error} />
      <div class="field">
        <label for="owner-class">{words.you}</label>
        <p class="hint" id="owner-class-hint">
          {words.youHint}
        </p>
        <select
          id="owner-class"
          aria-describedby="owner-class-hint"
          value={owner}
          onChange={(event) => setOwner(event.currentTarget.value)}
        >
          {audiences.map((one) => (
            <option key={one} value={one}>
              {words.audience(one)}
            </option>
          ))}
        </select>
      </div>
      <fieldset>
        <legend>{words.plan}</legend>
        {mine.length === 0 && <p>{words.none}</p>}
        <ul class="entries">
          {mine.map((one) => (
            <PlanChoice key={one.id} plan={one} isChosen={plan === one} choose={() => choose(one.id)} />
          ))}
        </ul>
      </fieldset>
      <p>
        <button
          id="agree"
          type="button"
          aria-disabled={isWorking || plan === undefined}
          aria-invalid={fault ? true : undefined}
          onClick={() => void agree()}
        >
          {isWorking ? texts.working : plan ? words.agree : words.choose}
        </button>
      </p>
    </section>
  );
}
