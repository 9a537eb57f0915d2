/**
 * The control plane's records in PostgreSQL: one process holds them and writes, any number stand by with a copy that they
 * keep up, and the first that finds the lease over goes on with it.
 */
import type { Clock } from '#common/clock.js';
import type { Database } from '#common/commits.js';
import { Refusal } from '#contract/problems.js';
import { checkDatabaseUrl } from '../postgres/address.js';
import { migrate } from '../postgres/migrate.js';
import { openSessions } from '../postgres/sessions.js';
import { type Copy, openCopy, placeOf } from './copy.js';
import { type ControlRow, createControlLease, type Standby } from './lease.js';
import { controlMigrations } from './schema.js';
import type { Through } from './through-level.js';
import { createWriter, type Writer } from './writer.js';

/** What a process that stands by tells of itself. */
export type Standing =
  | { state: 'standby'; holder: string; why?: Refusal }
  | { state: 'serving' }
  | { state: 'lost'; why: Refusal };

export interface Control {
  /** The records, once they are its own. Every write goes to PostgreSQL first. */
  readonly db: Database;
  /** The fence of what else it writes there. */
  readonly token: number;
  /**
   * Stands by until the records are its own; false when it was told to stop. `onWait` is called once, before it waits.
   * @throws Refusal that no waiting ends
   */
  own(signal: AbortSignal, onWait?: () => Promise<void>): Promise<boolean>;
  standing(): Standing;
  /** Whether nobody else can have them: its lease, by its own count, is not over. */
  isSure(): boolean;
  /** Who stands by, as it was a moment ago. */
  standbys(): readonly Standby[];
  /** Resolves when they are its own no more, and never in good order. */
  readonly lost: Promise<Refusal>;
  /** It is to end: a commit whose outcome cannot be known is not waited for any longer than this. */
  hurry(milliseconds: number): void;
  /** Gives the lease back. */
  stop(): Promise<void>;
}

export interface ControlParts {
  url: string;
  territory: string;
  /** Where the copy lies. */
  location: string;
  /** Of this process, for people to read. */
  name: string;
  /** That this release writes. */
  version: number;
  leaseMilliseconds?: number | undefined;
  /** Of the directory on this machine: what changed since it served last, it has changed itself. */
  machine: string;
  /** SHA-256 of each file that whoever serves must have, by name. */
  files: () => Promise<Record<string, string>>;
  clock: Clock;
  elapsed?: () => number;
  log: { warn(details: object, text: string): void };
}

const usualLease = 5000;
/** Waiting does not mend these. */
const final = new Set<string>([
  'control-lost',
  'database-behind',
  'database-elsewhere',
  'database-newer',
  'store-damaged',
  'store-newer',
]);

/** Those that are missing or others, by name. */
export const otherFiles = (wanted: Readonly<Record<string, string>>, own: Readonly<Record<string, string>>): string[] =>
  Object.keys(wanted).filter((name) => wanted[name] !== own[name]);

/**
 * Undefined while the records lie in a level store.
 * @throws Refusal as `openPostgresFleet`; `store-moving` when they are on their way
 */
