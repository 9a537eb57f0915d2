/** The first page in safe mode: what went wrong, as far as it is known, and what its owner can do. */
import type { OwnerView } from '#contract/owner.js';
import type { SafeView } from '#contract/safe.js';
import type { Live } from './live.js';
import { Failure, Mark, useForm, When } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';
import { nameOf, short } from './words-of.js';

const words = texts.safe;

function Wrong({ safe, name }: { safe: SafeView; name: string | undefined }) {
  const { end, error } = safe.fault;
  return (
    <section class="notice trouble" aria-labelledby="wrong">
      <Mark tone="trouble">
        <strong id="wrong">{words.why(safe)}</strong>
      </Mark>
      <p>{end ? words.ends[end] : words.unknown}</p>
      {error !== null && (
        <p>
          {words.error} <code>{error}</code>
        </p>
      )}
      {name !== undefined && (
        <p>
          {words.app(name)} {words.appHint}
        </p>
      )}
    </section>
  );
}

export function Safe({ live, view, safe }: { live: Live; view: OwnerView; safe: SafeView }) {
  const form = useForm(async () => {
    await live.act('POST', '/v1/safe/leave');
    return undefined;
  });
  const app = view.apps?.installed.find(({ id }) => id === safe.fault.app);
  const name = app ? short(nameOf(app.name)) : (safe.fault.app ?? undefined);
  return (
    <>
      <p>{words.lead}</p>
      <Wrong safe={safe} name={name} />
      <section class="panel" aria-labelledby="next">
        <h2 id="next">{words.next}</h2>
        <p>
          {words.triesBy} <When at={safe.triesAt} />.
        </p>
        <form class="page" onSubmit={form.submit}>
          <Failure error={form.error} />
          <p class="hint" id="again-hint">
            {words.againHint}
          </p>
          <p class="acts">
            <button type="submit" class="main" aria-disabled={form.isWorking} aria-describedby="again-hint">
              {form.isWorking ? texts.working : words.again}
            </button>
            {app && app.stopped === null && (
              <Link to={`/apps/${app.id}`} class="button">
                {words.stop(short(nameOf(app.name)))}
              </Link>
            )}
            {view.system && (
              <Link to="/system" class="button">
                {words.update}
              </Link>
            )}
          </p>
        </form>
        <p class="muted">{words.nothingHelps}</p>
      </section>
    </>
  );
}
