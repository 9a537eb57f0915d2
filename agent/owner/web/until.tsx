/** For how long: always, or until a day is over. */
import { texts } from './texts.js';

const words = texts.apps.until;

export interface HowLong {
  isDated: boolean;
  /** As a date field has it: `2027-03-05`; empty while none was chosen. */
  last: string;
}
export const always: HowLong = { isDated: false, last: '' };

/** The end of that day where the owner is; undefined for always; a fault in words. */
export function endOf({ isDated, last }: HowLong, now: number): { until?: number } | string {
  if (!isDated) return {};
  const [year, month, day] = last.split('-').map(Number);
  if (!year || !month || !day) return texts.apps.install.dateMissing;
  const until = new Date(year, month - 1, day + 1).getTime();
  return until > now ? { until } : texts.apps.install.datePast;
}

/** What a date field shows for the last day before this moment. */
export function dayOf(until: number): string {
  const day = new Date(until - 1);
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

export function Until(props: {
  id: string;
  of: string;
  value: HowLong;
  set: (value: HowLong) => void;
  fault?: string | undefined;
}) {
  const { id, of, value, set, fault } = props;
  return (
    <div class="until">
      <label for={id}>
        {words.short}
        <span class="unseen">: {of}</span>
      </label>
      <select
        id={id}
        value={value.isDated ? 'date' : 'always'}
        onChange={(event) => set({ ...value, isDated: event.currentTarget.value === 'date' })}
      >
        <option value="always">{words.always}</option>
        <option value="date">{words.date}</option>
      </select>
      {value.isDated && (
        <>
          <label for={`${id}-last`}>
            {words.last}
            <span class="unseen">: {of}</span>
          </label>
          <input
            type="date"
            id={`${id}-last`}
            aria-invalid={fault ? true : undefined}
            min={dayOf(Date.now())}
            value={value.last}
            onInput={(event) => set({ ...value, last: event.currentTarget.value })}
          />
        </>
      )}
    </div>
  );
}
