/**
 * Keeps the box connected to its provider: one session after another, with growing, jittered pauses. Whether the
 * provider is there or not never stops anything else on the box.
 */

import type { Clock } from '#common/clock.js';
import { isDiskFull } from '#common/database.js';
import type { Moment } from '#common/pki/path.js';
import type { CommandResult, LiveSample } from '#contract/commands.js';
import { eventsForm } from '#contract/events.js';
import type { Ack } from '#contract/health.js';
import { compactHealth } from '#contract/health-codec.js';
import { Refusal } from '#contract/problems.js';
import type { Profile } from '#contract/profile.js';
import type { Birth, Reported } from '#contract/status.js';
import type { Carrier as EventCarrier, Port as EventPort } from '../events/carrier.js';
import type { Carrier, Port } from '../messages/carrier.js';
import { type Courier, createCourier, type Strikes } from './courier.js';
import type { Outbox } from './outbox.js';
import { type Credentials, openSession, type Session } from './session.js';

export interface Link {
  start(): void;
  stop(): Promise<void>;
  /** Ends the session and opens none; resolves when nothing moves. `resume` begins with a fresh profile. */
  hold(): Promise<void>;
  resume(): void;
  online(): boolean;
  /** When it last went on or off line. */
  since(): number | null;
  /** Told at each change. Answers the way to end it. */
  subscribe(listener: (online: boolean) => void): () => void;
  /** Stores and sends what the outbox holds now rather than with the next batch. */
  flush(): void;
  /** What runs has changed. */
  report(): void;
  /** Birth and report, now. @throws Error where there is no session, or it ends meanwhile */
  tellAgain(): Promise<void>;
}

/** What a session offers for answering commands. */
export interface AnswerPort {
  result(result: CommandResult): Promise<void>;
  live(sample: LiveSample): void;
}

const mostEarly = 64;
const firstPause = 1000;
const longestPause = 60_000;
const reportMilliseconds = 1000;
/** A session that lasted so long was a good one: the next pause is short again. */
const goodMilliseconds = 10_000;
/** A broker that starts again is met by all its boxes: 10,000 in so long is what one core's TLS takes. */
const longestSpread = 15_000;
/** So many samples that wait are more than one message. */
const much = 100;

