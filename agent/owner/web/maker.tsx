import type { AppMember } from '#contract/installed.js';
import { date } from './format.js';
import { Details, Mark, type Tone, When } from './parts.js';
import { Name } from './say.js';
import { texts } from './texts.js';

const words = texts.apps.maker;
const tones: Record<AppMember['standing'], Tone> = { good: 'good', suspended: 'attention', expelled: 'trouble' };

/** Who answers for an app: what they are, what was looked at, how they stand, and since when. */
export function Maker({ member, title }: { member: AppMember; title: string }) {
  const { standing, freshness, checkedAt } = member;
  const meaning = words.meaning[standing];
  return (
    <section class="panel" aria-labelledby="maker">
      <h2 id="maker">{title}</h2>
      <dl>
        <dt>{words.name}</dt>
        <dd>
          <Name>{member.name}</Name>
        </dd>
        <dt>{words.kind}</dt>
        <dd>{words.classes[member.class]}</dd>
        <dt>{words.checked}</dt>
        <dd>
          {words.levels[member.vettingLevel]} <span class="muted">({words.level(member.vettingLevel)})</span>
        </dd>
        <dt>{words.standing}</dt>
        <dd>
          <Mark tone={checkedAt === null ? 'unknown' : tones[standing]}>
            {checkedAt === null ? words.unknown : words.standings[standing]}
            {checkedAt !== null && (
              <>
                , {words.asOf} <When at={checkedAt} />
              </>
            )}
          </Mark>
          {checkedAt === null && <p class="hint">{words.never}</p>}
          {meaning && <p>{meaning}</p>}
          {freshness !== 'fresh' && checkedAt !== null && standing !== 'expelled' && <p>{words[freshness]}</p>}
        </dd>
        <dt>{words.since}</dt>
        <dd>{date(member.since)}</dd>
      </dl>
      <Details summary={texts.details}>
        <p>
          {texts.apps.app.technical.member} <code>{member.id}</code>, {words.of(member.territory)}
        </p>
      </Details>
    </section>
  );
}
