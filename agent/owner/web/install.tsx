/** One question: this app, by them? All that the answer hangs on is on the page. */
import { useState } from 'preact/hooks';
import type { Capability } from '#contract/capabilities.js';
import type { AppOffer } from '#contract/installed.js';
import type { Manifest } from '#contract/manifest.js';
import type { HomeProps } from './home.js';
import type { Live } from './live.js';
import { Maker } from './maker.js';
import { Details, Failure, Skeleton, Submit, Summary, Title, Trouble, useForm } from './parts.js';
import { cannotDo, isFar, sayPermission } from './permissions.js';
import { isCovered, Plans, useAgreements } from './plans.js';
import { Link, turnTo } from './route.js';
import { Icon, Say } from './say.js';
import { texts } from './texts.js';
import { always, endOf, type HowLong, Until } from './until.js';
import { useAsked } from './use-asked.js';
import { nameOf, short } from './words-of.js';

const words = texts.apps.install;
type Asked = Manifest['capabilities'][number];

/** What it is called, what it means, and the maker's own reason, told as theirs. */
export function Permission({ asked, maker }: { asked: Asked; maker: string }) {
  const { name, what } = sayPermission(asked.capability);
  return (
    <span class="permission">
      <strong class={isFar(asked.capability) ? 'far' : undefined}>{name}</strong>
      <small class="muted">{what}</small>
      <small>
        {words.says(maker)}{' '}
        <q>
          <Say words={asked.reason} />
        </q>
      </small>
    </span>
  );
}

interface Wishes {
  ticked: ReadonlySet<Capability>;
  lengths: ReadonlyMap<Capability, HowLong>;
}

/** Something that is asked for and not allowed yet; only what the app works without has a box to tick. */
function Ask(props: {
  asked: Asked;
  maker: string;
  index: number;
  wishes: Wishes;
  fault: string | undefined;
  set: (wishes: Wishes) => void;
}) {
  const { asked, maker, index, wishes, set, fault } = props;
  const { capability, optional } = asked;
  const isTicked = wishes.ticked.has(capability);
  const id = `permission-${index}`;
  const tick = (on: boolean): void => {
    const ticked = new Set(wishes.ticked);
    if (on) ticked.add(capability);
    else ticked.delete(capability);
    set({ ...wishes, ticked });
  };
  return (
    <li>
      {optional ? (
        <label class="check" for={id}>
          <input id={id} type="checkbox" checked={isTicked} onChange={(event) => tick(event.currentTarget.checked)} />
          <span class="permission">
            <Permission asked={asked} maker={maker} />
            <small class="muted">{words.without}</small>
          </span>
        </label>
      ) : (
        <Permission asked={asked} maker={maker} />
      )}
      {(!optional || isTicked) && (
        <Until
          id={`${id}-until`}
          of={sayPermission(capability).name}
          value={wishes.lengths.get(capability) ?? always}
          fault={fault}
          set={(length) => set({ ...wishes, lengths: new Map(wishes.lengths).set(capability, length) })}
        />
      )}
    </li>
  );
}

function Terms(props: {
  manifest: Manifest;
  maker: string;
  isAccepted: boolean;
  accept: (yes: boolean) => void;
  fault: boolean;
}) {
  const { manifest, maker, isAccepted, accept, fault } = props;
  return (
    <section class="panel" aria-labelledby="terms-title">
      <h2 id="terms-title">{words.terms(maker)}</h2>
      <details>
        <summary>{words.read}</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard */}
        <section class="terms" tabIndex={0} aria-label={words.read}>
          <Say words={manifest.terms} long />
        </section>
      </details>
      <label class="check" for="terms">
        <input
          id="terms"
          type="checkbox"
          checked={isAccepted}
          aria-invalid={fault ? true : undefined}
          onChange={(event) => accept(event.currentTarget.checked)}
        />
        <span>{words.accept(maker)}</span>
      </label>
    </section>
  );
}

