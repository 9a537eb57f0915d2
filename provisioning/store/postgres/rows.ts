/** Values as PostgreSQL takes them, and a life as the table of lives has it. */
import type { LifeRecord } from '../lives.js';

/** The literal of an array of texts. `pg` writes it too, at several times the cost. */
export const arrayOf = (texts: readonly (string | null)[]): string =>
  `{${texts.map((text) => (text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`)).join(',')}}`;

/** PostgreSQL cannot store the character of number 0 in a text, and says so of JSON only when it is read. */
export const json = (value: unknown): string => JSON.stringify(value).replaceAll('\\u0000', '\\ufffd');

/** What seldom changes. `metrics`: the names of what the newest sample holds, apart by spaces; they seldom change either. */
export type Cold = Omit<LifeRecord, 'version' | 'lastSeen' | 'tracks' | 'gaps' | 'health'> & { metrics?: string };
/** `newest`: the time of the newest sample, and its values in the order of their names. */
type Hot = Pick<LifeRecord, 'tracks' | 'gaps'> & { newest?: number[]; health?: LifeRecord['health'] };

export interface LifeRow {
  box: string;
  version: number;
  seen: number;
  hot: Hot;
  cold: Cold;
}

export function split({ version: _version, lastSeen: _seen, tracks, gaps, health, ...rest }: LifeRecord): {
  hot: Hot;
  cold: Cold;
} {
  const hot: Hot = { tracks, ...(gaps !== undefined && { gaps }) };
  if (!health) return { hot, cold: rest };
  return {
    hot: { ...hot, newest: [health.at, ...Object.values(health.values)] },
    cold: { ...rest, metrics: Object.keys(health.values).join(' ') },
  };
}

function newestOf({ newest, health }: Hot, { metrics }: Cold): LifeRecord['health'] {
  // A worker of the release before, which goes on while this one has begun, writes it whole.
  if (health || !newest || metrics === undefined) return health;
  const [at = 0, ...values] = newest;
  const names = metrics === '' ? [] : metrics.split(' ');
  return { at, values: Object.fromEntries(names.map((name, index) => [name, values[index]!])) };
}

export function lifeOf({ version, seen, hot, cold }: LifeRow): LifeRecord {
  const health = newestOf(hot, cold);
  const { newest: _newest, health: _health, ...counted } = hot;
  const { metrics: _metrics, ...rest } = cold;
  return { ...rest, ...counted, ...(health && { health }), lastSeen: seen, version };
}
