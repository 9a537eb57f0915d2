/** The page about the network: which it is, which Wi-Fi there are, and what happens when another is tried. */
import { useEffect, useState } from 'preact/hooks';
import type { NetworkView, WifiSeen } from '#contract/network.js';
import type { OwnerState } from '#contract/owner.js';
import { ssidOf } from '#contract/ssid.js';
import type { Live } from './live.js';
import {
  Details,
  Failure,
  Field,
  Mark,
  Passphrase,
  Skeleton,
  Submit,
  Summary,
  Title,
  Trouble,
  useForm,
} from './parts.js';
import { texts } from './texts.js';
import { useAsked } from './use-asked.js';

const words = texts.network;
type Wifi = NonNullable<NetworkView['wifi']>;

const askAgainMilliseconds = 3000;
/** No SSID in hex is called so. */
const hidden = 'hidden';

function titleOf({ wired, wifi }: NetworkView, isOwner: boolean): string {
  const { title } = words;
  if (!wifi) return wired ? title.wired : title.noWifi;
  if (wired) return title.wired;
  if (wifi.isJoined) return title.joined(wifi.known?.name ?? '');
  if (!isOwner) return title.choose;
  return wifi.known ? title.away(wifi.known.name) : title.none;
}

/** Said before, because the phone that asks may lose the box by it. */
function Next({ own, address }: { own: string | undefined; address: string }) {
  const { section, leaves, back, failed, tries, moves } = words.next;
  const steps = own === undefined ? [tries, moves(address)] : [leaves(own), back(address), failed(own)];
  return (
    <section class="panel" aria-labelledby="then">
      <h2 id="then">{section}</h2>
      <ol>
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
    </section>
  );
}

function Choice(props: { one: WifiSeen; chosen: boolean; choose: () => void }) {
  const { ssid, name, signal, security } = props.one;
  const isClosed = security === 'unsupported';
  return (
    <label class={isClosed ? 'card closed' : 'card'}>
      <input
        type="radio"
        name="wifi"
        id={`wifi-${ssid}`}
        checked={props.chosen}
        disabled={isClosed}
        onChange={props.choose}
      />
      <span class="inside">
        <strong>{name}</strong>
        <span>{words.strength(signal)}</span>
        <span>{words.security[security]}</span>
      </span>
    </label>
  );
}

function Choose(props: { live: Live; wifi: Wifi; address: string; asked: (name: string) => void; again: () => void }) {
  const { live, wifi, asked } = props;
  const [chosen, choose] = useState(wifi.last?.problem ? wifi.last.ssid : '');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [field, setField] = useState('');
  const seen = wifi.seen.find(({ ssid }) => ssid === chosen);
  const isHidden = chosen === hidden;
  const look = useForm(async () => {
    await live.act('POST', '/v1/network/look');
    props.again();
    return undefined;
  });
  const form = useForm(async () => {
    const fault = (where: string, what: string): string => {
      setField(where);
      return what;
    };
    if (!seen && !isHidden) return fault(`wifi-${wifi.seen[0]?.ssid ?? hidden}`, words.missing);
    if (isHidden && name === '') return fault('wifi-name', words.nameMissing);
    const ssid = isHidden ? ssidOf(name) : chosen;
    if (ssid === undefined) return fault('wifi-name', words.nameLong);
    if (seen?.security === 'password' && password === '') return fault('wifi-password', words.passwordMissing);
    const passphrase = seen?.security === 'open' || password === '' ? null : password;
    asked(seen?.name ?? name);
    try {
      await live.act('PUT', '/v1/network/wifi', { ssid, passphrase, hidden: isHidden });
    } catch (error) {
      asked('');
      throw error;
    }
    setPassword('');
    return undefined;
  });
  const faultAt = (where: string) => (field === where ? form.fault : undefined);
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field={field} />
      <Failure error={form.error} />
      <Failure error={look.error} />
      <fieldset class="cards">
        <legend>{words.list}</legend>
        {wifi.seen.length === 0 && <p>{words.noList}</p>}
        {wifi.seen.map((one) => (
          <Choice key={one.ssid} one={one} chosen={chosen === one.ssid} choose={() => choose(one.ssid)} />
        ))}
        <label class="card">
          <input type="radio" name="wifi" id={`wifi-${hidden}`} checked={isHidden} onChange={() => choose(hidden)} />
          <span class="inside">
            <strong>{words.hidden}</strong>
          </span>
        </label>
      </fieldset>
      <button type="button" aria-disabled={look.isWorking} onClick={look.submit}>
        {look.isWorking ? texts.working : words.again}
      </button>
      {isHidden && (
        <Field
          id="wifi-name"
          label={words.hiddenName}
          hint={words.hiddenHint}
          fault={faultAt('wifi-name')}
          value={name}
          set={setName}
          maxLength={32}
        />
      )}
      {(isHidden || seen?.security === 'password') && (
        <Passphrase
          id="wifi-password"
          label={words.password}
          hint={words.passwordHint}
          fault={faultAt('wifi-password')}
          value={password}
          set={setPassword}
        />
      )}
      <Next own={wifi.accessPoint?.name} address={props.address} />
      <Submit isWorking={form.isWorking}>{words.submit}</Submit>
    </form>
  );
}

