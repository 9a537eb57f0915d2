/** What is amiss with a box, as it says itself: what was measured, since when, and what to do about it. */
import type { Condition } from '#contract/conditions.js';
import { conditionRemedy, conditionTitle } from './condition-words.js';
import { Mark, When } from './parts.js';
import { texts } from './texts.js';

const tones = { trouble: 'trouble', attention: 'attention', info: 'unknown' } as const;

export function BoxConditions({ conditions }: { conditions: readonly Condition[] }) {
  if (conditions.length === 0) return null;
  return (
    <section class="panel conditions" aria-labelledby="conditions-heading">
      <h2 id="conditions-heading">{texts.box.conditions}</h2>
      <ul>
        {conditions.map(({ kind, about, severity, since, evidence }) => {
          const remedy = conditionRemedy(kind);
          return (
            <li key={`${kind} ${about}`}>
              <h3>
                <Mark tone={tones[severity]}>
                  {conditionTitle(kind)}
                  {about !== undefined && (
                    <>
                      {': '}
                      <bdi>{about}</bdi>
                    </>
                  )}
                </Mark>
              </h3>
              <p>
                <bdi>{evidence}</bdi>{' '}
                <span class="muted">
                  {texts.severities[severity]}, {texts.box.conditionSince} <When at={since} />
                </span>
              </p>
              {remedy !== undefined && (
                <p class="muted">
                  {texts.whatToDo} {remedy}
                </p>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
