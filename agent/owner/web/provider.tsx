/** The page about the provider: what waits for the owner, what goes out, what may be asked, and what was. */
import { Fragment } from 'preact';
import { eventKind, eventTable } from '#contract/event-table.js';
import { metrics } from '#contract/metrics.js';
import type { AskedCommand, ProviderView, RuledKind } from '#contract/owner-commands.js';
import { bytes, span } from './format.js';
import type { HomeProps } from './home.js';
import type { Live } from './live.js';
import { Details, Failure, Mark, Skeleton, Title, type Tone, useForm, When } from './parts.js';
import { texts } from './texts.js';
import { ruleOrder } from './texts-provider.js';
import { useAsked } from './use-asked.js';
import { line } from './words-of.js';

const words = texts.provider;
const nameOf = (kind: string): string => words.kinds[kind]?.name ?? kind;

function figure(name: string, value: number): string {
  const unit: string | undefined = Object.hasOwn(metrics, name)
    ? metrics[name as keyof typeof metrics].unit
    : undefined;
  if (unit === 'By') return bytes(value);
  if (unit === 's') return span(value * 1000);
  if (unit === 'Cel') return `${value} °C`;
  if (/utilization|pressure/.test(name)) return `${Math.round(value * 100)} %`;
  return `${value}${unit === undefined || unit === '1' ? '' : ` ${unit.replace(/[{}]/g, '')}`}`;
}

const titleOf = (name: string): string =>
  Object.hasOwn(metrics, name) ? metrics[name as keyof typeof metrics].title : name;

function Waiting({ live, asked }: { live: Live; asked: AskedCommand }) {
  const { id, kind, by, expiresAt } = asked.command;
  const act = (what: 'allow' | 'decline') => async () => {
    await live.act('POST', `/v1/provider/commands/${id}/${what}`);
    return undefined;
  };
  const [yes, no] = [useForm(act('allow')), useForm(act('decline'))];
  const isHeld = asked.waits === 'apps';
  return (
    <li>
      <strong>{nameOf(kind)}</strong>
      <span>{words.kinds[kind]?.what}</span>
      {isHeld && <Mark tone="attention">{words.heldBy}</Mark>}
      <small class="muted">
        <When at={asked.at} />, {words.by(line(by))}. {words.until(expiresAt)}
      </small>
      <Failure error={yes.error ?? no.error} />
      <div class="acts">
        <button
          type="button"
          class="main"
          aria-disabled={yes.isWorking}
          aria-label={words.about(isHeld ? words.now : words.yes, nameOf(kind))}
          onClick={yes.submit}
        >
          {yes.isWorking ? texts.working : isHeld ? words.now : words.yes}
        </button>
        <button
          type="button"
          aria-disabled={no.isWorking}
          aria-label={words.about(words.no, nameOf(kind))}
          onClick={no.submit}
        >
          {no.isWorking ? texts.working : words.no}
        </button>
      </div>
    </li>
  );
}

const Json = ({ summary, value }: { summary: string; value: unknown }) => (
  <Details summary={summary}>
    <pre class="code">
      <code>{JSON.stringify(value, null, 1)}</code>
    </pre>
  </Details>
);

function Told({ live, told }: { live: Live; told: ProviderView }) {
  const { reporting, sample, reported, birth, intervals, liveUntil } = told;
  const isMinimum = reporting === 'minimum';
  const form = useForm(async () => {
    await live.act('PUT', '/v1/provider/reporting', { reporting: isMinimum ? 'full' : 'minimum' });
    return undefined;
  });
  const say = words.told;
  return (
    <section class="panel" aria-labelledby="told">
      <h2 id="told">{say.section}</h2>
      {liveUntil !== null && <Mark tone="attention">{say.live(liveUntil)}</Mark>}
      <p>
        {isMinimum ? say.minimum : say.every(span(intervals.sampleSeconds * 1000), span(intervals.batchSeconds * 1000))}
        {!isMinimum && intervals.byProvider && ` ${say.byProvider}`}
      </p>
      <p>
        {!isMinimum && `${say.apps(reported.apps.length)} `}
        {say.conditions(reported.conditions?.length ?? 0)} {say.never}
      </p>
      {sample ? (
        <>
          <p class="muted">
            {say.latest} <When at={sample.at} />
          </p>
          <dl>
            {Object.entries(sample.values).map(([name, value]) => (
              <Fragment key={name}>
                <dt>{titleOf(name)}</dt>
                <dd>{figure(name, value)}</dd>
              </Fragment>
            ))}
          </dl>
          <Json summary={say.json.sample} value={sample} />
        </>
      ) : (
        <p class="muted">{isMinimum ? say.noFigures : say.none}</p>
      )}
      <Json summary={say.json.reported} value={reported} />
      <Json summary={say.json.birth} value={birth} />
      <Failure error={form.error} />
      <label class="check" for="minimum">
        <input
          id="minimum"
          type="checkbox"
          checked={isMinimum}
          aria-describedby="minimum-hint"
          onChange={(event) => form.submit(event)}
        />
        <span>{words.minimum.label}</span>
      </label>
      <p class="hint" id="minimum-hint">
        {words.minimum.hint}
      </p>
    </section>
  );
}

