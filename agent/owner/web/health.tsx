import type { Condition } from '#contract/conditions.js';
import type { OwnerView } from '#contract/owner.js';
import { figuresOf } from './figures.js';
import type { HomeProps } from './home.js';
import { Mark, Title, When } from './parts.js';
import { texts } from './texts.js';
import { nameOf, short } from './words-of.js';

const words = texts.health;

/** As their owner knows them: the installed ones by name, those of the configuration by id. */
function appsOf({ apps, status }: OwnerView): { id: string; name: string }[] {
  const installed = (apps?.installed ?? []).map(({ id, name }) => ({ id, name: short(nameOf(name)) }));
  const others = status.apps.filter(({ id }) => !installed.some((app) => app.id === id));
  return [...installed, ...others.map(({ id }) => ({ id, name: id }))];
}

export function headOf(conditions: readonly Condition[], isMeasured: boolean): string {
  const unwell = conditions.filter(({ severity }) => severity !== 'info').length;
  if (unwell > 0) return words.unwell(unwell);
  return isMeasured ? words.well : words.none;
}

/** What is wrong, why, and what to do. */
function One({ condition, about }: { condition: Condition; about: string | undefined }) {
  const { kind, severity, since, evidence } = condition;
  const isInfo = severity === 'info';
  return (
    <section class={`notice ${isInfo ? '' : severity}`}>
      <Mark tone={isInfo ? 'unknown' : severity}>
        {isInfo && `${words.good} `}
        <strong>{words.titleOf(kind, about)}</strong>
      </Mark>
      <p>{evidence}</p>
      <p>{words.remedyOf(kind)}</p>
      <p class="muted">
        {words.since} <When at={since} />
      </p>
    </section>
  );
}

export function Health({ view }: HomeProps) {
  const { conditions, latest } = view.status.health;
  const apps = appsOf(view);
  const nameFor = (about: string | undefined) => apps.find(({ id }) => id === about)?.name ?? about;
  return (
    <div class="page wide">
      <Title>{headOf(conditions, latest !== null)}</Title>
      {conditions.map((condition) => (
        <One key={`${condition.kind} ${condition.about}`} condition={condition} about={nameFor(condition.about)} />
      ))}
      {latest === null ? (
        <p>{words.noneYet}</p>
      ) : (
        <section class="panel" aria-labelledby="figures">
          <h2 id="figures">{words.figures}</h2>
          <dl>
            {figuresOf(latest.values, apps).flatMap(({ name, said }) => [
              <dt key={name}>{name}</dt>,
              <dd key={`${name} said`}>
                {said.map((line) => (
                  <div key={line}>{line}</div>
                ))}
              </dd>,
            ])}
          </dl>
          <p class="muted">
            {words.measured} <When at={latest.at} />. {words.sent}
          </p>
        </section>
      )}
    </div>
  );
}
