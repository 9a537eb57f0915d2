/** A code that is shown once: to be copied, printed or written down, and proven by its end, typed. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Failure, Field, Submit, Summary, useForm } from './parts.js';
import { texts } from './texts.js';

const words = texts.shownCode;
const plain = (text: string): string => text.toUpperCase().replace(/[^0-9A-Z]/g, '');

/** Whether this is the end of the code, however it is written. */
export const isEnd = (typed: string, code: string, characters: number): boolean =>
  plain(typed) === plain(code).slice(-characters);

export function ShownCode({
  code,
  say,
  maxLength = 10,
  noted,
  children,
}: {
  code: string;
  say: { keep: string; label: string; hint: string; submit: string };
  maxLength?: number;
  /** What was typed. Answers what is wrong with it. */
  noted(typed: string): Promise<string | undefined>;
  /** What stands above the code. */
  children?: ComponentChildren;
}) {
  const [typed, setTyped] = useState('');
  const [copying, setCopying] = useState<'no' | 'yes' | 'failed'>('no');
  const form = useForm(() => noted(typed));
  const copy = (): void => {
    // Without encryption a browser gives no clipboard: then it is selected, to be copied by hand.
    const copied = navigator.clipboard?.writeText(code) ?? Promise.reject(new Error('no clipboard'));
    copied.then(
      () => setCopying('yes'),
      () => {
        const place = document.querySelector('[data-code]');
        if (place) getSelection()?.selectAllChildren(place);
        setCopying('failed');
      },
    );
  };
  const says = { no: words.copy, yes: words.copied, failed: words.copyFailed };
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field="last" />
      <Failure error={form.error} />
      {children}
      <p class="big" data-code>
        {code}
      </p>
      <div class="acts">
        <button type="button" onClick={copy}>
          <span role="status">{says[copying]}</span>
        </button>
        <button type="button" onClick={() => print()}>
          {words.print}
        </button>
      </div>
      <p>{say.keep}</p>
      <Field
        id="last"
        label={say.label}
        hint={say.hint}
        fault={form.fault}
        value={typed}
        set={setTyped}
        autocomplete="off"
        maxLength={maxLength}
        class="short codes"
      />
      <Submit isWorking={form.isWorking}>{say.submit}</Submit>
    </form>
  );
}
