/** What apps tell the owner, newest first: a stranger's words, shown as text and under the app's name. */
import type { Notification } from '#contract/api.js';
import type { InstalledApp } from '#contract/installed.js';
import type { NoticeList, OwnerView } from '#contract/owner.js';
import type { HomeProps } from './home.js';
import type { Live } from './live.js';
import { Failure, Mark, Skeleton, Title, type Tone, useForm, When } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';
import { useAsked } from './use-asked.js';
import { line, nameOf, plain, short } from './words-of.js';

const words = texts.apps.notices;
const tones: Record<Notification['severity'], Tone> = { info: 'unknown', attention: 'attention', trouble: 'trouble' };

/** An app of the configuration has no name but its id. */
function appOf(view: OwnerView, id: string): { name: string; to: string | undefined } {
  const app = view.apps?.installed.find((one) => one.id === id);
  return app ? { name: short(nameOf(app.name)), to: `/apps/${id}` } : { name: id, to: undefined };
}

function Notice({
  live,
  notice,
  name,
  to,
}: {
  live: Live;
  notice: Notification;
  name: string;
  to: string | undefined;
}) {
  const form = useForm(async () => {
    await live.act('DELETE', `/v1/notices/${notice.id}`);
    return undefined;
  });
  const title = line(notice.title);
  return (
    <li class="told">
      <small class="muted">
        {to ? <Link to={to}>{words.from(name)}</Link> : words.from(name)}, <When at={notice.at} />
      </small>
      <Mark tone={tones[notice.severity]}>
        <strong>{title}</strong> <small>{words.severities[notice.severity]}</small>
      </Mark>
      <p class="long">{plain(notice.text)}</p>
      <Failure error={form.error} />
      <form onSubmit={form.submit}>
        <button type="submit" class="quiet" aria-label={words.dismissOf(title)} aria-disabled={form.isWorking}>
          {form.isWorking ? texts.working : words.dismiss}
        </button>
      </form>
    </li>
  );
}

function Notices({ live, view, notices }: { live: Live; view: OwnerView; notices: readonly Notification[] }) {
  const form = useForm(async () => {
    // What came or changed since this was drawn was not seen.
    await live.act('POST', '/v1/notices/dismissed', { seen: notices.map(({ id, at }) => ({ id, at })) });
    return undefined;
  });
  return (
    <>
      <p class="muted">{words.lead}</p>
      <ul class="entries">
        {notices.map((notice) => (
          <Notice key={notice.id} live={live} notice={notice} {...appOf(view, notice.app)} />
        ))}
      </ul>
      {notices.length > 1 && (
        <form class="page" onSubmit={form.submit}>
          <Failure error={form.error} />
          <p>
            <button type="submit" aria-disabled={form.isWorking}>
              {form.isWorking ? texts.working : words.dismissAll}
            </button>
          </p>
        </form>
      )}
    </>
  );
}

export function NoticesAtHome({ live, view }: { live: Live; view: OwnerView }) {
  const { newest, count } = view.notices;
  if (count === 0 && !view.apps?.installed.length) return null; // there is nobody who could tell anything
  return (
    <section class="panel" aria-labelledby="notices">
      <h2 id="notices">{words.section}</h2>
      {count === 0 ? <p class="muted">{words.empty}</p> : <Notices live={live} view={view} notices={newest} />}
      {count > newest.length && (
        <p>
          <Link to="/notices">{words.all(count)}</Link>
        </p>
      )}
    </section>
  );
}

/** Where the app may tell something, or has. */
export function NoticesOfApp({ live, view, app }: { live: Live; view: OwnerView; app: InstalledApp }) {
  const asked = useAsked<NoticeList>(`/v1/notices?app=${encodeURIComponent(app.id)}`, view.notices.version);
  const notices = asked.value?.notices ?? [];
  const may = app.grants.some(({ capability }) => capability === 'notify');
  if (notices.length === 0 && !may && asked.error === undefined) return null;
  return (
    <section class="panel" aria-labelledby="notices">
      <h2 id="notices">{words.ofApp}</h2>
      {asked.error !== undefined && <Failure error={asked.error} />}
      {asked.value && notices.length === 0 && <p class="muted">{words.emptyOfApp}</p>}
      {notices.length > 0 && <Notices live={live} view={view} notices={notices} />}
    </section>
  );
}

export function AllNotices({ live, view }: HomeProps) {
  const asked = useAsked<NoticeList>('/v1/notices', view.notices.version);
  return (
    <div class="page wide">
      <Title>{words.title(view.notices.count)}</Title>
      {asked.error !== undefined && <Failure error={asked.error} />}
      {!asked.value && asked.error === undefined && <Skeleton />}
      {asked.value &&
        (asked.value.notices.length === 0 ? (
          <p>{words.empty}</p>
        ) : (
          <section class="panel">
            <Notices live={live} view={view} notices={asked.value.notices} />
          </section>
        ))}
    </div>
  );
}
