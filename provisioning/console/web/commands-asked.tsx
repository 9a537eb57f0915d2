/** What was asked of a box: who, when, how far it is, what the box answered and what to do about that. */
import { useState } from 'preact/hooks';
import type { CommandState, CommandView } from '#contract/operator-commands.js';
import type { Tone } from './care.js';
import { Mark, When } from './parts.js';
import { texts } from './texts.js';
import { commands as words } from './texts-commands.js';

const tones: Record<CommandState, Tone> = {
  pending: 'unknown',
  sent: 'unknown',
  done: 'good',
  refused: 'attention',
  failed: 'trouble',
  expired: 'attention',
  'waits-for-owner': 'attention',
};
const isOpen = ({ state }: CommandView): boolean =>
  state === 'pending' || state === 'sent' || state === 'waits-for-owner';
const firstShown = 8;

function One({ command, mayRead }: { command: CommandView; mayRead: boolean }) {
  const { id, box, kind, parameters, state, by, issuedAt, sentAt, expiresAt, answer, answeredAt } = command;
  const next = words.next[state];
  const said = words.parameters[kind]?.(parameters);
  return (
    <li>
      <span class="what">
        <strong>{words.kinds[kind].name}</strong>
        {said && <span class="muted"> {said}</span>}
      </span>
      <Mark tone={tones[state]}>{words.states[state]}</Mark>
      <span class="muted by">
        {words.by(by)} <When at={issuedAt} />
        {isOpen(command) && sentAt !== null && (
          <>
            , {words.sentAt} <When at={sentAt} />
          </>
        )}
        {isOpen(command) && (
          <>
            , {words.endsAt} <When at={expiresAt} />
          </>
        )}
      </span>
      <div class="said">
        {answer && (
          <p>
            {words.answer}
            {answeredAt !== null && (
              <span class="muted">
                {' '}
                <When at={answeredAt} />
              </span>
            )}
            : <bdi>{answer.text}</bdi>
          </p>
        )}
        {next && <p class="muted">{next}</p>}
        {answer?.code !== undefined && (
          <p class="muted">
            {command.remedy !== null && `${texts.whatToDo} ${command.remedy}. `}
            <code>{answer.code}</code>
          </p>
        )}
        {command.diagnosticsBytes !== null && mayRead && (
          <a href={`/v1/boxes/${box}/commands/${id}/diagnostics`} download>
            {words.save}
          </a>
        )}
      </div>
    </li>
  );
}

function List(props: { id: string; heading: string; commands: readonly CommandView[]; mayRead: boolean }) {
  const { id, heading, commands, mayRead } = props;
  const [isAll, setAll] = useState(false);
  if (commands.length === 0) return null;
  return (
    <section class="panel" aria-labelledby={id}>
      <h3 id={id}>{heading}</h3>
      <ol class="asked">
        {commands.slice(0, isAll ? undefined : firstShown).map((command) => (
          <One key={command.id} command={command} mayRead={mayRead} />
        ))}
      </ol>
      {!isAll && commands.length > firstShown && (
        <button type="button" class="quiet" onClick={() => setAll(true)}>
          {words.all(commands.length)}
        </button>
      )}
    </section>
  );
}

/** Newest first; what is still open stands above the rest. */
export function Asked({ commands, mayRead }: { commands: readonly CommandView[]; mayRead: boolean }) {
  const [open, ended] = [commands.filter(isOpen), commands.filter((command) => !isOpen(command))];
  return (
    <>
      <List {...{ id: 'asked-open', heading: words.waiting, commands: open, mayRead }} />
      <List {...{ id: 'asked-ended', heading: words.answered, commands: ended, mayRead }} />
    </>
  );
}
