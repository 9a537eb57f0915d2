/** The address of the table: it holds the filter, so that it can be kept and handed on. Pure. */
import type { FleetFilter, FleetQuery } from '#contract/fleet.js';
import { buildFleetQuery, fleetFields, readFleetQuery } from '#contract/fleet-query.js';

export const tableAddress = (query: FleetQuery): string => {
  const text = buildFleetQuery(query);
  return text === '' ? '/boxes' : `/boxes?${text}`;
};

const states = ['enrolled', 'online', 'offline', 'revoked', 'left'] as const;
const levels = ['trouble', 'attention', 'good', 'none'] as const;
const severities = ['info', 'attention', 'trouble'] as const;
const sorts = ['attention', 'lastSeen', 'id', 'agent'] as const;

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
const known = <T extends string>(all: readonly T[], value: unknown): T[] =>
  all.filter((one) => texts(value).includes(one));
const some = <T>(values: T[]): T[] | undefined => (values.length > 0 ? values.slice(0, 50) : undefined);
const line = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** What somebody typed by hand may be no question: what makes no sense is left out. */
export function queryOf(text: string): FleetQuery {
  const read = readFleetQuery(text);
  const found: { [name in keyof FleetQuery]: FleetQuery[name] | undefined } = {
    state: some(known(states, read.state)),
    care: some(known(levels, read.care)),
    condition: some(texts(read.condition)),
    severity: some(known(severities, read.severity)),
    agent: some(texts(read.agent)),
    model: some(texts(read.model)),
    place: some(texts(read.place)),
    search: line(read.search)?.slice(0, 100),
    sort: known(sorts, [read.sort])[0],
    reverse: read.reverse === true || undefined,
    cursor: line(read.cursor),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** Without what must not be in the address. */
function without(query: FleetQuery, ...names: (keyof FleetQuery)[]): FleetQuery {
  return Object.fromEntries(Object.entries(query).filter(([name]) => !names.some((one) => one === name)));
}

export type ListField = Exclude<keyof FleetFilter, 'search'>;

/** Another filter begins with its first page. */
export const withField = (query: FleetQuery, field: ListField, values: readonly string[]): FleetQuery => {
  const rest = without(query, field, 'cursor');
  return values.length === 0 ? rest : { ...rest, [field]: values };
};

export const withSearch = (query: FleetQuery, search: string): FleetQuery => {
  const rest = without(query, 'search', 'cursor');
  return search.trim() === '' ? rest : { ...rest, search: search.trim().slice(0, 100) };
};

export function withSort(query: FleetQuery, sort: NonNullable<FleetQuery['sort']>): FleetQuery {
  const rest = without(query, 'sort', 'reverse', 'cursor');
  const isSame = (query.sort ?? 'attention') === sort;
  return {
    ...rest,
    ...(sort !== 'attention' && { sort }),
    ...(isSame && !query.reverse && { reverse: true }),
  };
}

/** The order stays. */
export const withoutFilter = (query: FleetQuery): FleetQuery =>
  without(query, 'cursor', ...(Object.keys(fleetFields(query)) as (keyof FleetFilter)[]));

export const isFiltered = (query: FleetQuery): boolean => Object.keys(fleetFields(query)).length > 0;
export const withCursor = (query: FleetQuery, cursor: string): FleetQuery => ({ ...query, cursor });
export const firstPage = (query: FleetQuery): FleetQuery => without(query, 'cursor');
