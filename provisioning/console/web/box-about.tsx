/** Whose box it is and where it stands, as the operator says. */
import { useState } from 'preact/hooks';
import type { BoxDetail } from '#contract/operator.js';
import { call } from './api.js';
import { tableAddress } from './fleet-address.js';
import type { Live } from './live.js';
import { may } from './may.js';
import { Failure } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';

const words = texts.about;

function Said({ box }: { box: BoxDetail }) {
  return (
    <>
      <div>
        <dt>{words.label}</dt>
        <dd>{box.label === undefined ? <span class="muted">{words.none}</span> : <bdi>{box.label}</bdi>}</dd>
      </div>
      <div>
        <dt>{words.place}</dt>
        <dd>
          {box.place === undefined ? (
            <span class="muted">{words.none}</span>
          ) : (
            <Link to={tableAddress({ place: [box.place] })}>{box.place}</Link>
          )}
        </dd>
      </div>
    </>
  );
}

export function BoxAbout({ box, live, done }: { box: BoxDetail; live: Live; done: () => void }) {
  const [isOpen, setOpen] = useState(false);
  const [label, setLabel] = useState('');
  const [place, setPlace] = useState('');
  const [isWorking, setWorking] = useState(false);
  const [error, setError] = useState<unknown>();

  function open(): void {
    setLabel(box.label ?? '');
    setPlace(box.place ?? '');
    setError(undefined);
    setOpen(true);
  }

  async function save(event: Event): Promise<void> {
    event.preventDefault();
    if (isWorking) return;
    setWorking(true);
    setError(undefined);
    try {
      const body = { label: label.trim() || null, place: place.trim() || null };
      await live.watch(call('PUT', `/v1/boxes/${box.id}/about`, { body }));
      setOpen(false);
      done();
    } catch (refused) {
      setError(refused);
    } finally {
      setWorking(false);
    }
  }

  return (
    <section class="panel about" aria-label={words.heading}>
      {!isOpen && (
        <>
          <dl>
            <Said box={box} />
          </dl>
          {may(live, 'operator') && (
            <button type="button" onClick={open}>
              {words.edit}
            </button>
          )}
        </>
      )}
      {isOpen && (
        <form class="fields" onSubmit={(event) => void save(event)} noValidate>
          <div>
            <label for="about-label">{words.label}</label>
            <input
              id="about-label"
              ref={(element) => void (!isWorking && document.activeElement?.id !== 'about-place' && element?.focus())}
              type="text"
              maxLength={200}
              autocomplete="off"
              value={label}
              onInput={(event) => setLabel(event.currentTarget.value)}
            />
          </div>
          <div>
            <label for="about-place">{words.place}</label>
            <input
              id="about-place"
              type="text"
              maxLength={100}
              autocomplete="off"
              value={place}
              onInput={(event) => setPlace(event.currentTarget.value)}
            />
          </div>
          <div class="acts">
            <button type="submit" class="main" aria-disabled={isWorking}>
              {isWorking ? words.saving : words.save}
            </button>
            <button type="button" class="quiet" onClick={() => setOpen(false)}>
              {words.cancel}
            </button>
          </div>
        </form>
      )}
      {error !== undefined && <Failure error={error} />}
    </section>
  );
}
