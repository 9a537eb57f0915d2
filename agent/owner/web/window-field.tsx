/** At which hours the box may do something: the usual ones, and the one that is set if it is another. */
import { sayWindow, usualWindows } from './window.js';

export function WindowField({
  say,
  value,
  set,
}: {
  say: { window: string; always: string; between: (from: string, to: string) => string };
  /** A key of `window.ts`; empty for always. */
  value: string;
  set: (value: string) => void;
}) {
  const windows = [...new Set([...usualWindows, ...(value === '' ? [] : [value])])];
  return (
    <div class="field">
      <label for="window">{say.window}</label>
      <select id="window" value={value} onChange={({ currentTarget }) => set(currentTarget.value)}>
        <option value="">{say.always}</option>
        {windows.map((one) => (
          <option key={one} value={one}>
            {sayWindow(one, say.between)}
          </option>
        ))}
      </select>
    </div>
  );
}
