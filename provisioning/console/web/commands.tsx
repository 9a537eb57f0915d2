/** What an operator asks of one box, what it answered, and what it says live. */
import { Fragment } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { CommandKind } from '#contract/commands.js';
import { metrics } from '#contract/metrics.js';
import type { FleetEvent } from '#contract/operator.js';
import type { CommandPage, NewCommand } from '#contract/operator-commands.js';
import { call } from './api.js';
import { Asked } from './commands-asked.js';
import { TextField } from './fields.js';
import { bytes, celsius, percent } from './format.js';
import type { Live } from './live.js';
import { may } from './may.js';
import { Failure, Skeleton, useAsked, When } from './parts.js';
import { commands as words } from './texts-commands.js';

const commandKinds = Object.keys(words.kinds) as CommandKind[];
/** The last live sample is shown for so long after it came. */
const liveMilliseconds = 10_000;

const titleOf = (name: string): string =>
  Object.hasOwn(metrics, name) ? metrics[name as keyof typeof metrics].title : name;
function say(name: string, value: number): string {
  const unit: string = Object.hasOwn(metrics, name) ? metrics[name as keyof typeof metrics].unit : '';
  if (unit === '1') return name.endsWith('utilization') ? percent(value) : String(value);
  if (unit === 'By') return bytes(value);
  return unit === 'Cel' ? celsius(value) : `${value} ${unit.replace(/[{}]/g, '')}`;
}

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
            <dd>{say(name, value)}</dd>
          </Fragment>
        ))}
      </dl>
    </section>
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
    <form class="ask" onSubmit={(event) => void submit(event)} noValidate>
      {error !== undefined && <Failure error={error} />}
      <div class="wide">
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
        <p class="hint" id="command-what">
          {words.kinds[kind].what}
        </p>
      </div>
      {kind === 'live' && (
        <TextField id="command-seconds" label={words.seconds} value={seconds} set={setSeconds} isNumber />
      )}
      {kind === 'set-intervals' && (
        <>
          <TextField id="command-sample" label={words.sample} value={sample} set={setSample} isNumber />
          <TextField id="command-batch" label={words.batch} value={batch} set={setBatch} isNumber />
        </>
      )}
      {kind === 'update' && <TextField id="command-version" label={words.version} value={version} set={setVersion} />}
      <div class="acts">
        <button type="submit" class={kind === 'reboot' ? 'dangerous' : ''} aria-disabled={state === 'working'}>
          {state === 'working' ? words.working : words.send}
        </button>
        <span role="status">{state === 'asked' && words.asked}</span>
      </div>
    </form>
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
  return (
    <section class="commands" aria-labelledby="commands-heading">
      <div class="panel">
        <h2 id="commands-heading">{words.heading}</h2>
        <p class="muted">{words.lead}</p>
        {value?.intervals && <p>{words.intervals(value.intervals.sampleSeconds, value.intervals.batchSeconds)}</p>}
        {canAsk && <Ask id={id} live={live} done={again} />}
      </div>
      {isFresh && seen.values && <LiveFigures at={seen.at} values={seen.values} />}
      {error !== undefined && <Failure error={error} />}
      {!value && error === undefined && <Skeleton lines={3} />}
      {value?.commands.length === 0 && <p class="panel empty">{words.none}</p>}
      {value && value.commands.length > 0 && <Asked commands={value.commands} mayRead={may(live, 'operator')} />}
    </section>
  );
}
