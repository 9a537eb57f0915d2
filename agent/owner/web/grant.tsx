/** One permission of an app that is installed: allowed or not, until when, and the way to the other. */
import { useState } from 'preact/hooks';
import type { Capability } from '#contract/capabilities.js';
import type { Grant } from '#contract/installed.js';
import type { Words } from '#contract/manifest.js';
import { Permission } from './install.js';
import type { Live } from './live.js';
import { Failure, Mark, Summary, useForm, When } from './parts.js';
import { sayPermission } from './permissions.js';
import { texts } from './texts.js';
import { always, dayOf, endOf, type HowLong, Until } from './until.js';

const words = texts.apps.app;

export interface Askable {
  capability: Capability;
  reason?: Words;
  optional?: boolean;
}

export function GrantRow(props: {
  live: Live;
  app: string;
  maker: string;
  asked: Askable;
  grant: Grant | undefined;
  index: number;
}) {
  const { live, app, maker, asked, grant, index } = props;
  const { capability, reason } = asked;
  const { name, what } = sayPermission(capability);
  const address = `/v1/apps/${app}/grants`;
  const id = `grant-${index}`;
  const held: HowLong = grant?.until ? { isDated: true, last: dayOf(grant.until) } : always;
  const [length, setLength] = useState<HowLong>();
  const give = useForm(async () => {
    const end = endOf(length ?? always, Date.now());
    if (typeof end === 'string') return end;
    await live.act('PUT', address, { capability, ...end });
    setLength(undefined);
    return undefined;
  });
  const take = useForm(async () => {
    await live.act('DELETE', address, { capability });
    return undefined;
  });
  return (
    <li class="grant">
      {reason ? (
        <Permission asked={{ capability, reason }} maker={maker} />
      ) : (
        <span class="permission">
          <strong>{name}</strong>
          <small class="muted">{what}</small>
          <small>{words.noMore}</small>
        </span>
      )}
      <p role="status">
        <Mark tone={grant ? 'good' : asked.optional ? 'unknown' : 'attention'}>
          {grant ? words.allowed : words.notAllowed}
          {grant && grant.until !== null && ` ${texts.apps.until.ends(grant.until)}`}
          {grant && (
            <small class="muted">
              {' '}
              (<When at={grant.grantedAt} />)
            </small>
          )}
        </Mark>
      </p>
      {!grant && reason && !asked.optional && <p class="hint">{words.needed}</p>}
      <Summary fault={give.fault} field={`${id}-last`} />
      <Failure error={give.error ?? take.error} />
      {length ? (
        <form class="page" onSubmit={give.submit} noValidate>
          <Until id={id} of={name} value={length} set={setLength} fault={give.fault} />
          <div class="acts">
            <button type="submit" aria-disabled={give.isWorking}>
              {give.isWorking ? texts.working : grant ? words.save : words.give}
              <span class="unseen"> {name}</span>
            </button>
            <button type="button" onClick={() => setLength(undefined)}>
              {words.cancel}
            </button>
          </div>
        </form>
      ) : (
        <div class="acts">
          {grant && (
            <button
              type="button"
              aria-disabled={take.isWorking}
              aria-label={words.takeBackOf(name)}
              onClick={take.submit}
            >
              {take.isWorking ? texts.working : words.takeBack}
            </button>
          )}
          {reason && (
            <button
              type="button"
              aria-label={grant ? words.changeOf(name) : words.giveOf(name)}
              onClick={() => setLength(held)}
            >
              {grant ? words.change : words.give}
            </button>
          )}
        </div>
      )}
    </li>
  );
}
