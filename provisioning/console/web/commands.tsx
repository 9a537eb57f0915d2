/** What an operator asks of one box, what it answered, and what it says live. */
import { Fragment } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { CommandKind } from '#contract/commands.js';
import { metrics } from '#contract/metrics.js';
import type { FleetEvent } from '#contract/operator.js';
import type { CommandPage, CommandState, CommandView, NewCommand } from '#contract/operator-commands.js';
import { call } from './api.js';
import type { Tone } from './care.js';
import type { Live } from './live.js';
import { Failure, Mark, Skeleton, useAsked, When } from './parts.js';
import { commands as words } from './texts-commands.js';

const tones: Record<CommandState, Tone> = {
  pending: 'unknown',
  sent: 'unknown',
  done: 'good',
  refused: 'attention',
  failed: 'trouble',
  expired: 'attention',
  'waits-for-owner': 'attention',
};
const commandKinds = Object.keys(words.kinds) as CommandKind[];
/** The last live sample is shown for so long after it came. */
const liveMilliseconds = 10_000;

const titleOf = (name: string): string =>
  Object.hasOwn(metrics, name) ? metrics[name as keyof typeof metrics].title : name;
const unitOf = (name: string): string => {
  const unit: string = Object.hasOwn(metrics, name) ? metrics[name as keyof typeof metrics].unit : '';
  return unit === '1' ? '' : unit.replace('By', 'bytes').replace('Cel', '°C').replace(/[{}]/g, '');
};

function LiveFigures({ at, values }: { at: number; values: Readonly<Record<string, number>> }) {
  return (
    <section class="panel live" aria-labelledby="live-heading">
      <h3 id="live-heading">{words.liveHeading}</h3>
      <p class="muted">
        {words.liveAt} <When at={at} />
      </p>
      <dl>
        {Object.entries(values).map(([name, value]) => (
          <Fragment key={name}>
            <dt>{titleOf(name)}</dt>
            <dd>
              {value} {unitOf(name)}
            </dd>
          </Fragment>
        ))}
      </dl>
    </section>
  );
}

function Field(props: { id: string; label: string; value: string; set: (value: string) => void; isNumber?: boolean }) {
  return (
    <div>
      <label for={props.id}>{props.label}</label>
      <input
        id={props.id}
        type="text"
        inputMode={props.isNumber ? 'numeric' : 'text'}
        autocomplete="off"
        value={props.value}
        onInput={(event) => props.set(event.currentTarget.value)}
      />
    </div>
  );
}

function Ask({ id, live, done }: { id: string; live: Live; done: () => void }) {
  const [kind, setKind] = useState<CommandKind>('refresh');
  const [seconds, setSeconds] = useState('60');
  const [sample, setSample] = useState('60');
  const [batch, setBatch] = useState('300');
  const [version, setVersion] = useState('');
  const [state, setState] = useState<'idle' | 'working' | 'asked'>('idle');
  const [error, setError] = useState<unknown>();

  const parameters: Partial<Record<CommandKind, NewCommand['parameters']>> = {
    live: { seconds: Number(seconds) },
    'set-intervals': { sampleSeconds: Number(sample), batchSeconds: Number(batch) },
    update: { what: 'agent', version },
  };

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (state === 'working') return;
    setState('working');
    setError(undefined);
    const body: NewCommand = { kind, parameters: parameters[kind] ?? {} };
    try {
      await live.watch(call('POST', `/v1/boxes/${id}/commands`, { body }));
      setState('asked');
      done();
    } catch (refused) {
      setError(refused);
      setState('idle');
    }
  }

  return (
    <form class="reason" onSubmit={(event) => void submit(event)} noValidate>
      {error !== undefined && <Failure error={error} />}
      <label for="command-kind">{words.label}</label>
      <select
        id="command-kind"
        value={kind}
        aria-describedby="command-what"
        onChange={(event) => {
          const chosen = commandKinds.find((one) => one === event.currentTarget.value);
          if (chosen) setKind(chosen);
          setState('idle');
        }}
      >
        {commandKinds.map((one) => (
          <option key={one} value={one}>
            {words.kinds[one].name}
          </option>
        ))}
      </select>
      <p class="muted" id="command-what">
        {words.kinds[kind].what}
      </p>
      {kind === 'live' && (
        <Field id="command-seconds" label={words.seconds} value={seconds} set={setSeconds} isNumber />
      )}
      {kind === 'set-intervals' && (
        <>
          <Field id="command-sample" label={words.sample} value={sample} set={setSample} isNumber />
          <Field id="command-batch" label={words.batch} value={batch} set={setBatch} isNumber />
        </>
      )}
      {kind === 'update' && <Field id="command-version" label={words.version} value={version} set={setVersion} />}
      <div class="acts">
        <button type="submit" class={kind === 'reboot' ? 'dangerous' : ''} aria-disabled={state === 'working'}>
          {state === 'working' ? words.working : words.send}
        </button>
        <span role="status">{state === 'asked' && words.asked}</span>
      </div>
    </form>
  );
}

function Row({ box, command }: { box: string; command: CommandView }) {
  const { id, kind, state, answer, by, issuedAt, diagnosticsBytes } = command;
  return (
    <tr>
      <th scope="row">{words.kinds[kind].name}</th>
      <td>
        <Mark tone={tones[state]}>{words.states[state]}</Mark>
      </td>
      <td class="wrap">
        {answer?.text}{' '}
        {diagnosticsBytes !== null && (
          <a href={`/v1/boxes/${box}/commands/${id}/diagnostics`} download>
            {words.save}
          </a>
        )}
      </td>
      <td>{by}</td>
      <td>
        <When at={issuedAt} />
      </td>
    </tr>
  );
}

export function Commands({ id, live, canAsk }: { id: string; live: Live; canAsk: boolean }) {
  const path = `/v1/boxes/${id}/commands`;
  const { value, error, again } = useAsked(path, (signal) => live.watch(call<CommandPage>('GET', path, { signal })));
  const [seen, setSeen] = useState<FleetEvent>();
  useEffect(
    () =>
      live.onEvent((event) => {
        if (event && event.box !== id) return;
        if (event?.type === 'live') setSeen(event);
        else if (!event || event.type === 'command') again();
      }),
    [id],
  );
  const isFresh = seen !== undefined && Date.now() - seen.at < liveMilliseconds;
  const { columns } = words;
  return (
    <section class="commands" aria-labelledby="commands-heading">
      <h2 id="commands-heading">{words.heading}</h2>
      <p class="muted">{words.lead}</p>
      {canAsk && <Ask id={id} live={live} done={again} />}
      {isFresh && seen.values && <LiveFigures at={seen.at} values={seen.values} />}
      {error !== undefined && <Failure error={error} />}
      {!value && error === undefined && <Skeleton lines={3} />}
      {value?.commands.length === 0 && <p class="panel empty">{words.none}</p>}
      {value && value.commands.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
        <section class="scroll" tabIndex={0} aria-label={words.table}>
          <table>
            <thead>
              <tr>
                {Object.values(columns).map((column) => (
                  <th key={column} scope="col">
                    {column}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {value.commands.map((command) => (
                <Row key={command.id} box={id} command={command} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}
