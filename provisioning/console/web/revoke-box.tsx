import { useRef, useState } from 'preact/hooks';
import { call } from './api.js';
import type { Live } from './live.js';
import { Failure, Mark } from './parts.js';
import { texts } from './texts.js';

/** It cannot be undone, so it says what will be lost and wants a typed word. */
export function RevokeBox(props: { id: string; hasDevice: boolean; live: Live; done: () => void }) {
  const { id, hasDevice, live, done } = props;
  const words = texts.revoke;
  const dialog = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState('');
  const [isMismatch, setMismatch] = useState(false);
  const [isWorking, setWorking] = useState(false);
  const [error, setError] = useState<unknown>();

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const matches = typed.trim().toLowerCase() === words.word;
    setMismatch(!matches);
    if (!matches) return;
    setWorking(true);
    setError(undefined);
    try {
      await live.watch(call('POST', `/v1/boxes/${id}/revoke`));
      dialog.current?.close();
      void live.refresh();
      done();
    } catch (refused) {
      setError(refused);
    } finally {
      setWorking(false);
    }
  }

  return (
    <section class="danger panel" aria-labelledby="revoke-heading">
      <h2 id="revoke-heading">{words.heading}</h2>
      <p>{words.lead}</p>
      <button type="button" class="dangerous" onClick={() => dialog.current?.showModal()}>
        {words.open}
      </button>
      <dialog
        ref={dialog}
        aria-labelledby="revoke-title"
        onClose={() => {
          setTyped('');
          setMismatch(false);
          setError(undefined);
        }}
      >
        <form onSubmit={(event) => void submit(event)} noValidate>
          <h2 id="revoke-title">{words.title(id)}</h2>
          <ul>
            {[...words.loses, ...(hasDevice ? [words.losesDevice] : [])].map((loss) => (
              <li key={loss}>{loss}</li>
            ))}
          </ul>
          <p>{words.keeps}</p>
          {error !== undefined && <Failure error={error} />}
          <label for="revoke-word">{words.type(words.word)}</label>
          {isMismatch && (
            <p id="revoke-fault" class="fault">
              <Mark tone="trouble">{words.mismatch(words.word)}</Mark>
            </p>
          )}
          <input
            id="revoke-word"
            type="text"
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            value={typed}
            aria-invalid={isMismatch}
            aria-describedby={isMismatch ? 'revoke-fault' : undefined}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          <div class="acts">
            <button type="submit" class="dangerous main" aria-disabled={isWorking}>
              {isWorking ? words.working : words.confirm}
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>
              {words.cancel}
            </button>
          </div>
        </form>
      </dialog>
    </section>
  );
}
