import { useEffect, useState } from 'preact/hooks';
import type { AppsView } from '#contract/owner.js';
import { callText } from './api.js';
import type { HomeProps } from './home.js';
import { Failure, Skeleton, Title } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';
import { nameOf, plain } from './words-of.js';

const words = texts.apps.logs;
// Colours and the like, which a terminal would obey (ECMA-48 control sequences).
// biome-ignore lint/suspicious/noControlCharactersInRegex: they begin with one
const sequences = /\u001b\[[0-?]*[ -/]*[@-~]/g;

export function AppLogs({ view, id }: HomeProps & { view: { apps: AppsView }; id: string }) {
  const [text, setText] = useState<string>();
  const [error, setError] = useState<unknown>();
  const path = `/v1/apps/${encodeURIComponent(id)}/logs`;
  const load = (): Promise<void> =>
    callText(path).then((answer) => {
      setText(plain(answer.replace(sequences, '')));
      setError(undefined);
    }, setError);
  useEffect(() => void load(), [id]);
  const glance = view.apps.installed.find((app) => app.id === id);
  const name = glance ? nameOf(glance.name) : id;
  return (
    <div class="page wide">
      <Title>{words.title(name)}</Title>
      <p>{words.lead}</p>
      <Failure error={error} />
      {text === undefined ? (
        error === undefined && <Skeleton />
      ) : text.trim() === '' ? (
        <p class="muted">{words.empty}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard
        <section class="log" tabIndex={0} aria-label={words.label}>
          <pre>{text}</pre>
        </section>
      )}
      <p class="acts">
        <button type="button" onClick={() => void load()}>
          {words.again}
        </button>
        <a class="button" href={path} download={`${id}.log`}>
          {words.save}
        </a>
        <Link to={`/apps/${id}`} class="button">
          {words.back(name)}
        </Link>
      </p>
    </div>
  );
}
