/** What companies offer: who, what, in which words; and the way to look at it, or to say no. */
import type { LinksView, OfferGlance } from '#contract/owner-links.js';
import type { Live } from './live.js';
import { Failure, useForm, When } from './parts.js';
import { Link } from './route.js';
import { Name } from './say.js';
import { texts } from './texts.js';
import { nameOf, short } from './words-of.js';

const words = texts.links.offers;

function Offer({ live, offer }: { live: Live; offer: OfferGlance }) {
  const { release, version, installed, message, at, until } = offer;
  const app = nameOf(offer.name);
  const company = short(offer.member.name);
  const decline = useForm(async () => {
    await live.act('POST', `/v1/links/offers/${release}/decline`);
    return undefined;
  });
  return (
    <li>
      <strong>
        <Name>{words.title(company, app, version)}</Name>
      </strong>
      {installed !== null && <span>{words.update(installed)}</span>}
      {message !== null && (
        <span>
          <Name>{words.says(company)}</Name>{' '}
          <q>
            <Name>{message}</Name>
          </q>
        </span>
      )}
      <small class="muted">
        <When at={at} />. {words.until(until)}
      </small>
      <Failure error={decline.error} />
      <div class="acts">
        <Link to={`/install/${release}`} class="button main">
          <Name>{words.lookAt(app)}</Name>
        </Link>
        <button type="button" aria-disabled={decline.isWorking} aria-label={words.noTo(app)} onClick={decline.submit}>
          {decline.isWorking ? texts.working : words.no}
        </button>
      </div>
    </li>
  );
}

export const OfferLines = ({ live, offers }: { live: Live; offers: readonly OfferGlance[] }) => (
  <ul class="entries">
    {offers.map((offer) => (
      <Offer key={offer.release} live={live} offer={offer} />
    ))}
  </ul>
);

/** Nothing, where nothing is offered. */
export function Offers({ live, links }: { live: Live; links: LinksView | null }) {
  if (!links || links.offers.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="offers">
      <h2 id="offers">{words.section}</h2>
      <OfferLines live={live} offers={links.offers} />
      <p class="hint">{words.told}</p>
    </section>
  );
}

export function ManagerActs({ links }: { links: LinksView | null }) {
  if (!links || links.acts.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="acts">
      <h2 id="acts">{texts.links.acts.section}</h2>
      <ul class="entries">
        {links.acts.map(({ app, name, version, by, at }) => (
          <li key={app}>
            <Link to={`/apps/${app}`}>
              <Name>{texts.links.acts.line(short(by), nameOf(name), version)}</Name>
            </Link>
            <small class="muted">
              <When at={at} />
            </small>
          </li>
        ))}
      </ul>
    </section>
  );
}
