/** Fields of forms: a label, a hint where there is one, and what is filled in. */
import type { ComponentChildren } from 'preact';

interface About {
  id: string;
  label: string;
  hint?: string | undefined;
}

/** What the field says of itself to a screen reader, for `aria-describedby`. */
export const hintOf = ({ id, hint }: Pick<About, 'id' | 'hint'>): string | undefined =>
  hint === undefined ? undefined : `${id}-hint`;

export function Labelled({ children, ...about }: About & { children: ComponentChildren }) {
  return (
    <div>
      <label for={about.id}>{about.label}</label>
      {about.hint !== undefined && (
        <p class="hint" id={hintOf(about)}>
          {about.hint}
        </p>
      )}
      {children}
    </div>
  );
}

export function TextField(props: About & { value: string; isNumber?: boolean; set: (value: string) => void }) {
  const { id, label, hint, value, isNumber, set } = props;
  return (
    <Labelled {...{ id, label, hint }}>
      <input
        id={id}
        type="text"
        inputMode={isNumber ? 'numeric' : 'text'}
        maxLength={200}
        autocomplete="off"
        aria-describedby={hintOf(props)}
        value={value}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </Labelled>
  );
}
