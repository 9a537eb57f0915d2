import { useEffect, useRef, useState } from 'preact/hooks';
import { texts } from './texts.js';

const words = texts.operators;

/** The only time that a secret is seen. */
export function SecretOnce(props: { title: string; once: string; secret: string; hide: string; done: () => void }) {
  const [copying, setCopying] = useState<'copy' | 'copied' | 'copyFailed'>('copy');
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [props.secret]);
  return (
    <section class="panel code" aria-labelledby="secret-heading">
      <h2 id="secret-heading" ref={heading} tabIndex={-1}>
        {props.title}
      </h2>
      <p>
        <code data-secret>{props.secret}</code>
      </p>
      <p>{props.once}</p>
      <div class="acts">
        <button
          type="button"
          class="main"
          onClick={() =>
            navigator.clipboard.writeText(props.secret).then(
              () => setCopying('copied'),
              () => setCopying('copyFailed'),
            )
          }
        >
          <span role="status">{words[copying]}</span>
        </button>
        <button type="button" onClick={props.done}>
          {props.hide}
        </button>
      </div>
    </section>
  );
}
