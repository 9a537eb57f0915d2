/** One company: who they are, what they offer and have here, what they may decide, and the end of it. */

import type { AppsView } from '#contract/owner.js';
import type { LinkGlance } from '#contract/owner-links.js';
import type { LinkProps } from './companies.js';
import type { Live } from './live.js';
import { Maker } from './maker.js';
import { OfferLines } from './offers.js';
import { Failure, Mark, Title, useForm, When } from './parts.js';
import { sayPermission } from './permissions.js';
import { Link, turnTo } from './route.js';
import { Say } from './say.js';
import { texts } from './texts.js';
import { short } from './words-of.js';

const words = texts.links.one;

export function NoCompany() {
  return (
    <div class="page">
      <Title>{words.gone}</Title>
      <p>
        <Link to="/companies" class="button">
          {words.list}
        </Link>
      </p>
    </div>
  );
}

function Managing({ live, link }: { live: Live; link: LinkGlance }) {
  const { id, manager } = link;
  const dismiss = useForm(async () => {
    await live.act('DELETE', `/v1/links/${id}/manager`);
    return undefined;
  });
  return (
    <section class="panel" aria-labelledby="managing">
      <h2 id="managing">{words.manager}</h2>
      {manager ? (
        <>
          <p>
            <Mark tone="attention">{words.may}</Mark>
          </p>
          <ul class="bullets">
            {manager.capabilities.length === 0 && <li>{words.nothing}</li>}
            {manager.capabilities.map((capability) => (
              <li key={capability}>{sayPermission(capability).name}</li>
            ))}
          </ul>
          <p>{words.room(manager.apps, manager.storageMiB, manager.memoryMiB)}</p>
          <p>
            {words.terms} {words.lasts(manager.until)}
          </p>
          <p class="muted">
            {words.appointed} <When at={manager.appointedAt} />.
          </p>
          <Failure error={dismiss.error} />
          <div class="acts">
            <button type="button" aria-disabled={dismiss.isWorking} onClick={dismiss.submit}>
              {dismiss.isWorking ? texts.working : words.dismiss}
            </button>
            <Link to={`/companies/${id}/manager`}>{words.change}</Link>
          </div>
          <p class="hint">{words.dismissed}</p>
        </>
      ) : (
        <>
          <p>{words.notManager}</p>
          {link.member.standing === 'good' && (
            <p>
              <Link to={`/companies/${id}/manager`}>{words.appoint}</Link>
            </p>
          )}
        </>
      )}
    </section>
  );
}

function Ending({ live, link }: { live: Live; link: LinkGlance }) {
  const end = useForm(async () => {
    await live.act('POST', `/v1/links/${link.id}/end`);
    turnTo('/companies');
    return undefined;
  });
  return (
    <form class="panel" onSubmit={end.submit} aria-labelledby="ending">
      <h2 id="ending">{words.end}</h2>
      <p>{words.ends}</p>
      <Failure error={end.error} />
      <p>
        <button type="submit" aria-disabled={end.isWorking}>
          {end.isWorking ? texts.working : words.end}
        </button>
      </p>
    </form>
  );
}

export function Company({ live, view, id }: LinkProps & { view: { apps: AppsView }; id: string }) {
  const link = view.links.links.find((one) => one.id === id);
  if (!link) return <NoCompany />;
  const offers = view.links.offers.filter((offer) => offer.link === id);
  const { member } = link;
  const theirs = view.apps.installed.filter(
    ({ member: its }) => its.id === member.id && its.territory === member.territory,
  );
  return (
    <div class="page wide">
      <Title>{words.title(short(member.name))}</Title>
      <section class="panel" aria-labelledby="offered">
        <h2 id="offered">{words.offers}</h2>
        {offers.length === 0 ? (
          <p class="muted">{texts.links.offers.none}</p>
        ) : (
          <OfferLines live={live} offers={offers} />
        )}
      </section>
      <section class="panel" aria-labelledby="theirs">
        <h2 id="theirs">{words.apps}</h2>
        {theirs.length === 0 && <p class="muted">{words.noApps}</p>}
        <ul class="choices">
          {theirs.map((app) => (
            <li key={app.id}>
              <Link to={`/apps/${app.id}`}>
                <span>
                  <Say words={app.name} />, {texts.apps.version(app.version)}
                </span>
              </Link>
            </li>
          ))}
        </ul>
      </section>
      <Managing live={live} link={link} />
      <Maker member={member} title={words.who} />
      <Ending live={live} link={link} />
    </div>
  );
}
