/** The few pieces that every page uses. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Refused } from './api.js';
import { exact, relative } from './format.js';
import { texts } from './texts.js';

export type Tone = 'good' | 'attention' | 'trouble' | 'unknown';

/** A page's first line: what it answers. Turning to the page moves the focus here, so that a screen reader says it. */
export function Title(props: { children: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const [isTurned] = useState(() => navigator.userActivation?.hasBeenActive ?? false);
  useEffect(() => {
    document.title = `${props.children.replace(/\.$/, '')} – ${texts.product}`;
  }, [props.children]);
  useEffect(() => {
    if (isTurned) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {props.children}
    </h1>
  );
}

const shapes: Record<Tone, string> = {
  good: 'M8 2a6 6 0 1 0 0 12A6 6 0 1 0 8 2z',
  attention: 'M8 1.5 15 14H1z',
  trouble: 'M2.5 2.5h11v11h-11z',
  unknown: 'M8 2a6 6 0 1 0 0 12A6 6 0 1 0 8 2zm0 2.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 1 1 0-7z',
};

/** Told by word, by shape and by colour. */
export function Mark(props: { tone: Tone; children: ComponentChildren }) {
  return (
    <span class={`mark ${props.tone}`}>
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        <path d={shapes[props.tone]} fill-rule="evenodd" />
      </svg>
      <span>{props.children}</span>
    </span>
  );
}

export function When(props: { at: number }) {
  const said = exact(props.at);
  return (
    <time dateTime={new Date(props.at).toISOString()} title={said}>
      {relative(props.at, Date.now())}
      <span class="unseen"> ({said})</span>
    </time>
  );
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, '')}.`;

export interface Told {
  code: string;
  title: string;
  remedy: string;
  detail?: string;
}

/** What was refused, why, and what to do; the stable code for whoever helps. */
export function Trouble(props: { told: Told; tone?: Tone; retryAfterSeconds?: number | undefined; live?: boolean }) {
  const { title, remedy, detail, code } = props.told;
  const own = texts.problems[code];
  return (
    <div class={`notice ${props.tone ?? 'trouble'}`} {...(props.live === false ? {} : { role: 'alert' })}>
      <Mark tone={props.tone ?? 'trouble'}>
        <strong>{sentence(own?.title ?? title)}</strong>
      </Mark>
      {detail && own?.detail !== 'technical' && <p>{own?.detail === 'said' ? texts.said(detail) : sentence(detail)}</p>}
      <p>{sentence(own?.remedy ?? remedy)}</p>
      {detail && own?.detail === 'technical' && (
        <Details summary={texts.details}>
          <code>{detail}</code>
        </Details>
      )}
      {props.retryAfterSeconds !== undefined && <p>{texts.retry(props.retryAfterSeconds)}</p>}
      <p class="code">
        {texts.codeForHelp} <code>{code}</code>
      </p>
    </div>
  );
}

export function Failure(props: { error: unknown }) {
  if (props.error === undefined) return null;
  if (!(props.error instanceof Refused)) return <Trouble told={texts.noAnswer} />;
  const { problem, retryAfterSeconds } = props.error;
  return <Trouble told={problem} retryAfterSeconds={retryAfterSeconds} />;
}

/** Shown only after a moment (by the stylesheet), so that a quick answer does not flicker. */
export function Skeleton() {
  return (
    <div class="skeleton" role="status">
      <span class="unseen">{texts.loading}</span>
      <span aria-hidden="true" />
      <span aria-hidden="true" />
      <span aria-hidden="true" />
    </div>
  );
}

/**
 * One form, one act: it says that it works, shows what was refused above its fields, and is not sent twice. `run` answers
 * a fault of the owner's own (a field left empty), or undefined when all went well.
 */
export function useForm(run: () => Promise<string | undefined>) {
  const [error, setError] = useState<unknown>();
  const [fault, setFault] = useState<string>();
  const [isWorking, setWorking] = useState(false);
  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (isWorking) return;
    setError(undefined);
    setFault(undefined);
    setWorking(true);
    try {
      setFault(await run());
    } catch (refused) {
      setError(refused);
    } finally {
      setWorking(false);
    }
  }
  return { error, fault, isWorking, submit: (event: Event) => void submit(event) };
}

/** The faults of a form, above it, each leading to its field (GOV.UK's error summary). */
export function Summary(props: { fault: string | undefined; field: string }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (props.fault) box.current?.focus();
  }, [props.fault]);
  if (!props.fault) return null;
  return (
    <div class="notice trouble" role="alert" tabIndex={-1} ref={box}>
      <Mark tone="trouble">
        <strong>{texts.thereIsAFault}</strong>
      </Mark>
      <p>
        <a
          href={`#${props.field}`}
          onClick={(event) => {
            event.preventDefault();
            document.getElementById(props.field)?.focus();
          }}
        >
          {props.fault}
        </a>
      </p>
    </div>
  );
}

export function Field(props: {
  id: string;
  label: string;
  hint?: ComponentChildren;
  fault?: string | undefined;
  value: string;
  set: (value: string) => void;
  /** Beside the field. */
  after?: ComponentChildren;
  type?: 'text' | 'password';
  autocomplete?: 'off' | 'new-password' | 'current-password';
  autocapitalize?: 'none' | 'characters';
  maxLength?: number;
  class?: string;
}) {
  const { id, label, hint, fault, value, set, after, type, autocomplete = 'off', autocapitalize = 'none' } = props;
  const told = [hint ? `${id}-hint` : '', fault ? `${id}-fault` : ''].filter(Boolean).join(' ');
  const attributes = {
    id,
    value,
    autocomplete,
    autocapitalize,
    spellcheck: false,
    'aria-describedby': told || undefined,
    'aria-invalid': fault ? true : undefined,
    onInput: (event: { currentTarget: HTMLInputElement }) => set(event.currentTarget.value),
    maxLength: props.maxLength ?? 200,
    class: props.class,
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {fault && (
        <p class="fault" id={`${id}-fault`}>
          <Mark tone="trouble">{fault}</Mark>
        </p>
      )}
      <div class="with">
        {type === 'password' ? <input type="password" {...attributes} /> : <input type="text" {...attributes} />}
        {after}
      </div>
    </div>
  );
}

/** Shown or hidden, as the person sitting there likes. */
export function Passphrase(props: {
  id: string;
  label: string;
  hint?: ComponentChildren;
  fault?: string | undefined;
  value: string;
  set: (value: string) => void;
  isNew?: boolean;
}) {
  const [isShown, show] = useState(false);
  const { isNew, ...rest } = props;
  return (
    <Field
      {...rest}
      type={isShown ? 'text' : 'password'}
      autocomplete={isNew ? 'new-password' : 'current-password'}
      maxLength={200}
      after={
        <button type="button" aria-pressed={isShown} onClick={() => show(!isShown)}>
          {texts.show}
          <span class="unseen"> {props.label}</span>
        </button>
      }
    />
  );
}

export function Submit(props: { isWorking: boolean; working?: string; dangerous?: boolean; children: string }) {
  return (
    <button type="submit" class={props.dangerous ? 'main dangerous' : 'main'} aria-disabled={props.isWorking}>
      {props.isWorking ? (props.working ?? texts.working) : props.children}
    </button>
  );
}

export function Details(props: { summary: string; children: ComponentChildren }) {
  return (
    <details>
      <summary>{props.summary}</summary>
      <div>{props.children}</div>
    </details>
  );
}