function Question({ live, offer }: { live: Live; offer: AppOffer }) {
  const { manifest, member, problem, installed, asks } = offer;
  const [wishes, setWishes] = useState<Wishes>({ ticked: new Set(), lengths: new Map() });
  const [isAccepted, accept] = useState(false);
  const hasPlans = manifest.plans !== undefined;
  const agreements = useAgreements(hasPlans ? manifest.id : null);
  const agreement = agreements.value?.now ?? null;
  const [faulty, setFaulty] = useState('terms');
  const name = nameOf(manifest.name);
  const maker = short(member.name);
  const isUpdate = installed !== null;
  const open = manifest.capabilities.filter(({ capability }) => asks.includes(capability));
  const kept = manifest.capabilities.filter(({ capability }) => !asks.includes(capability));
  const form = useForm(async () => {
    const grants: { capability: Capability; until?: number }[] = [];
    for (const { capability, optional } of open) {
      if (optional && !wishes.ticked.has(capability)) continue;
      const end = endOf(wishes.lengths.get(capability) ?? always, Date.now());
      if (typeof end === 'string') {
        setFaulty(`permission-${open.findIndex((one) => one.capability === capability)}-until-last`);
        return end;
      }
      grants.push({ capability, ...end });
    }
    if (hasPlans && !isCovered(offer, agreement)) {
      setFaulty('agree');
      return texts.terms.missing;
    }
    setFaulty('terms');
    if (!isAccepted) return words.termsMissing;
    const { change } = await live.act<{ change: string }>('POST', '/v1/apps', {
      release: offer.release,
      grants,
      termsAccepted: true,
    });
    live.keepOffer(offer);
    turnTo(`/changes/${change}/${manifest.id}`);
    return undefined;
  });
  const asking = (list: readonly Asked[]) => (
    <ul class="entries">
      {list.map((asked) => {
        const index = open.indexOf(asked);
        return (
          <Ask
            key={asked.capability}
            asked={asked}
            maker={maker}
            index={index}
            wishes={wishes}
            set={setWishes}
            fault={faulty === `permission-${index}-until-last` ? form.fault : undefined}
          />
        );
      })}
    </ul>
  );
  const needs = open.filter(({ optional }) => !optional);
  const likes = open.filter(({ optional }) => optional);
  const title = isUpdate ? words.update(name, manifest.version) : words.title(name, maker);
  const refused = isUpdate ? words.cannotUpdate(name, manifest.version) : words.cannot(name);
  return (
    <form class="page wide" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field={faulty} />
      <Failure error={form.error} />
      <Title>{problem ? refused : title}</Title>
      {problem && <Trouble told={problem} live={false} />}
      <div class="about">
        <Icon name={name} icon={manifest.icon} />
        <div>
          <p>
            <Say words={manifest.summary} />
          </p>
          <p class="muted">
            {name}, {texts.apps.version(manifest.version)}. {offer.source === 'file' && words.fromFile}
          </p>
        </div>
      </div>
      <Maker member={member} title={texts.apps.maker.title} />
      {isUpdate && open.length > 0 && (
        <section class="notice attention">
          <h2>{words.new}</h2>
          <p>{words.newLead(installed)}</p>
        </section>
      )}
      {needs.length > 0 && (
        <section class="panel" aria-labelledby="needs">
          <h2 id="needs">{words.needs}</h2>
          <p class="hint">{words.needsLead}</p>
          {asking(needs)}
        </section>
      )}
      {likes.length > 0 && (
        <section class="panel" aria-labelledby="likes">
          <h2 id="likes">{words.wishes}</h2>
          <p class="hint">{words.wishesLead}</p>
          {asking(likes)}
        </section>
      )}
      {open.length === 0 && <p>{isUpdate ? words.nothingNew : words.nothing}</p>}
      {kept.length > 0 && (
        <section class="panel" aria-labelledby="kept">
          <h2 id="kept">{words.has}</h2>
          <p class="hint">{words.hasLead}</p>
          <ul class="entries">
            {kept.map((asked) => (
              <li key={asked.capability}>
                <Permission asked={asked} maker={maker} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <section class="panel" aria-labelledby="cannot">
        <h2 id="cannot">{words.can}</h2>
        <ul class="bullets">
          {cannotDo(manifest.capabilities.map(({ capability }) => capability)).map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      </section>
      <section class="panel" aria-labelledby="size">
        <h2 id="size">{words.size}</h2>
        <p>{words.download(offer.missingBytes, offer.sizeBytes)}</p>
        <p>{words.may(manifest.resources.memoryMiB, manifest.resources.storageMiB)}</p>
        <Details summary={texts.details}>
          <p>
            {texts.apps.app.technical.id} <code>{manifest.id}</code>
          </p>
          <p>
            {texts.apps.app.technical.release} <code>{offer.release}</code>
          </p>
        </Details>
      </section>
      {!problem && hasPlans && agreements.value && (
        <Plans
          live={live}
          offer={offer}
          agreement={agreement}
          again={agreements.again}
          fault={form.fault === texts.terms.missing}
        />
      )}
      {!problem && (
        <Terms
          manifest={manifest}
          maker={maker}
          isAccepted={isAccepted}
          accept={accept}
          fault={form.fault === words.termsMissing}
        />
      )}
      <div class="acts">
        {problem?.code === 'succession-undecided' && (
          <Link to={`/apps/${manifest.id}/succession`} class="button main">
            {texts.apps.succession.decide}
          </Link>
        )}
        {!problem && <Submit isWorking={form.isWorking}>{isUpdate ? words.submitUpdate : words.submit}</Submit>}
        <Link to={isUpdate ? `/apps/${manifest.id}` : '/apps/get'} class="button">
          {problem ? texts.back : words.no}
        </Link>
      </div>
    </form>
  );
}

export function Install({ live, state, release }: HomeProps & { release: string }) {
  // What was uploaded is shown as it was answered; anything else the box looks up and verifies anew.
  const held = state.offer?.release === release && state.offer.source === 'file' ? state.offer : undefined;
  return held ? <Question live={live} offer={held} /> : <Looked live={live} release={release} />;
}

function Looked({ live, release }: { live: Live; release: string }) {
  const asked = useAsked<AppOffer>(`/v1/offers/${encodeURIComponent(release)}`);
  if (asked.value) return <Question live={live} offer={asked.value} />;
  if (!asked.error) return <Skeleton />;
  return (
    <div class="page">
      <Title>{words.gone}</Title>
      <Failure error={asked.error} />
      <p class="acts">
        <button type="button" onClick={asked.again}>
          {texts.apps.browse.again}
        </button>
        <Link to="/apps/get" class="button">
          {texts.apps.get}
        </Link>
      </p>
    </div>
  );
}
