/** The fleet at a glance: which boxes need care, and what the rest is made of. Each number leads to its boxes. */
import type { ComponentChildren } from 'preact';
import type { FleetGlance, FleetPage, FleetQuery, Tally } from '#contract/fleet.js';
import type { BoxState } from '#contract/operator.js';
import { call } from './api.js';
import { BoxName, StateOf } from './box-cells.js';
import { standingOf, type Tone } from './care.js';
import { conditionTitle } from './condition-words.js';
import { eventsAddress } from './events-page.js';
import { tableAddress } from './fleet-address.js';
import type { Live, State } from './live.js';
import { Bar, Mark, Skeleton, Title, useAsked, When } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';

const words = texts.glance;
const serving: BoxState[] = ['online', 'offline', 'enrolled'];
const states: BoxState[] = [...serving, 'revoked', 'left'];
const worstShown = 8;
const number = (n: number): string => n.toLocaleString('en-GB');
const needing: FleetQuery = { care: ['trouble', 'attention'] };

const stateTones: Record<BoxState, Tone> = {
  online: 'good',
  offline: 'unknown',
  enrolled: 'unknown',
  revoked: 'unknown',
  left: 'unknown',
};

function States({ glance }: { glance: FleetGlance }) {
  return (
    <ul class="states" aria-label={words.states}>
      {states
        .filter((state) => glance.states[state] > 0 || state === 'online')
        .map((state) => (
          <li key={state} class="panel">
            <Link to={tableAddress({ state: [state] })}>
              <strong>{number(glance.states[state])}</strong>
              <Mark tone={stateTones[state]}>{texts.states[state]}</Mark>
            </Link>
          </li>
        ))}
    </ul>
  );
}

function Panel(props: { id: string; heading: string; class?: string; children: ComponentChildren }) {
  return (
    <section class={`panel ${props.class ?? ''}`} aria-labelledby={props.id}>
      <h2 id={props.id}>{props.heading}</h2>
      {props.children}
    </section>
  );
}

function Worst({ live, glance }: { live: Live; glance: FleetGlance }) {
  const care = glance.care.trouble + glance.care.attention;
  const { value } = useAsked(`${glance.at}`, (signal) =>
    live.watch(call<FleetPage>('GET', `/v1/fleet?care=trouble&care=attention&limit=${worstShown}`, { signal })),
  );
  if (care === 0) return null;
  const now = Date.now();
  return (
    <Panel id="worst" heading={words.worst} class="worst">
      {!value && <Skeleton lines={3} />}
      <ul>
        {value?.boxes.map((box) => (
          <li key={box.id}>
            <BoxName box={box} />
            <StateOf standing={standingOf(box, now)} />
          </li>
        ))}
      </ul>
      <p>
        <Link to={tableAddress(needing)}>{words.all(care)}</Link>
      </p>
    </Panel>
  );
}

const severityTones = { trouble: 'trouble', attention: 'attention', info: 'unknown' } as const;

function Conditions({ glance }: { glance: FleetGlance }) {
  return (
    <Panel id="conditions" heading={words.conditions}>
      {glance.conditions.length === 0 && <p class="muted">{words.noConditions}</p>}
      <ul class="tally">
        {glance.conditions.map(({ kind, severity, boxes, fresh }) => (
          <li key={`${kind} ${severity}`}>
            <Link to={tableAddress({ state: serving, condition: [kind], severity: [severity] })}>
              {conditionTitle(kind)}
            </Link>
            <span class="number">{number(boxes)}</span>
            <small>
              <Mark tone={severityTones[severity]}>{texts.severities[severity]}</Mark>
              {fresh > 0 && <span class="muted"> {words.fresh(fresh)}</span>}
            </small>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Shares(props: {
  id: string;
  heading: string;
  field: 'agent' | 'model' | 'place';
  tally: Tally;
  nothing: string;
}) {
  const { tally, field } = props;
  const all = tally.values.reduce((sum, { boxes }) => sum + boxes, tally.others.boxes);
  if (all === 0 || tally.values.every(({ value }) => value === '')) return null;
  return (
    <Panel id={props.id} heading={props.heading}>
      <ul class="tally">
        {tally.values.map(({ value, boxes }) => (
          <li key={value}>
            <Link to={tableAddress({ state: serving, [field]: [value] })}>
              {value === '' ? <em>{props.nothing}</em> : <bdi>{value}</bdi>}
            </Link>
            <span class="number">{number(boxes)}</span>
            <Bar share={boxes / all} tone="unknown" />
          </li>
        ))}
      </ul>
      {tally.others.values > 0 && <p class="muted">{words.others(tally.others.values, tally.others.boxes)}</p>}
    </Panel>
  );
}

const day = 86_400_000;
/** It is told in steps of ten minutes. */
const told = 3_600_000;

function Changes({ glance }: { glance: FleetGlance }) {
  const { since, types } = glance.changes;
  return (
    <Panel id="changes" heading={words.changes}>
      {types.length === 0 && <p class="muted">{words.noChanges}</p>}
      <ul class="tally">
        {types.map(({ type, count }) => (
          <li key={type}>
            <Link to={eventsAddress(type)}>{texts.events.types[type] ?? type}</Link>
            <span class="number">{number(count)}</span>
          </li>
        ))}
      </ul>
      {since > glance.at - day + told && (
        <p class="muted">
          {words.changesSince} <When at={since} />
        </p>
      )}
      <p>
        <Link to="/events">{words.allEvents}</Link>
      </p>
    </Panel>
  );
}

export function GlancePage({ live, state }: { live: Live; state: State }) {
  const { glance } = state;
  if (!glance)
    return (
      <>
        <Title page={words.pageTitle}>{words.asking}</Title>
        <Skeleton lines={6} />
      </>
    );
  const total = Object.values(glance.states).reduce((sum, count) => sum + count, 0);
  const gone = glance.states.revoked + glance.states.left;
  const care = glance.care.trouble + glance.care.attention;
  return (
    <>
      <Title page={words.pageTitle}>{words.summary(total, glance.states.online, care, gone)}</Title>
      {total === 0 ? (
        <div class="panel empty">
          <p>{words.emptyWhat}</p>
          <Link to="/claims" class="button main">
            {words.emptyAct}
          </Link>
        </div>
      ) : (
        <>
          <States glance={glance} />
          <Worst live={live} glance={glance} />
          <div class="glance">
            <Conditions glance={glance} />
            <Shares
              {...{ id: 'agents', heading: words.agents, field: 'agent', tally: glance.agents }}
              nothing={words.unknown}
            />
            <Shares
              {...{ id: 'models', heading: words.models, field: 'model', tally: glance.models }}
              nothing={words.unknown}
            />
            <Shares
              {...{ id: 'places', heading: words.places, field: 'place', tally: glance.places }}
              nothing={words.noPlace}
            />
            <Changes glance={glance} />
          </div>
        </>
      )}
    </>
  );
}
