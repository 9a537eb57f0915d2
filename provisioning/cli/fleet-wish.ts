/** Which boxes a command means, and in which order: read once from the command line. */
import { FleetQuery } from '#contract/fleet.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { flag, text } from './arguments.js';

const texts = { type: 'string', multiple: true } as const;

export const filter = {
  ...{ state: texts, care: texts, condition: texts, severity: texts },
  ...{ agent: texts, model: texts, place: texts, search: text },
} as const;
export const wish = { ...filter, sort: text, reverse: flag } as const;

/** @throws Refusal `arguments-invalid` */
export function queryOf(values: Record<string, unknown>, names: readonly string[] = Object.keys(wish)): FleetQuery {
  const said = names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]]));
  const parsed = check(FleetQuery, Object.fromEntries(said));
  if (!parsed.ok) throw new Refusal('arguments-invalid', describeFaults(parsed.faults));
  return parsed.value;
}