export async function openControl({
  url,
  territory,
  location,
  name,
  version,
  leaseMilliseconds = usualLease,
  machine,
  files,
  clock,
  elapsed = () => performance.now(),
  log,
}: ControlParts): Promise<Control | undefined> {
  const sessions = openSessions(checkDatabaseUrl(url));
  const lease = createControlLease(sessions);
  const renewMilliseconds = leaseMilliseconds * 0.3;
  const stopping = new AbortController();
  let copy: Copy | undefined;
  let writer: Writer | undefined;
  let token = 0;
  let until = 0;
  let standing: Standing = { state: 'standby', holder: '' };
  let noted = '';
  let standbys: readonly Standby[] = [];
  let renewing: Promise<void> | undefined;
  let tellLost: (why: Refusal) => void = () => {};
  const lost = new Promise<Refusal>((resolve) => {
    tellLost = resolve;
  });

  const through: Through = {
    async write(changes) {
      if (!writer) throw new Refusal('control-standby');
      return [placeOf(await writer.write(changes))];
    },
    torn: (error) => writer?.lose(new Refusal('store-damaged', location, { cause: error })),
  };

  try {
    await migrate(sessions, territory);
    await migrate(sessions, territory, controlMigrations, 'control_migrations');
    const { state } = await lease.read();
    if (state === 'moving') throw new Refusal('store-moving');
    if (state === 'elsewhere') {
      await sessions.end();
      return undefined;
    }
    copy = await openCopy({ location, sessions, through });
  } catch (error) {
    await sessions.end();
    throw error;
  }
  const held = copy;

  function onLost(why: Refusal): void {
    if (stopping.signal.aborted) return;
    standing = { state: 'lost', why };
    tellLost(why);
  }

  async function renew(mine: Writer): Promise<void> {
    const asked = elapsed();
    if (!(await lease.renew(token, leaseMilliseconds))) return mine.lose(new Refusal('control-lost'));
    until = asked + leaseMilliseconds;
    const now = await files();
    const text = JSON.stringify(now);
    if (text !== noted) await lease.noteFiles(token, machine, now);
    noted = text;
    standbys = await lease.standbys(2 * leaseMilliseconds);
    await mine.prune();
  }

  async function keep(mine: Writer): Promise<void> {
    let failing = false;
    while (!stopping.signal.aborted && standing.state !== 'lost') {
      await clock.sleep(failing ? renewMilliseconds / 3 : renewMilliseconds, stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        await renew(mine);
        failing = false;
      } catch (error) {
        if (!failing) log.warn({ err: error }, 'cannot renew the lease on the control plane');
        failing = true;
      }
    }
  }

  async function outdated(row: ControlRow): Promise<Refusal | undefined> {
    const others = row.machine === machine ? [] : otherFiles(row.files, await files());
    return others.length > 0 ? new Refusal('standby-outdated', others.join(', ')) : undefined;
  }

  /** Undefined while another has the lease. */
  async function take(row: ControlRow): Promise<Writer | undefined> {
    const why = await outdated(row);
    if (why) throw why;
    const asked = elapsed();
    const taken = await lease.take(name, leaseMilliseconds);
    if (!taken) return undefined;
    token = taken.token;
    until = asked + leaseMilliseconds;
    const mine = createWriter({ sessions, held: taken, leaseMilliseconds, onLost, clock, elapsed });
    renewing = keep(mine);
    return mine;
  }

  /** What the owner before wrote last is read, and then nobody else writes. */
  async function begin(mine: Writer): Promise<void> {
    await held.follow();
    const found = await held.db.get('version');
    if (typeof found === 'number' && found > version)
      throw new Refusal('store-newer', `version ${found}; this program knows ${version}`);
    await renew(mine);
    if (standing.state === 'lost') throw standing.why;
    writer = mine;
    standing = { state: 'serving' };
  }

  return {
    get db() {
      return held.db as unknown as Database; // level says itself who its hooks are for
    },
    get token() {
      return token;
    },
    lost,
    standing: () => standing,
    standbys: () => standbys,
    isSure: () => standing.state === 'serving' && elapsed() < until,
    async own(signal, onWait) {
      let isWaiting = false;
      let told: string | undefined;
      let taken: Writer | undefined;
      while (!signal.aborted) {
        let wait = renewMilliseconds;
        try {
          if (!taken) {
            await held.follow(signal);
            const row = await lease.read();
            const why = await outdated(row);
            standing = { state: 'standby', holder: row.holder, ...(why && { why }) };
            if (row.leftMilliseconds > 0) {
              await lease.standBy(machine, name, why?.code);
              wait = Math.min(wait, row.leftMilliseconds + 10);
            } else if (!signal.aborted) taken = await take(row);
          }
          if (taken) {
            await begin(taken);
            return true;
          }
          told = undefined;
        } catch (error) {
          if (error instanceof Refusal && final.has(error.code)) throw error;
          const why =
            error instanceof Refusal ? error : new Refusal('database-unreachable', undefined, { cause: error });
          standing = { state: 'standby', holder: '', why };
          if (told !== why.code) log.warn({ err: error }, 'cannot take over');
          told = why.code;
        }
        if (!isWaiting) await onWait?.();
        isWaiting = true;
        await clock.sleep(wait, signal);
      }
      return false;
    },
    hurry(milliseconds) {
      const mine = writer;
      if (!mine) return;
      void clock.sleep(milliseconds, stopping.signal).then(() => {
        if (!stopping.signal.aborted) mine.lose(new Refusal('control-lost', 'it has stopped'));
      });
    },
    async stop() {
      if (stopping.signal.aborted) return;
      stopping.abort();
      await renewing;
      await writer?.stop();
      if (standing.state === 'serving') await lease.giveBack(token).catch(() => {});
      await held.close();
      await sessions.end();
    },
  };
}
