/** `--role`: what of the provider a process is. */
import { Refusal } from '#contract/problems.js';
import type { ApartConfig } from '../apart-wiring.js';
import { duration } from './arguments.js';

const roles = ['est', 'ingest', 'api', 'console'] as const;
type Role = (typeof roles)[number];
export type Roles = ReadonlySet<Role>;

const isRole = (text: string): text is Role => (roles as readonly string[]).includes(text);

/**
 * All of them, unless said. The control plane's records belong to one process, wherever they are: est, api and console
 * are always together, and a standby is what makes them available.
 * @throws Refusal `arguments-invalid`, `roles-apart`
 */
export function rolesOf(args: readonly string[]): Roles {
  const place = args.findIndex((text) => text === '--role' || text.startsWith('--role='));
  const value = args[place]?.startsWith('--role=') ? args[place].slice('--role='.length) : args[place + 1];
  const named = place === -1 ? [...roles] : (value ?? '').split(',').filter(Boolean);
  const wrong = named.find((name) => !isRole(name));
  if (wrong !== undefined || named.length === 0)
    throw new Refusal('arguments-invalid', `--role is a list with commas of ${roles.join(', ')}`);
  const wanted = new Set(named.filter(isRole));
  const control = (['est', 'api', 'console'] as const).filter((role) => wanted.has(role)).length;
  if (control !== 0 && control !== 3) throw new Refusal('roles-apart', named.join(','));
  return wanted;
}

export const isWorker = (wanted: Roles): boolean => wanted.size === 1 && wanted.has('ingest');

/** A lease is renewed three times before it is over. */
export const leaseOf = (value = '5s'): number => 1000 * duration(value, '--lease', [1, 300]);

/**
 * Whether workers store what boxes report, and whether this control process is one; undefined where it stores all itself.
 * @throws Refusal `roles-apart`, `arguments-invalid`
 */
export function workersOf(
  { broker, lease }: { broker?: string; lease?: string },
  wanted: Roles,
  database: unknown,
): ApartConfig | undefined {
  const here = wanted.has('ingest');
  if (broker !== undefined && database !== undefined) return { here, leaseMilliseconds: leaseOf(lease) };
  if (!here) throw new Refusal('roles-apart', 'without ingest it needs --broker and --database');
  return undefined;
}
