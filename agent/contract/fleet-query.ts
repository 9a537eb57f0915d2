/** A question to the fleet's table as the query string of an address: the API's, and that of the console's page. */
import type { FleetQuery } from './fleet.js';
import { FleetQuery as Schema } from './fleet.js';
import { check, type Parsed } from './parse.js';

const lists = new Set(['state', 'care', 'condition', 'severity', 'agent', 'model', 'place']);

/** Without the question mark; empty for everything. The same question is always the same text. */
export function buildFleetQuery(query: FleetQuery): string {
  const parameters = new URLSearchParams();
  for (const name of Object.keys(Schema.properties) as (keyof FleetQuery)[]) {
    const value = query[name];
    if (value === undefined) continue;
    if (Array.isArray(value)) for (const one of value) parameters.append(name, one);
    else parameters.append(name, String(value));
  }
  return parameters.toString();
}

function readValue(name: string, texts: readonly string[]): unknown {
  if (lists.has(name)) return texts;
  const [text = ''] = texts;
  if (texts.length > 1) return texts; // said twice: refused by the schema
  if (name === 'limit') return /^\d{1,9}$/.test(text) ? Number(text) : text;
  if (name === 'reverse') return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

/** Takes outside bytes. */
export function parseFleetQuery(text: string): Parsed<FleetQuery> {
  const parameters = new URLSearchParams(text);
  const names = [...new Set(parameters.keys())];
  return check(Schema, Object.fromEntries(names.map((name) => [name, readValue(name, parameters.getAll(name))])));
}