const eventTones: Record<string, Tone> = { info: 'good', attention: 'attention', trouble: 'trouble' };

/** Every kind by its name, and the last ones as they went out. */
function Befell({ told }: { told: ProviderView }) {
  const say = words.events;
  const isMinimum = told.reporting === 'minimum';
  return (
    <section class="panel" aria-labelledby="events">
      <h2 id="events">{say.section}</h2>
      <p>{say.lead(isMinimum)}</p>
      <Details summary={say.kinds}>
        <ul>
          {Object.entries(eventTable).map(([type, { owner, minimum }]) => (
            <li key={type}>
              {owner}
              {isMinimum && !minimum && <span class="muted"> ({say.withheld})</span>}
            </li>
          ))}
        </ul>
      </Details>
      {told.events.length === 0 ? (
        <p class="muted">{say.none}</p>
      ) : (
        <ol class="entries">
          {told.events.map(({ event, told: isTold }) => (
            <li key={event.seq}>
              <Mark tone={eventTones[event.severity] ?? 'unknown'}>
                {eventKind(event.type)?.title ?? line(event.type)}
                {event.count !== undefined && `, ${say.often(event.count)}`}
              </Mark>
              <small class="muted">
                {event.clock ? say.unknown : <When at={event.at} />}
                {!isTold && `, ${say.waits}`}
              </small>
              <Details summary={say.json}>
                <code>{JSON.stringify(event)}</code>
              </Details>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Rule({ live, kind, asks }: { live: Live; kind: RuledKind; asks: boolean }) {
  const form = useForm(async () => {
    await live.act('PUT', `/v1/provider/rules/${kind}`, { rule: asks ? 'allow' : 'ask' });
    return undefined;
  });
  return (
    <>
      <Failure error={form.error} />
      <label class="check" for={`rule-${kind}`}>
        <input
          id={`rule-${kind}`}
          type="checkbox"
          checked={asks}
          aria-describedby={`rule-${kind}-hint`}
          onChange={(event) => form.submit(event)}
        />
        <span>{nameOf(kind)}</span>
      </label>
      <p class="hint" id={`rule-${kind}-hint`}>
        {words.kinds[kind]?.what}
      </p>
    </>
  );
}

const tones: Record<string, Tone> = { done: 'good', refused: 'unknown', failed: 'attention', expired: 'unknown' };

function Asked({ asked }: { asked: AskedCommand }) {
  const { command, waits, answer, at } = asked;
  const said =
    waits === 'owner'
      ? words.asked.waits
      : waits === 'apps'
        ? words.asked.held
        : answer
          ? words.outcomes[answer.outcome]
          : words.asked.underWay;
  return (
    <li>
      <Mark tone={tones[answer?.outcome ?? ''] ?? 'attention'}>
        <strong>{nameOf(command.kind)}</strong>: {said}
      </Mark>
      <small class="muted">
        <When at={at} />, {words.by(line(command.by))}
      </small>
      <Details summary={texts.details}>
        <code>{JSON.stringify({ ...command, answer })}</code>
      </Details>
    </li>
  );
}

export function Provider({ live, view }: HomeProps) {
  const found = useAsked<ProviderView>('/v1/provider', (view.provider?.version ?? 0) + view.at);
  const told = found.value;
  const waiting = told?.asked.filter(({ waits }) => waits !== null) ?? [];
  const count = view.provider?.waiting ?? 0;
  return (
    <div class="page wide">
      <Title>{count > 0 ? words.title.waits(count) : words.title.quiet}</Title>
      <Failure error={found.error} />
      {!told && found.error === undefined && <Skeleton />}
      {waiting.length > 0 && (
        <section class="panel" aria-labelledby="waiting">
          <h2 id="waiting">{words.waiting}</h2>
          <ul class="entries">
            {waiting.map((asked) => (
              <Waiting key={asked.command.id} live={live} asked={asked} />
            ))}
          </ul>
        </section>
      )}
      {told && (
        <>
          <Told live={live} told={told} />
          <Befell told={told} />
          <section class="panel" aria-labelledby="rules">
            <h2 id="rules">{words.rules.section}</h2>
            <p>{words.rules.lead}</p>
            {ruleOrder.map((kind) => (
              <Rule key={kind} live={live} kind={kind} asks={told.rules[kind] === 'ask'} />
            ))}
            <p class="muted">{words.rules.bounds}</p>
          </section>
          <section class="panel" aria-labelledby="asked">
            <h2 id="asked">{words.asked.section}</h2>
            {told.asked.length === 0 ? (
              <p class="muted">{words.asked.none}</p>
            ) : (
              <ol class="entries">
                {told.asked.map((one) => (
                  <Asked key={one.command.id} asked={one} />
                ))}
              </ol>
            )}
          </section>
        </>
      )}
    </div>
  );
}
