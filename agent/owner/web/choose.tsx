/** Which provider: the cards, what another law means, and the claim code. One page each. */
import { useState } from 'preact/hooks';
import type { DirectoryTerritory } from '#contract/directory.js';
import type { TerritoryList } from '#contract/membership.js';
import type { OwnerView } from '#contract/owner.js';
import { Claim } from './claim.js';
import type { Live } from './live.js';
import { Failure, Mark, Skeleton, Submit, Summary, Title, useForm } from './parts.js';
import { isOwn, placeName } from './places.js';
import { texts } from './texts.js';
import { useAsked } from './use-asked.js';

const words = texts.choose;

function Card(props: { territory: DirectoryTerritory; chosen: boolean; choose: () => void; isCurrent: boolean }) {
  const { territory, chosen, choose, isCurrent } = props;
  const { id, name, jurisdiction, law, provider, standing, reason } = territory;
  const isClosed = standing === 'suspended' || isCurrent;
  return (
    <label class={isClosed ? 'card closed' : 'card'}>
      <input
        type="radio"
        name="territory"
        id={`territory-${id}`}
        checked={chosen}
        disabled={isClosed}
        onChange={choose}
      />
      <span class="inside">
        <strong>{name}</strong>
        <span>
          {words.place}: {placeName(jurisdiction)}
        </span>
        <span>
          {words.law}: {law}
        </span>
        <span>
          {words.provider}: {provider}
        </span>
        {standing === 'suspended' ? (
          <Mark tone="attention">
            {words.suspended}. {reason && words.suspendedWhy(reason)}
          </Mark>
        ) : (
          <Mark tone="good">{isCurrent ? words.current : words.accredited}</Mark>
        )}
      </span>
    </label>
  );
}

/** What another law means, and the yes to it. */
export function Foreign(props: {
  territory: { name: string; law: string; provider: string | null };
  own: string;
  accept: () => void;
  back: () => void;
}) {
  const { territory, own } = props;
  const [isTicked, tick] = useState(false);
  const form = useForm(async () => {
    if (!isTicked) return words.foreignMissing;
    props.accept();
    return undefined;
  });
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field="accept" />
      <Title>{words.foreignTitle}</Title>
      <p>{words.foreignLead(territory.law, placeName(own))}</p>
      <label class="check" for="accept">
        <input
          id="accept"
          type="checkbox"
          checked={isTicked}
          aria-invalid={form.fault ? true : undefined}
          onChange={(event) => tick(event.currentTarget.checked)}
        />
        <span>{words.foreignYes(territory.provider ?? territory.name, placeName(own))}</span>
      </label>
      <div class="acts">
        <Submit isWorking={false}>{words.submit}</Submit>
        <button type="button" onClick={props.back}>
          {texts.back}
        </button>
      </div>
    </form>
  );
}

function Refresh(props: { live: Live; sequence: number | null; refreshed: () => void }) {
  const [isNewest, setNewest] = useState(false);
  const form = useForm(async () => {
    setNewest(false);
    const { sequence } = await props.live.act<TerritoryList>('POST', '/v1/territories/refresh');
    setNewest(sequence === props.sequence);
    props.refreshed();
    return undefined;
  });
  return (
    <>
      <Failure error={form.error} />
      <p role="status">{isNewest && words.newest}</p>
      <button type="button" aria-disabled={form.isWorking} onClick={form.submit}>
        {form.isWorking ? texts.working : words.refresh}
      </button>
    </>
  );
}

