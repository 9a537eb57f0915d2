import { useEffect, useRef, useState } from 'preact/hooks';
import type { CreatedClaim, NewClaim } from '#contract/operator.js';
import { call } from './api.js';
import type { Live } from './live.js';
import { Failure, When } from './parts.js';
import { spell, texts } from './texts.js';

const words = texts.claims;

/** The only time that the code is seen: large, to be copied, and spelled for a telephone call. */
function Code({ claim, done }: { claim: CreatedClaim; done: () => void }) {
  const [copying, setCopying] = useState<'no' | 'yes' | 'failed'>('no');
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [claim.id]);
  const says = { no: words.copy, yes: words.copied, failed: words.copyFailed };
  return (
    <section class="panel code" aria-labelledby="code-heading">
      <h2 id="code-heading" ref={heading} tabIndex={-1}>
        {words.created}
        {claim.label && `: ${claim.label}`}
      </h2>
      <p class="big" data-code>
        {claim.code}
      </p>
      <p>
        <strong>{words.once}</strong> {words.ends} <When at={claim.expiresAt} />.
      </p>
      <div class="acts">
        <button
          type="button"
          class="main"
          onClick={() =>
            navigator.clipboard.writeText(claim.code).then(
              () => setCopying('yes'),
              () => setCopying('failed'),
            )
          }
        >
          <span role="status">{says[copying]}</span>
        </button>
        <button type="button" onClick={done}>
          {words.done}
        </button>
      </div>
      <h3>{words.aloud}</h3>
      <ol class="spelled">
        {claim.code.split('-').map((group, index) => (
          <li key={group + String(index)}>
            <span class="unseen">{words.group(index + 1)}: </span>
            <code>{group}</code> {spell(group)}
          </li>
        ))}
      </ol>
    </section>
  );
}

export function CreateClaim(props: {
  live: Live;
  created: CreatedClaim | undefined;
  show: (claim: CreatedClaim | undefined) => void;
}) {
  const { live, created, show } = props;
  const [label, setLabel] = useState('');
  const [seconds, setSeconds] = useState<number>(words.lifetimes[1][0]);
  const [isWorking, setWorking] = useState(false);
  const [error, setError] = useState<unknown>();

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (isWorking) return;
    setWorking(true);
    setError(undefined);
    const body: NewClaim = { lifetimeSeconds: seconds, ...(label.trim() ? { label: label.trim() } : {}) };
    try {
      show(await live.watch(call<CreatedClaim>('POST', '/v1/claims', { body })));
      setLabel('');
    } catch (refused) {
      setError(refused);
    } finally {
      setWorking(false);
    }
  }

  if (created) return <Code claim={created} done={() => show(undefined)} />;
  return (
    <form class="panel create" onSubmit={(event) => void submit(event)}>
      <h2>{words.create}</h2>
      {error !== undefined && <Failure error={error} />}
      <div class="fields">
        <div>
          <label for="label">{words.label}</label>
          <p class="hint" id="label-hint">
            {words.labelHint}
          </p>
          <input
            id="label"
            type="text"
            maxLength={200}
            autocomplete="off"
            aria-describedby="label-hint"
            value={label}
            onInput={(event) => setLabel(event.currentTarget.value)}
          />
        </div>
        <div>
          <label for="lifetime">{words.lifetime}</label>
          <select
            id="lifetime"
            value={String(seconds)}
            onChange={(event) => setSeconds(Number(event.currentTarget.value))}
          >
            {words.lifetimes.map(([value, name]) => (
              <option key={value} value={String(value)}>
                {name}
              </option>
            ))}
          </select>
        </div>
        <button type="submit" class="main" aria-disabled={isWorking}>
          {isWorking ? words.working : words.submit}
        </button>
      </div>
    </form>
  );
}
