import { useState } from 'preact/hooks';
import type { CreatedOperator, Operator, Role } from '#contract/operators.js';
import { call } from './api.js';
import { Asking } from './asking.js';
import type { Live } from './live.js';
import { Failure, Skeleton, Title, useAsked, When } from './parts.js';
import { SecretOnce } from './secret-once.js';
import { texts } from './texts.js';

const words = texts.operators;
const roles = Object.keys(words.roles) as Role[];

function RoleChoice(props: { id: string; label: string; value: Role; choose: (role: Role) => void }) {
  return (
    <select
      id={props.id}
      aria-label={props.label}
      value={props.value}
      onChange={(event) => props.choose(event.currentTarget.value as Role)}
    >
      {roles.map((role) => (
        <option key={role} value={role}>
          {words.roles[role]}
        </option>
      ))}
    </select>
  );
}

function Row(props: {
  operator: Operator;
  act: (path: string, body?: unknown) => Promise<void>;
  remove: () => Promise<void>;
}) {
  const { operator, act, remove } = props;
  const { name, role, builtIn, secretAt } = operator;
  const [error, setError] = useState<unknown>();
  const { reset, resetAsk, resetYes, keep } = words;
  return (
    <li>
      <strong>{name}</strong>
      {builtIn ? (
        <span>{words.roles[role]}</span>
      ) : (
        <RoleChoice
          id={`role-${name}`}
          label={words.roleOf(name)}
          value={role}
          choose={(next) => void act(`${name}/role`, { role: next }).catch(setError)}
        />
      )}
      <span class="muted">
        {builtIn ? (
          words.first
        ) : (
          <>
            {words.since} {secretAt !== null && <When at={secretAt} />}
          </>
        )}
      </span>
      <span class="row-buttons">
        <Asking
          words={{ act: reset, named: words.resetNamed(name), ask: resetAsk, yes: resetYes, no: keep }}
          act={() => act(`${name}/reset`)}
        />
        {!builtIn && (
          <Asking
            words={{
              ...{ act: words.remove, named: words.removeNamed(name), ask: words.removeAsk },
              ...{ yes: words.removeYes, no: keep },
            }}
            act={remove}
          />
        )}
      </span>
      {error !== undefined && <Failure error={error} />}
    </li>
  );
}

function Add(props: { add: (name: string, role: Role) => Promise<void> }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('operator');
  const [error, setError] = useState<unknown>();
  const submit = (event: Event) => {
    event.preventDefault();
    props.add(name.trim(), role).then(() => {
      setName('');
      setError(undefined);
    }, setError);
  };
  return (
    <form class="panel create" onSubmit={submit}>
      <h2>{words.add}</h2>
      {error !== undefined && <Failure error={error} />}
      <div class="fields">
        <div>
          <label for="name">{words.name}</label>
          <p class="hint" id="name-hint">
            {words.nameHint}
          </p>
          <input
            id="name"
            type="text"
            maxLength={32}
            autocomplete="off"
            autocapitalize="none"
            aria-describedby="name-hint"
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </div>
        <div>
          <label for="role">{words.role}</label>
          <RoleChoice id="role" label={words.role} value={role} choose={setRole} />
        </div>
        <button type="submit" class="main">
          {words.submit}
        </button>
      </div>
    </form>
  );
}

export function OperatorsPage({ live }: { live: Live }) {
  const asked = useAsked('operators', () => live.watch(call<Operator[]>('GET', '/v1/operators')));
  const [created, setCreated] = useState<CreatedOperator>();
  const { value: operators, again } = asked;

  /** Whatever comes back with a secret is shown. */
  async function post(path: string, body?: unknown): Promise<void> {
    const answer = await live.watch(call<Operator | CreatedOperator>('POST', `/v1/operators${path}`, { body }));
    if ('secret' in answer) setCreated(answer);
    again();
  }
  return (
    <>
      <Title page={words.pageTitle}>{operators ? words.summary(operators.length) : words.asking}</Title>
      <p class="lead">{words.lead}</p>
      {asked.error !== undefined && live.state.reachable && <Failure error={asked.error} />}
      {created ? (
        <SecretOnce
          {...{ title: words.secret(created.name), once: words.once, secret: created.secret, hide: words.done }}
          done={() => setCreated(undefined)}
        />
      ) : (
        <Add add={(name, role) => post('', { name, role })} />
      )}
      {operators ? (
        <ul class="rows panel">
          {operators.map((operator) => (
            <Row
              key={operator.name}
              operator={operator}
              act={(path, body) => post(`/${path}`, body)}
              remove={async () => {
                await live.watch(call('DELETE', `/v1/operators/${operator.name}`));
                again();
              }}
            />
          ))}
        </ul>
      ) : (
        <Skeleton lines={3} />
      )}
    </>
  );
}