function Cards(props: {
  live: Live;
  list: TerritoryList;
  view: OwnerView;
  act: 'election' | 'transfer';
  chosen: string;
  choose: (id: string) => void;
  next: () => void;
  askPlace: (() => void) | undefined;
  refreshed: () => void;
}) {
  const { live, list, view, act, chosen, choose, askPlace } = props;
  const own = view.settings.ownJurisdiction ?? '';
  const form = useForm(async () => {
    if (!list.territories.some(({ id, standing }) => id === chosen && standing !== 'suspended')) return words.missing;
    props.next();
    return undefined;
  });
  const current = act === 'transfer' ? view.membership.current.territory?.id : undefined;
  const assigned = act === 'election' && view.membership.current.phase === 'enrolled' ? view.membership.current : null;
  const byName = [...list.territories].sort((a, b) => a.name.localeCompare(b.name));
  const here = byName.filter(({ jurisdiction }) => isOwn(own, jurisdiction));
  const elsewhere = byName.filter(({ jurisdiction }) => !isOwn(own, jurisdiction));
  const cards = (territories: readonly DirectoryTerritory[]) =>
    territories.map((territory) => (
      <Card
        key={territory.id}
        territory={territory}
        chosen={chosen === territory.id}
        choose={() => choose(territory.id)}
        isCurrent={territory.id === current}
      />
    ));
  const first = [...here, ...elsewhere].find(({ id, standing }) => standing !== 'suspended' && id !== current);
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field={first ? `territory-${first.id}` : 'content'} />
      <Title>{act === 'transfer' ? words.moveTitle : words.title}</Title>
      <p>{words.lead}</p>
      {assigned?.territory && <p class="notice good">{words.assigned(assigned.territory.name)}</p>}
      {list.expired && (
        <div class="notice attention">
          <Mark tone="attention">{words.expired}</Mark>
          <Refresh live={live} sequence={list.sequence} refreshed={props.refreshed} />
        </div>
      )}
      {own && (
        <p>
          {words.you(placeName(own))}{' '}
          {askPlace && (
            <button type="button" class="link" onClick={askPlace}>
              {words.change}
            </button>
          )}
        </p>
      )}
      {list.territories.length === 0 ? (
        <div class="notice unknown">
          <strong>{words.empty}</strong>
          <p>{words.emptyWhat}</p>
          <Refresh live={live} sequence={list.sequence} refreshed={props.refreshed} />
        </div>
      ) : (
        <>
          <fieldset class="cards">
            <legend>{words.own}</legend>
            {here.length === 0 ? <p>{words.none}</p> : cards(here)}
          </fieldset>
          {elsewhere.length > 0 && (
            <fieldset class="cards">
              <legend>{words.foreign}</legend>
              {cards(elsewhere)}
            </fieldset>
          )}
          <Submit isWorking={form.isWorking}>{words.submit}</Submit>
        </>
      )}
    </form>
  );
}

export function Choose(props: {
  live: Live;
  view: OwnerView;
  act: 'election' | 'transfer';
  askPlace?: () => void;
  begun?: () => void;
}) {
  const { live, view, act } = props;
  const asked = useAsked<TerritoryList>('/v1/territories');
  const assigned = view.membership.current.phase === 'enrolled' && act === 'election';
  const [chosen, choose] = useState((assigned && view.membership.current.territory?.id) || '');
  const [page, turn] = useState<'cards' | 'foreign' | 'claim'>('cards');
  const [isAccepted, accept] = useState(false);
  if (!asked.value) return asked.error ? <Failure error={asked.error} /> : <Skeleton />;
  const own = view.settings.ownJurisdiction ?? '';
  const territory = asked.value.territories.find(({ id }) => id === chosen);
  const isForeign = territory !== undefined && !isOwn(own, territory.jurisdiction);
  if (territory && page === 'foreign')
    return (
      <Foreign
        territory={territory}
        own={own}
        accept={() => {
          accept(true);
          turn('claim');
        }}
        back={() => turn('cards')}
      />
    );
  if (territory && page === 'claim') {
    const election = {
      territory: territory.id,
      ownJurisdiction: own,
      ...(isForeign && isAccepted ? { foreignAccepted: true } : {}),
    };
    const isKept = assigned && territory.id === view.membership.current.territory?.id;
    return (
      <Claim
        live={live}
        act={act}
        election={election}
        name={territory.name}
        isKept={isKept}
        back={() => turn('cards')}
        begun={props.begun}
      />
    );
  }
  return (
    <Cards
      live={live}
      list={asked.value}
      view={view}
      act={act}
      chosen={chosen}
      choose={choose}
      next={() => turn(isForeign ? 'foreign' : 'claim')}
      askPlace={props.askPlace}
      refreshed={asked.again}
    />
  );
}