function Known({ live, wifi, mayForget, again }: { live: Live; wifi: Wifi; mayForget: boolean; again: () => void }) {
  const form = useForm(async () => {
    await live.act('DELETE', '/v1/network/wifi');
    again();
    return undefined;
  });
  return (
    <>
      <dl>
        <dt>{words.known}</dt>
        <dd>{wifi.known?.name ?? words.nothingKnown}</dd>
      </dl>
      <Failure error={form.error} />
      {wifi.known && mayForget && (
        <button type="button" aria-disabled={form.isWorking} onClick={form.submit}>
          {form.isWorking ? texts.working : words.forget}
        </button>
      )}
    </>
  );
}

function Trying(props: { name: string; own: string | undefined; address: string }) {
  return (
    <div class="page">
      <Title>{words.title.trying(props.name)}</Title>
      <p role="status">{texts.working}</p>
      <Next own={props.own} address={props.address} />
    </div>
  );
}

/** Without an owner it is the first step of the setup: the label's code was proved, and the box has no network yet. */
export function Network(props: { live: Live; known: OwnerState; version: number; isOwner?: boolean }) {
  const { live, known, version, isOwner = false } = props;
  const found = useAsked<NetworkView>('/v1/network', version);
  const [asked, setAsked] = useState('');
  const [own, setOwn] = useState<string>();
  const { value: told } = found;
  const wifi = told?.wifi;
  const isTrying = wifi?.trying ? true : asked !== '' && found.error !== undefined;
  useEffect(() => {
    // Who has no stream of events asks again; and while it is tried, nobody has one that lasts.
    if (isOwner && asked === '' && !isTrying) return;
    const timer = setInterval(() => found.again(), askAgainMilliseconds);
    return () => clearInterval(timer);
  }, [isOwner, asked, isTrying]);
  useEffect(() => {
    if (wifi?.accessPoint) setOwn(wifi.accessPoint.name);
    if (!wifi || wifi.trying || found.error !== undefined || !wifi.last) return;
    setAsked('');
    if (!isOwner) void live.load(); // with a network the setup goes on
  }, [told, found.error]);
  if (!told)
    return (
      <div class="page">
        <Title>{isOwner ? words.link : words.title.choose}</Title>
        {found.error === undefined ? <Skeleton /> : <Failure error={found.error} />}
      </div>
    );
  const name = wifi?.trying?.name ?? asked;
  if (isTrying || (asked !== '' && !wifi?.last)) return <Trying name={name} own={own} address={known.address} />;
  const chooser = wifi && (
    <Choose live={live} wifi={wifi} address={known.address} asked={setAsked} again={found.again} />
  );
  return (
    <div class="page">
      <Title>{titleOf(told, isOwner)}</Title>
      {wifi?.last?.problem && (
        <>
          <p>{words.failed(wifi.last.name)}</p>
          <Trouble told={wifi.last.problem} tone="attention" />
        </>
      )}
      {!wifi && <p>{words.lead.noWifi}</p>}
      {wifi && told.wired && <p>{words.lead.wired}</p>}
      {wifi && isOwner && <Known live={live} wifi={wifi} mayForget={told.wired} again={found.again} />}
      {wifi && !isOwner && <p>{words.lead.choose}</p>}
      {isOwner && wifi?.isJoined && !wifi.last?.problem ? <Details summary={words.change}>{chooser}</Details> : chooser}
      {wifi?.isJoined && <Mark tone="good">{words.title.joined(wifi.known?.name ?? '')}</Mark>}
    </div>
  );
}
