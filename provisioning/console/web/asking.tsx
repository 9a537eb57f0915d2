import { useState } from 'preact/hooks';
import { Failure } from './parts.js';

/** Stable, so that it is called when the button appears and not at each drawing. */
const focusOn = (element: HTMLElement | null): void => element?.focus();

/** An act that is asked about once more, in words that say what it does. */
export function Asking(props: {
  words: { act: string; named: string; ask: string; yes: string; no: string };
  act: () => Promise<void>;
}) {
  const { words, act } = props;
  const [isAsking, setAsking] = useState(false);
  const [error, setError] = useState<unknown>();
  if (!isAsking)
    return (
      <button type="button" class="quiet act" aria-label={words.named} onClick={() => setAsking(true)}>
        {words.act}
      </button>
    );
  return (
    <fieldset class="asking">
      <legend class="unseen">{words.named}</legend>
      <p>{words.ask}</p>
      {error !== undefined && <Failure error={error} />}
      <button
        ref={focusOn}
        type="button"
        class="dangerous"
        onClick={() => void act().then(() => setAsking(false), setError)}
      >
        {words.yes}
      </button>
      <button type="button" onClick={() => setAsking(false)}>
        {words.no}
      </button>
    </fieldset>
  );
}
