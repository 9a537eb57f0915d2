import { useState } from 'preact/hooks';
import type { CaseView } from '#contract/cases.js';
import { call } from './api.js';
import type { Tone } from './care.js';
import type { Live } from './live.js';
import { Failure, Mark, Skeleton, Title, useAsked, When } from './parts.js';
import { texts } from './texts.js';

const words = texts.cases;
const pageSize = 100;
type Due = CaseView['due'][number];

const isClosed = ({ case: it }: CaseView): boolean => it.state === 'closed';
/** What the member has a right to is its own affair. */
const isLate = ({ by, at }: Due): boolean => by !== 'member' && at < Date.now();

function toneOf({ due }: CaseView): Tone {
  if (due.some(isLate)) return 'trouble';
  return due.some(({ by }) => by !== 'member') ? 'attention' : 'good';
}

function DueLine({ due }: { due: Due }) {
  return (
    <p>
      {words.what[due.what]} <span class="muted">({words.by[due.by]})</span>,{' '}
      {isLate(due) ? <strong>{words.late}</strong> : words.due} <When at={due.at} />
    </p>
  );
}

function Facts({ view }: { view: CaseView }) {
  const { case: it, readAt } = view;
  return (
    <>
      {it.decision && <p class="muted">{words.outcome[it.decision.outcome]}</p>}
      {it.state === 'noticed' && (
        <p class="muted">
          {readAt === undefined ? (
            words.unread
          ) : (
            <>
              {words.read} <When at={readAt} />
            </>
          )}
        </p>
      )}
      {it.state === 'noticed' && it.interimUntil !== undefined && it.interimUntil > Date.now() && (
        <p class="muted">
          {words.suspended} <When at={it.interimUntil} />
        </p>
      )}
    </>
  );
}

function OneCase({ view }: { view: CaseView }) {
  const { case: it, steps, due } = view;
  return (
    <li>
      <div>
        <strong>
          {words.kind[it.kind]} {words.about(it.member)}
        </strong>
        <p>
          <code>{it.id}</code>
        </p>
      </div>
      <div>
        <Mark tone={isClosed(view) ? 'unknown' : toneOf(view)}>{words.state[it.state]}</Mark>
        <Facts view={view} />
      </div>
      <div>
        {due.map((one) => (
          <DueLine key={one.what} due={one} />
        ))}
        <details>
          <summary>{words.steps(steps.length)}</summary>
          <ol>
            {steps.map(({ entry, at, type, reason }) => (
              <li key={entry}>
                {words.step[type] ?? type}, <When at={at} /> <span class="muted">({words.entry(entry)})</span>
                {reason !== undefined && <p class="muted">{reason}</p>}
              </li>
            ))}
          </ol>
        </details>
      </div>
    </li>
  );
}

const List = ({ views }: { views: readonly CaseView[] }) => (
  <ul class="cases panel">
    {views.map((view) => (
      <OneCase key={view.case.id} view={view} />
    ))}
  </ul>
);

export function CasesPage({ live }: { live: Live }) {
  const [older, setOlder] = useState<readonly CaseView[]>([]);
  const [isAll, setAll] = useState(false);
  const [error, setError] = useState<unknown>();
  const ask = (after = '') => live.watch(call<CaseView[]>('GET', `/v1/cases?limit=${pageSize}${after}`));
  const asked = useAsked('cases', () => ask());
  const all = [...(asked.value ?? []), ...older];
  const open = all.filter((view) => !isClosed(view));
  const closed = all.filter(isClosed);
  const late = open.filter(({ due }) => due.some(isLate)).length;
  const office = open.filter(({ due }) => due.some(({ by }) => by === 'office')).length;
  const more = async () => {
    try {
      const page = await ask(`&after=${all.at(-1)?.case.id}`);
      setOlder((known) => [...known, ...page]);
      setAll(page.length < pageSize);
    } catch (refused) {
      setError(refused);
    }
  };
  const fault = asked.error ?? error;
  return (
    <>
      <Title page={words.pageTitle}>{asked.value ? words.summary(late, office, open.length) : words.asking}</Title>
      <p class="lead">{words.lead}</p>
      {fault !== undefined && live.state.reachable && <Failure error={fault} />}
      {!asked.value && <Skeleton lines={6} />}
      {open.length > 0 && <List views={open} />}
      {closed.length > 0 && <h2>{words.closed}</h2>}
      {closed.length > 0 && <List views={closed} />}
      {all.length > 0 && all.length % pageSize === 0 && !isAll && (
        <div class="acts">
          <button type="button" onClick={() => void more()}>
            {words.older}
          </button>
        </div>
      )}
    </>
  );
}