export function createLink(wish: {
  clock: Clock;
  outbox: Outbox;
  /** Looked at before each wait. */
  readonly batchSeconds: number;
  /** Asked anew before each session; `fresh` after failures, when the provider may have moved. */
  access: (fresh: boolean) => Promise<{ profile: Profile; credentials: Credentials }>;
  /** By which the broker's certificate is judged, once access is given. */
  moment: () => Moment;
  /** Asked before samples are sent, as long as there are some whose time is not known. Never rejects. */
  learnTime: () => Promise<void>;
  birth: (session: string) => Birth;
  reported: () => Reported;
  /** Runs after each birth; never rejects. */
  onBirth: () => Promise<void>;
  /** The provider's word that it has seen a head of the ledger, as it came. */
  onReceipt?: (receipt: string) => void;
  /** News of members' standing, as it came. */
  onStanding?: (news: Buffer) => void;
  /** News of links and offers, as it came. */
  onLinks?: (news: Buffer) => void;
  /** What came of commands, as it came; opened for each session, behind its birth. */
  commands?: {
    heard(id: string, command: Buffer): void;
    desired(state: Buffer): void;
    open(port: AnswerPort): { close(): void };
  };
  /** Opened for each session, behind its birth. */
  apps?: { open(port: Port): Carrier };
  events?: { open(port: EventPort): Promise<EventCarrier> };
  onRefused: (refusal: Refusal) => void;
  /** From 0 to 1. */
  random?: () => number;
}): Link {
  const { clock, outbox, onRefused, random = Math.random } = wish;
  const listeners = new Set<(online: boolean) => void>();
  const strikes: Strikes = new Map();
  const stopping = new AbortController();
  let session: Session | undefined;
  let courier: Courier | undefined;
  let since: number | null = null;
  let running: Promise<void> | undefined;
  let box = '';
  let held: { released: Promise<void>; release: () => void } | undefined;
  let attempt = new AbortController();
  let busy: Promise<void> | undefined;
  let isHeldBack = false;
  let reporting: { again: boolean } | undefined;

  function tell(online: boolean): void {
    since = clock.now();
    for (const listener of listeners) listener(online);
  }

  function send(): void {
    // Retained, so a lost one is mended by the next session's.
    session
      ?.publish({ box, direction: 'up', kind: 'reported' }, JSON.stringify(wish.reported()), { retain: true })
      .catch(() => {});
  }

  /** At once; what an app changes again and again goes out together, so much later. */
  function report(): void {
    if (reporting) {
      reporting.again = true;
      return;
    }
    const mine = { again: false };
    reporting = mine;
    send();
    void clock.sleep(reportMilliseconds, stopping.signal).then(() => {
      reporting = undefined;
      if (mine.again && !stopping.signal.aborted) report();
    });
  }

  async function commit(): Promise<void> {
    await outbox.commit().catch((error: unknown) => {
      const code = isDiskFull(error) ? 'disk-full' : 'internal';
      onRefused(new Refusal(code, 'cannot store health samples; they wait', { cause: error }));
    });
  }

  /** A sample whose time is not known waits: what the provider has stored is not put right any more. */
  function flush(): void {
    if (outbox.state().uncertain > 0) return;
    if (isHeldBack) courier?.sendNewest();
    else courier?.flush();
  }

  /**
   * What a new session sends first. After an outage many boxes come back at once, each with much: the newest sample goes
   * at once, so that the provider sees how each is, and what waited begins at a random moment of the next interval.
   */
  async function flushFirst(signal: AbortSignal): Promise<void> {
    await commit();
    const { waiting, uncertain } = outbox.state();
    if (waiting <= much || uncertain > 0) return flush();
    isHeldBack = true;
    courier?.sendNewest();
    await clock.sleep(random() * wish.batchSeconds * 1000, signal);
    isHeldBack = false;
    if (!signal.aborted) flush();
  }

  async function batches(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(wish.batchSeconds * 1000, signal);
      if (signal.aborted) return;
      if (outbox.state().uncertain > 0) await wish.learnTime();
      await commit();
      flush();
    }
  }

  async function oneSession(fresh: boolean, signal: AbortSignal): Promise<void> {
    const { profile, credentials } = await wish.access(fresh);
    if (signal.aborted) return;
    const over = new AbortController();
    const early: Ack[] = [];
    let events: EventCarrier | undefined;
    const onAck = (ack: Ack): void => {
      if (courier) courier.acknowledged(ack);
      else early.push(ack);
      events?.acknowledged(ack);
    };
    const earlyForApps: (() => void)[] = [];
    let carrier: Carrier | undefined;
    const onApp: Carrier['heard'] = (...heard) => {
      if (carrier) carrier.heard(...heard);
      else if (earlyForApps.length < mostEarly) earlyForApps.push(() => carrier?.heard(...heard)); // the rest comes again
    };
    // Somewhat longer than the batches, each of which is a sign of life: a ping costs about 200 bytes.
    const keepaliveSeconds = Math.min(1200, wish.batchSeconds + 60);
    const opened = await openSession({
      profile,
      credentials,
      keepaliveSeconds,
      at: wish.moment(),
      birth: wish.birth,
      onAck,
      ...(wish.onReceipt && { onReceipt: wish.onReceipt }),
      ...(wish.onStanding && { onStanding: wish.onStanding }),
      ...(wish.onLinks && { onLinks: wish.onLinks }),
      ...(wish.commands && { onCommand: wish.commands.heard, onDesired: wish.commands.desired }),
      onApp,
      signal,
    });
    box = profile.box;
    session = opened;
    courier = createCourier({
      outbox,
      compact: profile.reads?.includes(compactHealth) ?? false,
      maxBytes: Math.floor(profile.broker.maxPacketBytes / 2),
      send: (payload) => opened.publish({ box: profile.box, direction: 'up', kind: 'health' }, payload),
      onRefused,
      strikes,
      clock,
    });
    for (const ack of early) courier.acknowledged(ack);
    tell(true);
    send();
    const answers = wish.commands?.open({
      result: (result) =>
        opened.publish({ box, direction: 'up', kind: 'result', command: result.command }, JSON.stringify(result)),
      live: (sample) =>
        void opened.publish({ box, direction: 'up', kind: 'live' }, JSON.stringify(sample), { qos: 0 }).catch(() => {}), // the next one comes in a second
    });
    events = await wish.events?.open({
      reads: profile.reads?.includes(eventsForm) ?? false,
      maxPacketBytes: profile.broker.maxPacketBytes,
      spreadMilliseconds: wish.batchSeconds * 1000,
      publish: (payload) => opened.publish({ box: profile.box, direction: 'up', kind: 'event' }, payload),
    });
    const flushing = batches(over.signal);
    await wish.onBirth();
    const first = flushFirst(over.signal);
    const samples = courier;
    carrier = wish.apps?.open({
      box: profile.box,
      maxPacketBytes: profile.broker.maxPacketBytes,
      publish: ({ app, name }, payload) =>
        opened.publish({ box: profile.box, direction: 'up', kind: 'app', app, name }, payload),
      isBusy: () => samples.isBusy(),
    });
    for (const give of earlyForApps) give();
    const end = await opened.closed;
    session = undefined;
    answers?.close();
    over.abort();
    tell(false);
    await Promise.all([courier.stop(end), carrier?.stop(end), events?.stop(), flushing, first]);
    courier = undefined;
  }

  async function run(): Promise<void> {
    let pause = firstPause;
    let failures = 0;
    while (!stopping.signal.aborted) {
      if (held) {
        await held.released;
        failures = 1; // what was known before may be of another provider
        pause = firstPause;
        continue;
      }
      const began = clock.now();
      attempt = new AbortController();
      try {
        busy = oneSession(failures > 0, AbortSignal.any([stopping.signal, attempt.signal]));
        await busy;
        failures = 0;
      } catch (error) {
        failures += 1;
        if (stopping.signal.aborted) return;
        if (held) continue;
        onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error }));
      }
      if (stopping.signal.aborted) return;
      const wasGood = clock.now() - began > goodMilliseconds;
      if (wasGood) pause = firstPause;
      if (held) continue;
      const spread = wasGood ? random() * Math.min(longestSpread, wish.batchSeconds * 100) : 0;
      await clock.sleep(spread + pause * (0.5 + random() / 2), AbortSignal.any([stopping.signal, attempt.signal]));
      pause = Math.min(pause * 2, longestPause);
    }
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      await session?.end(); // a clean stop publishes its own death before it is cut
      stopping.abort();
      held?.release();
      await running;
    },
    async hold() {
      if (!held) {
        let release = (): void => {};
        const released = new Promise<void>((resolve) => {
          release = resolve;
        });
        held = { released, release };
      }
      await session?.end();
      attempt.abort();
      await busy?.catch(() => {}); // the run tells what went wrong
    },
    resume() {
      held?.release();
      held = undefined;
    },
    online: () => session !== undefined,
    since: () => since,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    flush: () => void commit().then(flush),
    report,
    async tellAgain() {
      if (!session) throw new Error('there is no session');
      await session.bearAgain();
      send();
    },
  };
}
