/**
 * A question to the fleet's table as the query string of an address: the API's, and that of the console's page. Browsers
 * take it along, so it stands on types alone.
 */
import type { FleetFilter, FleetQuery } from './fleet.js';

const lists = ['state', 'care', 'condition', 'severity', 'agent', 'model', 'place'] as const;
/** Of the filter, in the order of the schema. */
export const filterNames = [...lists, 'search'] as const satisfies readonly (keyof FleetFilter)[];
const names = [...filterNames, 'sort', 'reverse', 'cursor', 'limit'] as const satisfies readonly (keyof FleetQuery)[];

const isList = (name: string): boolean => lists.some((one) => one === name);

/** Without the question mark; empty for everything. The same question is always the same text. */
export function buildFleetQuery(query: FleetQuery): string {
  const parameters = new URLSearchParams();
  for (const name of names) {
    const value = query[name];
    if (value === undefined) continue;
    if (Array.isArray(value)) for (const one of value) parameters.append(name, one);
    else parameters.append(name, String(value));
  }
  return parameters.toString();
}

function read(name: string, texts: readonly string[]): unknown {
  if (isList(name)) return texts;
  const [text = ''] = texts;
  if (texts.length > 1) return texts; // said twice: it fits no schema
  if (name === 'limit') return /^\d{1,9}$/.test(text) ? Number(text) : text;
  if (name === 'reverse') return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

/** As it was said, to be checked against the schema. Takes outside bytes. */
export function readFleetQuery(text: string): Record<string, unknown> {
  const parameters = new URLSearchParams(text);
  return Object.fromEntries([...new Set(parameters.keys())].map((name) => [name, read(name, parameters.getAll(name))]));
}

/** What a query says of the boxes, without the order and the page. */
export const fleetFields = (query: FleetQuery): FleetFilter =>
  Object.fromEntries(filterNames.flatMap((name) => (query[name] === undefined ? [] : [[name, query[name]]])));
