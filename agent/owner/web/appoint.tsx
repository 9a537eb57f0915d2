/** A company may decide for the owner: what that means is said first, and a word is typed. */
import { useState } from 'preact/hooks';
import type { Capability } from '#contract/capabilities.js';
import type { LinkGlance } from '#contract/owner-links.js';
import type { LinkProps } from './companies.js';
import { NoCompany } from './company.js';
import type { Live } from './live.js';
import { Failure, Field, Mark, Submit, Summary, Title, useForm } from './parts.js';
import { plainOnes, sayPermission } from './permissions.js';
import { Link, turnTo } from './route.js';
import { texts } from './texts.js';
import { always, dayOf, endOf, type HowLong, Until } from './until.js';
import { short } from './words-of.js';

const words = texts.links.appoint;
/** As the box wants it typed: contract/owner-links.ts, which would bring a validator into the page. */
const word = 'manager';
const plain: readonly Capability[] = plainOnes;
const egress = 'network.egress:';
const host =
  /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?(?::[1-9][0-9]{0,4})?$/;
const usual = { apps: 5, storageMB: 1000, memoryMB: 512 };

const hostsIn = (text: string): string[] => [
  ...new Set(
    text
      .toLowerCase()
      .split(/[\s,]+/)
      .filter(Boolean),
  ),
];
const numberIn = (text: string): number | undefined => (/^[1-9]\d{0,5}$/.test(text.trim()) ? Number(text) : undefined);
const inMiB = (megabytes: number): number => Math.max(16, Math.round((megabytes * 1e6) / 2 ** 20));
const inMB = (mebibytes: number): string => String(Math.round((mebibytes * 2 ** 20) / 1e6));

function Question({ live, link }: { live: Live; link: LinkGlance }) {
  const { id, manager } = link;
  const name = short(link.member.name);
  const held = manager?.capabilities ?? [];
  const [ticked, setTicked] = useState<ReadonlySet<Capability>>(new Set(held.filter((one) => plain.includes(one))));
  const [hosts, setHosts] = useState(
    held.flatMap((one) => (one.startsWith(egress) ? [one.slice(egress.length)] : [])).join('\n'),
  );
  const [apps, setApps] = useState(String(manager?.apps ?? usual.apps));
  const [storage, setStorage] = useState(manager ? inMB(manager.storageMiB) : String(usual.storageMB));
  const [memory, setMemory] = useState(manager ? inMB(manager.memoryMiB) : String(usual.memoryMB));
  const [length, setLength] = useState<HowLong>(
    manager?.until ? { isDated: true, last: dayOf(manager.until) } : always,
  );
  const [typed, setTyped] = useState('');
  const [faulty, setFaulty] = useState('');
  const form = useForm(async () => {
    const fault = (field: string, text: string): string => {
      setFaulty(field);
      return text;
    };
    const named = hostsIn(hosts);
    const wrong = named.find((one) => !host.test(one));
    if (wrong !== undefined) return fault('hosts', words.hostWrong(wrong));
    const numbers = { apps: numberIn(apps), storage: numberIn(storage), memory: numberIn(memory) };
    if (numbers.apps === undefined) return fault('apps', words.numberWrong(words.apps));
    if (numbers.storage === undefined) return fault('storage', words.numberWrong(words.storage));
    if (numbers.memory === undefined) return fault('memory', words.numberWrong(words.memory));
    const end = endOf(length, Date.now());
    if (typeof end === 'string') return fault('length-last', end);
    if (typed.trim() !== word) return fault('word', words.mismatch(word));
    await live.act('PUT', `/v1/links/${id}/manager`, {
      capabilities: [...plain.filter((one) => ticked.has(one)), ...named.map((one) => `${egress}${one}`)],
      apps: numbers.apps,
      storageMiB: inMiB(numbers.storage),
      memoryMiB: inMiB(numbers.memory),
      ...end,
      word: typed,
    });
    turnTo(`/companies/${id}`);
    return undefined;
  });
  const faultOf = (field: string) => (faulty === field ? form.fault : undefined);
  const tick = (capability: Capability, on: boolean): void => {
    const next = new Set(ticked);
    if (on) next.add(capability);
    else next.delete(capability);
    setTicked(next);
  };
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field={faulty} />
      <Failure error={form.error} />
      <Title>{words.title(name)}</Title>
      <section class="notice trouble">
        <h2>{words.means}</h2>
        <ul class="bullets">
          {words.meaning(name).map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      </section>
      <p>{words.never}</p>
      <section class="panel" aria-labelledby="may">
        <h2 id="may">{words.permissions}</h2>
        {plain.map((capability) => {
          const { name: called, what } = sayPermission(capability);
          return (
            <label class="check" key={capability} for={`may-${capability}`}>
              <input
                id={`may-${capability}`}
                type="checkbox"
                checked={ticked.has(capability)}
                onChange={(event) => tick(capability, event.currentTarget.checked)}
              />
              <span class="permission">
                <strong>{called}</strong>
                <small class="muted">{what}</small>
              </span>
            </label>
          );
        })}
        <div class="field">
          <label for="hosts">{words.hosts}</label>
          <p class="hint" id="hosts-hint">
            {words.hostsHint}
          </p>
          {faultOf('hosts') && (
            <p class="fault" id="hosts-fault">
              <Mark tone="trouble">{faultOf('hosts')}</Mark>
            </p>
          )}
          <textarea
            id="hosts"
            rows={3}
            maxLength={1500}
            spellcheck={false}
            autocapitalize="none"
            value={hosts}
            aria-describedby={`hosts-hint${faultOf('hosts') ? ' hosts-fault' : ''}`}
            aria-invalid={faultOf('hosts') ? true : undefined}
            onInput={(event) => setHosts(event.currentTarget.value)}
          />
        </div>
      </section>
      <section class="panel" aria-labelledby="room">
        <h2 id="room">{words.room}</h2>
        <Field id="apps" label={words.apps} fault={faultOf('apps')} value={apps} set={setApps} class="short" />
        <Field
          id="storage"
          label={words.storage}
          fault={faultOf('storage')}
          value={storage}
          set={setStorage}
          class="short"
        />
        <Field
          id="memory"
          label={words.memory}
          fault={faultOf('memory')}
          value={memory}
          set={setMemory}
          class="short"
        />
        <Until id="length" of={name} value={length} set={setLength} fault={faultOf('length-last')} />
      </section>
      <Field id="word" label={words.type(word)} fault={faultOf('word')} value={typed} set={setTyped} maxLength={40} />
      <div class="acts">
        <Submit isWorking={form.isWorking} dangerous>
          {words.submit}
        </Submit>
        <Link to={`/companies/${id}`} class="button">
          {words.no}
        </Link>
      </div>
    </form>
  );
}

export function Appoint({ live, view, id }: LinkProps & { id: string }) {
  const link = view.links.links.find((one) => one.id === id);
  return link ? <Question live={live} link={link} /> : <NoCompany />;
}
