import { useState } from 'preact/hooks';
import type { TerritoryList } from '#contract/membership.js';
import type { Live } from './live.js';
import { Failure, Field, Submit, Summary, Title, useForm } from './parts.js';
import { countries, findCountries } from './places.js';
import { texts } from './texts.js';
import { useAsked } from './use-asked.js';

const words = texts.place;
const shown = 6;

/** Stated by the owner, never guessed: nothing is filled in from the browser's language or the time zone. */
export function Place(props: { live: Live; own: string | null; done: () => void }) {
  const [before = '', beforePart = ''] = (props.own ?? '').split('-');
  const [text, setText] = useState(countries.find(({ code }) => code === before)?.name ?? '');
  const [chosen, choose] = useState(before);
  const [part, setPart] = useState(beforePart);
  const listed = useAsked<TerritoryList>('/v1/territories');
  const found = findCountries(text);
  const options = found.slice(0, shown);
  const country = countries.find(({ code }) => code === chosen && options.some((one) => one.code === code));
  const parts = [
    ...new Set(
      (listed.value?.territories ?? []).flatMap(({ jurisdiction }) => {
        const [of, its] = jurisdiction.split('-');
        return of === country?.code && its ? [its] : [];
      }),
    ),
  ].sort();
  const [partFault, setPartFault] = useState<string>();
  const form = useForm(async () => {
    setPartFault(undefined);
    if (!country) return words.choose;
    const its = part.trim().toUpperCase();
    if (its !== '' && !/^[A-Z0-9]{1,3}$/.test(its)) {
      setPartFault(words.partFault);
      return words.partFault;
    }
    await props.live.act('PUT', '/v1/jurisdiction', { jurisdiction: its ? `${country.code}-${its}` : country.code });
    props.done();
    return undefined;
  });
  const countryFault = partFault ? undefined : form.fault;
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field={partFault ? 'part' : 'country'} />
      <Failure error={form.error} />
      <Title>{words.title}</Title>
      <p>{words.lead}</p>
      <Field
        id="country"
        label={words.country}
        hint={words.countryHint}
        fault={countryFault}
        value={text}
        autocomplete="off"
        set={(value) => {
          setText(value);
          const only = findCountries(value);
          choose(only.length === 1 ? (only[0]?.code ?? '') : '');
        }}
      />
      <p class="hint" role="status">
        {text.trim() !== '' && words.matches(found.length)}
      </p>
      {options.length > 0 && (
        <fieldset class="options">
          <legend class="unseen">{words.choose}</legend>
          {options.map(({ code, name }) => (
            <label key={code}>
              <input type="radio" name="country" checked={chosen === code} onChange={() => choose(code)} />
              <span>{name}</span>
            </label>
          ))}
        </fieldset>
      )}
      {country && (
        <Field
          id="part"
          label={words.part}
          hint={words.partHint(country.name)}
          fault={partFault}
          value={part}
          set={setPart}
          autocomplete="off"
          autocapitalize="characters"
          maxLength={3}
          class="short codes"
        />
      )}
      {country && parts.length > 0 && (
        <div class="acts">
          <span class="hint">{words.known}</span>
          {parts.map((code) => (
            <button key={code} type="button" onClick={() => setPart(code)}>
              {code}
            </button>
          ))}
        </div>
      )}
      <Submit isWorking={form.isWorking}>{words.submit}</Submit>
    </form>
  );
}
