/** Where the database is. The address holds a password: it is read from a file as well, and never told. */
import { Refusal } from '#contract/problems.js';

/** @throws Refusal `database-address`; what was written stays out of it */
export function checkDatabaseUrl(text: string): string {
  const url = URL.parse(text.trim());
  const faults = (): string | undefined => {
    if (!url) return 'it is no URL';
    if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') return `it begins with ${url.protocol}//`;
    if (url.pathname.length < 2) return 'it names no database';
    return undefined;
  };
  const fault = faults();
  if (fault !== undefined) throw new Refusal('database-address', fault);
  return text.trim();
}

/** For people to read: without user, password and options. */
export function plainAddress(text: string): string {
  const url = URL.parse(text);
  return url ? `${url.host || 'socket'}${url.pathname}` : 'the database';
}
