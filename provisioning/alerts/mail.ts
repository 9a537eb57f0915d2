/**
 * Alerts by e-mail. What is to be told is stored with what it tells, as for webhooks; all that waits is one mail, and
 * there is at most one mail in the time that is set: a storm of boxes is one mail. It may come twice after a cut, with
 * the same id, and what could not be sent for a day is given up.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { AlertMail, NewAlertMail } from '#contract/alert-mail.js';
import type { AlertDelivery } from '#contract/alerts.js';
import { Refusal } from '#contract/problems.js';
import type { EventLog } from '../fleet/events.js';
import type { Store } from '../store/store.js';
import type { MailRecord } from '../store/watch.js';
import { digestOf } from './digest.js';
import { pauseAfter } from './queue.js';
import type { SendMail } from './smtp.js';
import { newId } from './webhooks.js';

export interface Mail {
  /** Null where no mail is sent. */
  view(): AlertMail | null;
  /** @throws Refusal `mail-insecure`, `mail-password-missing` */
  set(wish: NewAlertMail): Promise<AlertMail>;
  /** What waits goes with it. @throws Refusal `mail-missing` */
  remove(): Promise<void>;
  /** Sends one at once. @throws Refusal `mail-missing`, `mail-failed` */
  test(): Promise<void>;
  /** To be committed with what it tells; `queued` is called once that is done. */
  compose(told: Omit<AlertDelivery, 'id'>): { operations: Operation[]; queued(): void };
  counts(): { waiting: number; taken: number; failed: number; givenUp: number };
  start(): void;
  stop(): Promise<void>;
}

export interface MailParts {
  store: Store;
  clock: Clock;
  events: Pick<EventLog, 'record'>;
  log: { error(details: object, text: string): void };
  territory: string;
  send: SendMail;
  /** In `[0, 1)`. */
  random?: () => number;
}

export const mostInMail = 100;
/** Several rules fire of one cause, one after the other. */
const gatherMilliseconds = 15_000;
const tooOldMilliseconds = 86_400_000;
const only = 'settings';
const isHere = (host: string): boolean => /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host);

