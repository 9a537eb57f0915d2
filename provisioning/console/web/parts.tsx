/** The few pieces that every page uses. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Refused } from './api.js';
import type { Tone } from './care.js';
import { exact, relative } from './format.js';
import { texts } from './texts.js';

/**
 * A page's first line: what it answers. Turning to the page moves the focus here, so that a screen reader says it; at
 * first load the focus stays at the top, where the skip link is.
 */
export function Title(props: { page: string; children: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const [isTurned] = useState(() => navigator.userActivation.hasBeenActive);
  useEffect(() => {
    document.title = `${props.page} – ${texts.product}`;
  }, [props.page]);
  useEffect(() => {
    if (isTurned && !document.activeElement?.closest('main, dialog')) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1} aria-live="polite">
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
      <svg viewBox="0 0 16 16" width="12" height="12" aria-hidden="true">
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

/** What was refused, why, and what to do. */
export function Failure(props: { error: unknown }) {
  const { error } = props;
  const refused = error instanceof Refused ? error : undefined;
  const problem = refused?.problem;
  const seconds = refused?.retryAfterSeconds;
  const sentence = problem ? problem.title : texts.unreachable.short;
  return (
    <div class="failure" role="alert">
      <Mark tone="trouble">
        <strong>{sentence.charAt(0).toUpperCase() + sentence.slice(1).replace(/\.$/, '')}.</strong>
      </Mark>
      {problem?.detail && <p>{problem.detail}</p>}
      <p>
        {texts.whatToDo}{' '}
        {seconds === undefined ? (problem?.remedy ?? texts.unreachable.remedy) : texts.signIn.retry(seconds)}
      </p>
      {problem && <code>{problem.code}</code>}
    </div>
  );
}

/** Shown only after a moment (by the stylesheet), so that a quick answer does not flicker. */
export function Skeleton(props: { lines: number }) {
  return (
    <div class="skeleton" aria-hidden="true">
      {Array.from({ length: props.lines }, (_, index) => (
        <span key={index} />
      ))}
    </div>
  );
}

export function Bar(props: { share: number; tone: Tone }) {
  return (
    <span class={`bar ${props.tone}`} aria-hidden="true">
      <span style={{ width: `${Math.min(100, Math.max(0, props.share * 100))}%` }} />
    </span>
  );
}

export function Choice<T extends string>(props: {
  name: string;
  legend: string;
  options: Record<T, string>;
  /** Undefined: none of them. */
  value: T | undefined;
  choose: (value: T) => void;
}) {
  const keys = Object.keys(props.options).filter((key): key is T => key in props.options);
  return (
    <fieldset class="choice">
      <legend class="unseen">{props.legend}</legend>
      {keys.map((key) => (
        <label key={key}>
          <input type="radio" name={props.name} checked={props.value === key} onChange={() => props.choose(key)} />
          <span>{props.options[key]}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const read = () => setMatches(list.matches);
    list.addEventListener('change', read);
    return () => list.removeEventListener('change', read);
  }, [query]);
  return matches;
}

export const useNarrow = (): boolean => useMedia('(max-width: 719px)');

/** Something is asked for once, and again when `key` changes; `again` asks now. */
export function useAsked<T>(key: string, ask: (signal: AbortSignal) => Promise<T>) {
  const [state, setState] = useState<{ key: string; value?: T; error?: unknown }>({ key });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const ending = new AbortController();
    ask(ending.signal).then(
      (value) => ending.signal.aborted || setState({ key, value }),
      // What was known stays beside the error.
      (error: unknown) =>
        ending.signal.aborted || setState((known) => (known.key === key ? { ...known, error } : { key, error })),
    );
    return () => ending.abort();
  }, [key, turn]);
  const mine: { value?: T; error?: unknown } = state.key === key ? state : {};
  // `latest` is of another key while the answer for this one is on its way: a list need not flicker.
  const { value: latest } = state;
  return { value: mine.value, latest, error: mine.error, again: () => setTurn((count) => count + 1) };
}

/** A table that is wider than a telephone: it is moved sideways by itself, by the keyboard too. */
export const Wide = (props: { label: string; children: ComponentChildren }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard (WCAG 2.1.1)
  <section class="scroll" aria-label={props.label} tabIndex={0}>
    {props.children}
  </section>
);
