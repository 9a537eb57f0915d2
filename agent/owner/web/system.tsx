/** The page about the system: which runs, what comes when and why, how the last one came out, and the owner's say. */
import { useState } from 'preact/hooks';
import type { OsAutomatic, OsNext, OsView } from '#contract/os.js';
import type { HomeProps } from './home.js';
import type { Live } from './live.js';
import { Details, Failure, Mark, Skeleton, Submit, Title, useForm, When } from './parts.js';
import { texts } from './texts.js';
import { useAsked } from './use-asked.js';
import { keyOf, windowOf } from './window.js';
import { WindowField } from './window-field.js';

const words = texts.system;

function titleOf({ next, last }: OsView): string {
  const { title } = words;
  if (!next) return last && last.outcome !== 'done' ? title.failed : title.current;
  if (next.stage === 'going-back') return title.back;
  if (next.stage === 'trial') return title.trial;
  if (next.why === 'owner-asked') return title.asks;
  return next.why === null ? title.underWay : title.waits;
}

function Next({ live, next }: { live: Live; next: OsNext }) {
  const { version, stage, why, until, notes } = next;
  const form = useForm(async () => {
    await live.act('POST', `/v1/system/now/${version}`);
    return undefined;
  });
  const isFree = stage === 'waiting' || stage === 'ready';
  return (
    <section class="panel" aria-labelledby="next">
      <h2 id="next">{words.next.section(version)}</h2>
      {next.security && <Mark tone="attention">{words.next.security}</Mark>}
      <p role="status">{words.stages[stage]}</p>
      {stage === 'fetching' && <p class="muted">{words.fetched(next.fetchedBytes, next.sizeBytes)}</p>}
      {stage === 'installing' && next.fetchedBytes > 0 && next.fetchedBytes < next.sizeBytes && (
        <p class="muted">{words.streamed(next.fetchedBytes, next.sizeBytes)}</p>
      )}
      {stage === 'waiting' && <p class="muted">{words.next.size(next.sizeBytes)}</p>}
      {why && (
        <p>
          {words.waits[why]} {until !== null && words.until(until)}
        </p>
      )}
      <Details summary={words.next.notes}>
        <p class="lines">{notes.en}</p>
      </Details>
      <Failure error={form.error} />
      {why && isFree && (
        <>
          <p class="hint" id="now-hint">
            {words.next.nowHint}
          </p>
          <button
            type="button"
            class="main"
            aria-disabled={form.isWorking}
            aria-describedby="now-hint"
            onClick={form.submit}
          >
            {form.isWorking ? texts.working : words.next.now}
          </button>
        </>
      )}
    </section>
  );
}

function Last({ last, refused }: { last: NonNullable<OsView['last']>; refused: OsView['refused'] }) {
  const { outcome, version, code, detail, at } = last;
  const isOver = refused?.code === 'os-failed-before' || outcome === 'rolled-back';
  return (
    <section class="panel" aria-labelledby="last">
      <h2 id="last">{words.last.section}</h2>
      <Mark tone={outcome === 'done' ? 'good' : 'attention'}>{words.last[outcome](version)}</Mark>
      <p class="muted">
        <When at={at} />
      </p>
      {outcome !== 'done' && <p>{isOver ? words.last.notAgain : words.last.again}</p>}
      {code && (
        <Details summary={texts.details}>
          <code>{detail ? `${code}: ${detail}` : code}</code>
        </Details>
      )}
    </section>
  );
}

function Choices({ live, settings, at }: { live: Live; settings: OsView['settings']; at: number }) {
  const say = words.settings;
  const [automatic, setAutomatic] = useState<OsAutomatic>(settings.automatic);
  const [window, setWindow] = useState(keyOf(settings.window));
  const [isSaved, setSaved] = useState(false);
  const isHeld = settings.holdUntil !== null && settings.holdUntil > at;
  const form = useForm(async () => {
    setSaved(false);
    await live.act('PUT', '/v1/system/settings', { automatic, window: windowOf(window) });
    setSaved(true);
    return undefined;
  });
  const hold = useForm(async () => {
    await live.act('PUT', '/v1/system/hold', { days: isHeld ? 0 : 7 });
    return undefined;
  });
  return (
    <section class="panel" aria-labelledby="choices">
      <h2 id="choices">{say.section}</h2>
      <form class="page" onSubmit={form.submit}>
        <Failure error={form.error} />
        <div class="field">
          <label for="automatic">{say.automatic}</label>
          <select
            id="automatic"
            value={automatic}
            onChange={({ currentTarget: { value } }) =>
              setAutomatic(value === 'none' || value === 'security' ? value : 'all')
            }
          >
            {(['all', 'security', 'none'] as const).map((one) => (
              <option key={one} value={one}>
                {say.automatics[one]}
              </option>
            ))}
          </select>
        </div>
        <WindowField say={say} value={window} set={setWindow} />
        <p role="status">{isSaved && <Mark tone="good">{say.saved}</Mark>}</p>
        <Submit isWorking={form.isWorking}>{say.save}</Submit>
      </form>
      {isHeld && <p>{say.held(settings.holdUntil ?? 0)}</p>}
      <Failure error={hold.error} />
      <button type="button" aria-disabled={hold.isWorking} onClick={hold.submit}>
        {hold.isWorking ? texts.working : isHeld ? say.unhold : say.hold}
      </button>
    </section>
  );
}

export function System({ live, view }: HomeProps) {
  const found = useAsked<OsView>('/v1/system', view.system?.version ?? 0);
  const told = found.value;
  return (
    <div class="page wide">
      <Title>{told ? titleOf(told) : words.link}</Title>
      <Failure error={found.error} />
      {!told && found.error === undefined && <Skeleton />}
      {told && (
        <>
          <dl>
            <dt>{words.runs}</dt>
            <dd>{told.version ?? words.unknown}</dd>
            {told.before !== null && (
              <>
                <dt>{words.before}</dt>
                <dd>{told.before}</dd>
              </>
            )}
            <dt>{words.looked}</dt>
            <dd>{told.askedAt === null ? words.never : <When at={told.askedAt} />}</dd>
          </dl>
          {told.next && <Next key={told.next.version} live={live} next={told.next} />}
          {told.last && <Last last={told.last} refused={told.refused} />}
          <Choices live={live} settings={told.settings} at={view.at} />
        </>
      )}
    </div>
  );
}
