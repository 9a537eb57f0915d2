/** Companies that the box is linked with, and the way to one more. */
import type { LinkGlance, LinksView } from '#contract/owner-links.js';
import type { HomeProps } from './home.js';
import type { Live } from './live.js';
import { Maker } from './maker.js';
import { OfferLines } from './offers.js';
import { Failure, Mark, Title, useForm, When } from './parts.js';
import { Link } from './route.js';
import { Name } from './say.js';
import { texts } from './texts.js';
import { short } from './words-of.js';

const words = texts.links;

export type LinkProps = Omit<HomeProps, 'view'> & { view: { links: LinksView } };

function Code({ live, code }: { live: Live; code: NonNullable<LinksView['code']> }) {
  const hide = useForm(async () => {
    await live.act('DELETE', '/v1/links/code');
    return undefined;
  });
  return (
    <section class="panel" aria-labelledby="code">
      <h2 id="code">{words.code.title}</h2>
      <p class="big" data-code>
        <span class="unseen">{words.code.label}: </span>
        {code.code}
      </p>
      <p>{words.code.lead(code.expiresAt)}</p>
      <p role="status" class="muted">
        {words.code.waits}
      </p>
      <Failure error={hide.error} />
      <p>
        <button type="button" aria-disabled={hide.isWorking} onClick={hide.submit}>
          {hide.isWorking ? texts.working : words.code.hide}
        </button>
      </p>
    </section>
  );
}

function Ask({ live, ask }: { live: Live; ask: NonNullable<LinksView['ask']> }) {
  const name = short(ask.member.name);
  const answer = (act: 'confirm' | 'refuse') => async () => {
    await live.act('POST', `/v1/links/${ask.id}/${act}`);
    return undefined;
  };
  const confirm = useForm(answer('confirm'));
  const refuse = useForm(answer('refuse'));
  return (
    <section class="page" aria-labelledby="ask">
      <div class="notice attention" role="status">
        <Mark tone="attention">
          <strong id="ask">
            <Name>{words.ask.title(name)}</Name>
          </strong>
        </Mark>
        <p>{words.ask.what}</p>
        {ask.note !== null && (
          <p>
            {words.ask.note}{' '}
            <q>
              <Name>{ask.note}</Name>
            </q>
          </p>
        )}
      </div>
      <Maker member={ask.member} title={words.one.who} />
      <p>{words.ask.after}</p>
      <Failure error={confirm.error ?? refuse.error} />
      <div class="acts">
        <button type="button" class="main" aria-disabled={confirm.isWorking} onClick={confirm.submit}>
          {confirm.isWorking ? texts.working : words.ask.yes(name)}
        </button>
        <button type="button" aria-disabled={refuse.isWorking} onClick={refuse.submit}>
          {refuse.isWorking ? texts.working : words.ask.no}
        </button>
      </div>
    </section>
  );
}

function Line({ link }: { link: LinkGlance }) {
  return (
    <li>
      <Link to={`/companies/${link.id}`}>
        <span class="inside">
          <strong>
            <Name>{short(link.member.name)}</Name>
          </strong>
          <span class="facts">
            <small class="muted">
              {words.since} <When at={link.since} />
            </small>
            {link.manager && <Mark tone="attention">{words.manager}</Mark>}
            {link.member.standing === 'suspended' && <Mark tone="attention">{words.suspended}</Mark>}
          </span>
        </span>
      </Link>
    </li>
  );
}

export function Companies({ live, view: { links } }: LinkProps) {
  const { code, ask, told } = links;
  const show = useForm(async () => {
    await live.act('POST', '/v1/links/code');
    return undefined;
  });
  const count = links.links.length;
  return (
    <div class="page wide">
      <Title>{count === 0 ? words.title.none : words.title.some(count)}</Title>
      <p>{words.lead}</p>
      {!told && (
        <p class="notice attention">
          <Mark tone="attention">{words.untold}</Mark>
        </p>
      )}
      {ask && <Ask live={live} ask={ask} />}
      {code && <Code live={live} code={code} />}
      {count > 0 && (
        <section class="panel" aria-labelledby="companies">
          <h2 id="companies">{words.section}</h2>
          <ul class="choices app-lines">
            {links.links.map((link) => (
              <Line key={link.id} link={link} />
            ))}
          </ul>
        </section>
      )}
      {links.offers.length > 0 && (
        <section class="panel" aria-labelledby="offers">
          <h2 id="offers">{words.offers.section}</h2>
          <OfferLines live={live} offers={links.offers} />
        </section>
      )}
      {!code && !ask && (
        <form class="page" onSubmit={show.submit}>
          <Failure error={show.error} />
          <p>
            <button type="submit" class={count === 0 ? 'main' : undefined} aria-disabled={show.isWorking}>
              {show.isWorking ? texts.working : words.code.submit}
            </button>
          </p>
        </form>
      )}
    </div>
  );
}
