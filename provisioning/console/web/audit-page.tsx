import { useState } from 'preact/hooks';
import type { LedgerEntry } from '#contract/ledger.js';
import type { AuditPage as Page } from '#contract/operators.js';
import { call } from './api.js';
import type { Tone } from './care.js';
import type { Live } from './live.js';
import { Failure, Mark, Skeleton, Title, useAsked, When } from './parts.js';
import { texts } from './texts.js';

const words = texts.audit;
const said = new Set(['who', 'role', 'via', 'code', 'of']);

const factsOf = (facts: LedgerEntry['facts']): string =>
  Object.entries(facts)
    .filter(([name]) => !said.has(name))
    .map(([name, fact]) => `${name} ${fact}`)
    .join(', ');

function Outcome({ code }: { code: string | undefined }) {
  const [tone, text]: [Tone, string] =
    code === 'ok'
      ? ['good', words.ok]
      : code === undefined
        ? ['unknown', words.open]
        : code === 'interrupted'
          ? ['attention', words.interrupted]
          : ['attention', `${words.refused}: ${code}`];
  return <Mark tone={tone}>{text}</Mark>;
}

function Act({ act, end }: { act: LedgerEntry; end: LedgerEntry | undefined }) {
  const code = end?.facts.code ?? act.facts.code;
  const via = String(act.facts.via);
  return (
    <li>
      <span class="when muted">
        <When at={act.at} />
      </span>
      <span>
        <strong>{act.facts.who}</strong> <span class="muted">({words.via[via] ?? via})</span>
      </span>
      <Outcome code={code === undefined ? undefined : String(code)} />
      <span>
        <code>{act.type}</code>{' '}
        <span class="muted">{[factsOf(act.facts), end && factsOf(end.facts)].filter(Boolean).join(', ')}</span>
      </span>
    </li>
  );
}

export function AuditPage({ live }: { live: Live }) {
  const [older, setOlder] = useState<readonly LedgerEntry[]>([]);
  const [error, setError] = useState<unknown>();
  const asked = useAsked('audit', () => live.watch(call<Page>('GET', '/v1/audit')));
  const { head } = asked.value ?? { head: null };
  const entries = [...(asked.value?.entries ?? []), ...older];
  const last = entries.at(-1)?.index ?? 0;
  const ends = new Map(
    entries.flatMap((one) => (one.type === 'outcome' ? [[Number(one.facts.of), one] as const] : [])),
  );

  const more = async () => {
    try {
      const page = await live.watch(call<Page>('GET', `/v1/audit?before=${last}`));
      setOlder((known) => [...known, ...page.entries]);
    } catch (refused) {
      setError(refused);
    }
  };
  const fault = asked.error ?? error;
  return (
    <>
      <Title page={words.pageTitle}>{asked.value ? words.summary(head?.length ?? 0) : words.asking}</Title>
      <p class="lead">{words.lead}</p>
      {fault !== undefined && live.state.reachable && <Failure error={fault} />}
      {asked.value ? (
        entries.length > 0 && (
          <ol class="audit panel">
            {entries
              .filter(({ type }) => type !== 'outcome')
              .map((act) => (
                <Act key={act.index} act={act} end={ends.get(act.index)} />
              ))}
          </ol>
        )
      ) : (
        <Skeleton lines={6} />
      )}
      {last > 0 && (
        <div class="acts">
          <button type="button" onClick={() => void more()}>
            {words.older}
          </button>
        </div>
      )}
      {head && (
        <p class="muted">
          {words.head}{' '}
          <code>
            {head.length}:{head.hash}
          </code>
        </p>
      )}
    </>
  );
}
