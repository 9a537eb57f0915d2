import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Mark } from './parts.js';

/** One sentence that somebody else will read: it must not be empty. */
export function ReasonForm(props: {
  id: string;
  words: { label: string; empty: string; act: string; working: string };
  dangerous?: boolean;
  /** Puts the cursor there when it appears. */
  focus?: (element: HTMLElement | null) => void;
  submit: (reason: string) => Promise<void>;
  children?: ComponentChildren;
}) {
  const { id, words, dangerous, focus, children } = props;
  const [reason, setReason] = useState('');
  const [isEmpty, setEmpty] = useState(false);
  const [isWorking, setWorking] = useState(false);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const said = reason.trim();
    setEmpty(said === '');
    if (said === '' || isWorking) return;
    setWorking(true);
    await props.submit(said);
    setWorking(false);
  }

  return (
    <form class="reason" onSubmit={(event) => void submit(event)} noValidate>
      <label for={id}>{words.label}</label>
      {isEmpty && (
        <p id={`${id}-fault`} class="fault">
          <Mark tone="trouble">{words.empty}</Mark>
        </p>
      )}
      <input
        id={id}
        ref={focus ?? null}
        type="text"
        maxLength={500}
        autocomplete="off"
        value={reason}
        aria-invalid={isEmpty}
        aria-describedby={isEmpty ? `${id}-fault` : undefined}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      <div class="acts">
        <button type="submit" class={dangerous ? 'dangerous' : ''} aria-disabled={isWorking}>
          {isWorking ? words.working : words.act}
        </button>
        {children}
      </div>
    </form>
  );
}
