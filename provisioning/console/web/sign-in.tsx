import { useRef, useState } from 'preact/hooks';
import type { Live } from './live.js';
import { Failure, Mark, Title } from './parts.js';
import { texts } from './texts.js';

export function SignIn(props: { live: Live; ended: boolean }) {
  const [error, setError] = useState<unknown>();
  const [isEmpty, setEmpty] = useState(false);
  const [isWorking, setWorking] = useState(false);
  const field = useRef<HTMLInputElement>(null);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const secret = field.current?.value.trim() ?? '';
    setError(undefined);
    setEmpty(secret === '');
    if (secret === '') return field.current?.focus();
    setWorking(true);
    try {
      await props.live.signIn(secret);
    } catch (refused) {
      setError(refused);
      field.current?.select();
    } finally {
      setWorking(false);
    }
  }

  return (
    <form class="sign-in" onSubmit={(event) => void submit(event)} noValidate>
      <img src="/icon.svg" alt="" width="40" height="40" />
      <Title page={texts.signIn.pageTitle}>{texts.signIn.title}</Title>
      {props.ended && !error && (
        <p class="notice" role="status">
          {texts.signIn.ended}
        </p>
      )}
      {error !== undefined && <Failure error={error} />}
      <label for="secret">{texts.signIn.label}</label>
      <p id="secret-hint" class="hint">
        {texts.signIn.hint}
      </p>
      {isEmpty && (
        <p id="secret-fault" class="fault">
          <Mark tone="trouble">{texts.signIn.empty}</Mark>
        </p>
      )}
      <input
        ref={field}
        id="secret"
        type="password"
        autocomplete="current-password"
        spellcheck={false}
        aria-describedby={isEmpty ? 'secret-hint secret-fault' : 'secret-hint'}
        aria-invalid={isEmpty || error !== undefined}
      />
      <button type="submit" class="main" aria-disabled={isWorking}>
        {isWorking ? texts.signIn.working : texts.signIn.submit}
      </button>
    </form>
  );
}
