import type { FleetEvent } from '#contract/operator.js';
import type { Tone } from './care.js';
import { Mark, When } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';

const tones: Record<string, Tone> = {
  enrolled: 'good',
  renewed: 'good',
  online: 'good',
  offline: 'attention',
  refused: 'trouble',
  revoked: 'attention',
  superseded: 'attention',
  leaving: 'attention',
  'admission-asked': 'attention',
  'admission-approved': 'good',
  gap: 'attention',
};

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Newest first. */
export function EventList(props: { events: readonly FleetEvent[]; empty: string; ofOneBox?: boolean }) {
  if (props.events.length === 0) return <p class="panel empty">{props.empty}</p>;
  return (
    <ol class="events panel" reversed>
      {[...props.events].reverse().map((event) => (
        <li key={event.id}>
          <span class="when">
            <When at={event.at} />
          </span>
          <Mark tone={tones[event.type] ?? 'unknown'}>{texts.events.types[event.type] ?? event.type}</Mark>
          <div>
            <p>
              {sentence(event.text)}{' '}
              {!props.ofOneBox && event.box !== null && <Link to={`/boxes/${event.box}`}>{event.box}</Link>}
            </p>
            {event.remedy && (
              <p class="muted">
                {texts.whatToDo} {event.remedy}. {event.code && <code>{event.code}</code>}
              </p>
            )}
          </div>
        </li>
      ))}
    </ol>
  );
}