export async function openMail(parts: MailParts): Promise<Mail> {
  const { store, clock, events, log, territory, send, random = Math.random } = parts;
  const stopping = new AbortController();
  const totals = { taken: 0, failed: 0, givenUp: 0 };
  let record = await store.alertMail.get(only);
  const waiting = await store.alertMails.iterator().all();
  let order = Number(waiting.at(-1)?.[0] ?? 0);
  let failing: AlertMail['failing'] = null;
  let running: Promise<void> | undefined;
  /** Ends a pause: other settings are tried at once. */
  let waking = new AbortController();
  const pause = (milliseconds: number) => clock.sleep(milliseconds, AbortSignal.any([stopping.signal, waking.signal]));

  const put = (value: MailRecord): Operation => ({ type: 'put', sublevel: store.alertMail, key: only, value });
  const forget = (key: string): Operation => ({ type: 'del', sublevel: store.alertMails, key });

  function known(): MailRecord {
    if (!record) throw new Refusal('mail-missing');
    return record;
  }

  function drop(keys: ReadonlySet<string>): void {
    for (let at = waiting.length - 1; at >= 0; at -= 1) if (keys.has(waiting[at]![0])) waiting.splice(at, 1);
  }

  function giveUp(count: number, why: string): void {
    totals.givenUp += count;
    events.record({ type: 'alert-undelivered', text: `a mail that tells of ${count} was given up: ${why}` });
  }

  /** Until when there may be no other; less than now when there may. */
  function pauseBefore({ lastAt, settings }: MailRecord, now: number): number {
    const every = settings.everySeconds * 1000;
    // A clock that was set back must not keep it for years.
    return lastAt === undefined || lastAt > now ? 0 : Math.max(0, lastAt + every - now);
  }

  async function settle(change: Partial<MailRecord>, keys: readonly string[]): Promise<void> {
    if (!record) return; // it was taken away meanwhile, with what waited
    const next = { ...record, ...change };
    await store.commit([put(next), ...keys.map(forget)]);
    record = next;
    drop(new Set(keys));
  }

  /** Answers how long to wait before the next try. */
  async function attempt(): Promise<number> {
    const { settings, givenUp } = known();
    const batch = waiting.slice(0, mostInMail);
    const keys = batch.map(([key]) => key);
    const now = clock.now();
    const deliveries = batch.map(([, { id }]) => id).join(' ');
    const hash = createHash('sha256').update(deliveries).digest('hex').slice(0, 32);
    const domain = settings.from.slice(settings.from.lastIndexOf('@') + 1);
    try {
      await send({
        ...digestOf(
          territory,
          batch.map(([, told]) => told),
        ),
        ...{ settings, deliveries, messageId: `<${hash}@${domain}>`, now, signal: stopping.signal },
      });
    } catch (error) {
      if (stopping.signal.aborted) return 0;
      const why = error instanceof Error ? error.message : String(error);
      const attempts = (failing?.attempts ?? 0) + 1;
      totals.failed += 1;
      failing = { since: failing?.since ?? now, attempts, why };
      const old = batch.filter(([, { at }]) => now - at > tooOldMilliseconds).map(([key]) => key);
      if (old.length > 0) {
        await settle({ givenUp: givenUp + old.length }, old);
        giveUp(old.length, why);
      }
      return pauseAfter(attempts, random());
    }
    failing = null;
    totals.taken += 1;
    await settle({ lastAt: now }, keys);
    return 0;
  }

  async function run(): Promise<void> {
    const { signal } = stopping;
    while (waiting.length > 0 && record && !signal.aborted) {
      await pause(Math.max(gatherMilliseconds, pauseBefore(record, clock.now())));
      if (signal.aborted || !record || waiting.length === 0) break;
      const rest = await attempt().catch((error: unknown) => {
        // Taken, and not forgotten for want of room: it comes again with the same id.
        log.error({ err: error }, 'cannot store what became of a mail');
        return gatherMilliseconds;
      });
      if (rest > 0) await pause(rest);
    }
    running = undefined;
  }

  function start(): void {
    if (stopping.signal.aborted || waiting.length === 0 || !record) return;
    running ??= run();
  }

  function viewOf({ settings, lastAt, givenUp }: MailRecord): AlertMail {
    const { password, ...rest } = settings;
    return {
      ...{ ...rest, hasPassword: password !== undefined, waiting: waiting.length, lastAt: lastAt ?? null },
      ...{ failing, givenUp },
    };
  }

  return {
    view: () => (record ? viewOf(record) : null),
    async set(wish) {
      if (wish.security === 'none' && !isHere(wish.host)) throw new Refusal('mail-insecure', wish.host);
      const before = record?.settings;
      // Whoever may set the server must not have the password sent to another one.
      const isSame = before?.host === wish.host && before.port === wish.port && before.user === wish.user;
      const password = wish.password ?? (isSame && before?.security === wish.security ? before.password : undefined);
      if ((wish.user === undefined) !== (password === undefined)) throw new Refusal('mail-password-missing');
      const settings = { ...wish, ...(password !== undefined && { password }) };
      const next: MailRecord = {
        settings,
        givenUp: record?.givenUp ?? 0,
        ...(record?.lastAt && { lastAt: record.lastAt }),
      };
      await store.commit([put(next)]);
      record = next;
      failing = null;
      waking.abort();
      waking = new AbortController();
      start();
      return viewOf(next);
    },
    async remove() {
      known();
      const keys = waiting.map(([key]) => key);
      await store.commit([{ type: 'del', sublevel: store.alertMail, key: only }, ...keys.map(forget)]);
      record = undefined;
      drop(new Set(keys));
    },
    async test() {
      const { settings } = known();
      const now = clock.now();
      const id = newId(16);
      await send({
        ...{ subject: `[${territory}] Test`, text: 'This is a test: alerts of this territory come to this address.\n' },
        ...{
          settings,
          deliveries: id,
          messageId: `<${id}@${settings.from.split('@')[1]}>`,
          now,
          signal: stopping.signal,
        },
      }).catch((error: unknown) => {
        throw new Refusal('mail-failed', error instanceof Error ? error.message : undefined, { cause: error });
      });
    },
    compose(told) {
      if (!record) return { operations: [], queued() {} };
      order += 1;
      const key = String(order).padStart(16, '0');
      const delivery: AlertDelivery = { ...told, id: newId(16) };
      const oldest = waiting.length >= mostInMail ? waiting[0]?.[0] : undefined;
      const operations: Operation[] = [{ type: 'put', sublevel: store.alertMails, key, value: delivery }];
      if (oldest !== undefined) operations.push(forget(oldest));
      return {
        operations,
        queued() {
          if (oldest !== undefined) {
            drop(new Set([oldest]));
            giveUp(1, `${mostInMail} wait to be told already`);
          }
          waiting.push([key, delivery]);
          start();
        },
      };
    },
    counts: () => ({ waiting: waiting.length, ...totals }),
    start,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
