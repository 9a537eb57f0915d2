/**
 * One simulated box: its sessions, its batches, what it waits for. It has no timer of its own; the simulation calls
 * `tick` for all of them.
 */
import { randomBytes } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Ack, type HealthBatch, type Range } from '#contract/health.js';
import { parseJson } from '#contract/parse.js';
import type { Death } from '#contract/status.js';
import { buildTopic, subtree } from '#contract/topics.js';
import { createTelling } from './befall.js';
import { acknowledge, type Book, beginLeg, nextRange, rewind, take, timeOf } from './book.js';
import { type Absence, type Faults, isSlow } from './faults.js';
import type { Identity } from './identities.js';
import { isOutOfReach, type Life } from './life.js';
import { measure } from './measure.js';
import { chance } from './random.js';
import { type Speaker, speak } from './speaker.js';
import type { Tally } from './tally.js';
import { birthOf, conditionsAt, reportedOf } from './tell.js';

export interface BoxParts {
  identity: Identity;
  life: Life;
  book: Book;
  absences: readonly Absence[];
  faults: Faults;
  broker: { host: string; port: number };
  /** PEM: whom the broker has to come from. */
  root: string;
  intervalMilliseconds: number;
  /** Samples in a batch. */
  batch: number;
  keepaliveSeconds: number;
  tally: Tally;
  encode: (batch: HealthBatch) => string | Buffer;
  /** Whether the territory reads events. */
  tells: boolean;
}

export interface SimulatedBox {
  readonly book: Book;
  readonly life: Life;
  readonly id: string;
  state(): 'absent' | 'offline' | 'connecting' | 'online';
  /** @param now simulated @param real monotonic, milliseconds */
  tick(now: number, real: number): void;
  /** Whether it wants a connection now, and may have one. */
  wantsConnection(real: number): boolean;
  connect(now: number, real: number): void;
  /** Its power fails, and is back at the next tick. */
  powerCut(): void;
  /** Nothing more is measured; what waits still goes out. */
  finish(): void;
  leave(): void;
  cut(): void;
}

const mostInBatch = 100;
const window = 4;
const ackMilliseconds = 30_000;
const connectMilliseconds = 120_000;
const firstPause = 1000;
const longestPause = 60_000;
const dripBytes = 400;
const ask = { pause: 60, duplicate: 61, reorder: 62 } as const;

export function createBox(parts: BoxParts): SimulatedBox {
  const { identity, life, book, absences, faults, broker, root, intervalMilliseconds, batch, tally } = parts;
  const { id } = identity;
  const topics = {
    status: buildTopic({ box: id, direction: 'up', kind: 'status' }),
    health: buildTopic({ box: id, direction: 'up', kind: 'health' }),
    reported: buildTopic({ box: id, direction: 'up', kind: 'reported' }),
    event: buildTopic({ box: id, direction: 'up', kind: 'event' }),
    ack: buildTopic({ box: id, direction: 'down', kind: 'ack' }),
  };
  const filter = `${subtree(id, 'down')}/#`;
  let context: SecureContext | undefined;
  let speaker: Speaker | undefined;
  let calling: { cut(): void } | undefined;
  let session = '';
  let told = '';
  let notBefore = 0;
  let pause = firstPause;
  let tries = 0;
  let away: Absence | undefined;
  let finished = false;
  let letGo = () => {};
  const unanswered = new Set<number>();
  /** Batches that went out until now, for what is drawn by lot. */
  let batches = 0;
  let held: (() => void) | undefined;
  /** When something was last covered or sent again, and last written. */
  let movedAt = 0;
  let wroteAt = 0;

  const send = (topic: string, payload: string | Buffer, real: number, retain = false): void => {
    if (!speaker) return;
    wroteAt = real;
    unanswered.add(speaker.publish(topic, payload, retain));
    tally.bytes += payload.length;
  };

  book.events ??= { last: 0, waiting: [], until: tally.simulated() };
  const telling = createTelling({
    ...{ life, epoch: book.epoch, kept: book.events },
    send(events) {
      if (!speaker) return false;
      send(topics.event, JSON.stringify(events), performance.now());
      return true;
    },
  });

  function batchOf([from, to]: Range): HealthBatch {
    const samples: HealthBatch['samples'] = [];
    for (let seq = from; seq <= to; seq += 1) {
      const at = timeOf(book, seq, intervalMilliseconds);
      samples.push({ seq, at: Math.round(at + (life.clockOff ?? 0)), values: measure(life, at) });
    }
    return { epoch: book.epoch, samples };
  }

  function fly(range: Range, again: boolean, real: number): void {
    const payload = parts.encode(batchOf(range));
    const count = range[1] - range[0] + 1;
    const drawn = (about: number, share = 0) => share > 0 && chance(life.seed, about, life.index, batches) < share;
    batches += 1;
    const out = (resent: boolean) => {
      send(topics.health, payload, real);
      tally.sent(count, resent);
    };
    const before = held;
    held = undefined;
    if (!before && !again && drawn(ask.reorder, faults.reorder)) {
      tally.reordered += 1;
      held = () => out(false);
      return;
    }
    out(again);
    before?.();
    if (drawn(ask.duplicate, faults.duplicate)) {
      tally.duplicated += 1;
      out(true);
    }
  }

  function pump(real: number): void {
    while (speaker && unanswered.size < window) {
      const next = nextRange(book, mostInBatch);
      if (!next) break;
      fly(next.range, next.again, real);
    }
    // Behind the last one there is no next one that it could come after.
    if (speaker && held && book.sent >= book.target) {
      const out = held;
      held = undefined;
      out();
    }
  }

  function tellWhatRuns(now: number, real: number): void {
    const conditions = conditionsAt(life, now);
    const words = conditions.map(({ kind, severity }) => `${kind} ${severity}`).join();
    if (words === told) return;
    told = words;
    send(topics.reported, JSON.stringify(reportedOf(life, now, conditions)), real, true);
  }

  function ended(why: string, real: number): void {
    const wasOnline = speaker !== undefined;
    speaker = undefined;
    calling = undefined;
    unanswered.clear();
    held = undefined;
    if (away) return;
    if (!wasOnline) tally.failed(why);
    else if (!finished) tally.lost(why);
    if (wasOnline) pause = firstPause;
    tries += 1;
    notBefore = real + pause * (0.5 + chance(life.seed, ask.pause, life.index, tries) / 2);
    pause = Math.min(pause * 2, longestPause);
  }

  function leaveFor(absence: Absence): void {
    away = absence;
    if (absence.power || !speaker) {
      speaker?.cut();
      calling?.cut();
    } else letGo = speaker.abandon();
    speaker = undefined;
    calling = undefined;
    unanswered.clear();
    held = undefined;
  }

  function come(now: number): void {
    if (away && !away.power) {
      beginLeg(book, now, intervalMilliseconds);
      if (parts.tells) telling.add('boot-unexpected', { reason: 'power cut or crash' }, now);
    }
    away = undefined;
    notBefore = 0;
  }

  function ready(now: number, real: number, began: number, itsSpeaker: Speaker): void {
    speaker = itsSpeaker;
    letGo();
    letGo = () => {};
    tally.connected(real - began);
    tries = 0;
    movedAt = real;
    rewind(book);
    const lastSequence = book.last;
    const birth = birthOf(life, {
      session,
      epoch: book.epoch,
      lastSequence,
      at: Math.round(now + (life.clockOff ?? 0)),
    });
    send(topics.status, JSON.stringify(birth), real, true);
    told = '';
    telling.begin();
    tellWhatRuns(now, real);
    book.target = book.last;
    pump(real);
  }

  return {
    book,
    life,
    id,
    state: () => (away ? 'absent' : speaker ? 'online' : calling ? 'connecting' : 'offline'),
    tick(now, real) {
      const absence = finished ? undefined : absences.find(({ from, to }) => from <= now && now < to);
      if (absence && !away) leaveFor(absence);
      else if (!absence && away) come(now);
      if (!finished && (!away || away.power)) take(book, now, intervalMilliseconds);
      if (parts.tells && (!away || away.power) && (!finished || !telling.isCovered())) telling.tick(now, real);
      if (!speaker) return;
      if (!finished && isOutOfReach(life, now)) return speaker.cut();
      if (book.last - book.target >= batch || (finished && book.target < book.last)) {
        book.target = book.last;
        tellWhatRuns(now, real);
      }
      if (book.covered < book.sent && real - movedAt > ackMilliseconds) {
        movedAt = real;
        rewind(book);
        book.again = [[book.covered + 1, book.target]];
        book.sent = book.target;
        tally.unanswered += 1;
      }
      pump(real);
      if (real - wroteAt > parts.keepaliveSeconds * 1000) {
        wroteAt = real;
        speaker.ping();
      }
    },
    wantsConnection: (real) => !away && !speaker && !calling && real >= notBefore,
    connect(now, real) {
      if (isOutOfReach(life, now) && !finished) {
        notBefore = real + firstPause;
        return;
      }
      session = randomBytes(8).toString('hex');
      context ??= createSecureContext({ key: identity.key, cert: identity.cert, ca: root, minVersion: 'TLSv1.2' });
      const death: Death = { kind: 'death', session, reason: 'lost' };
      const call = speak(
        {
          ...broker,
          ...{ context, id, filter, keepaliveSeconds: Math.ceil(parts.keepaliveSeconds * 1.2) },
          will: { topic: topics.status, payload: JSON.stringify(death) },
          dripBytes: isSlow(faults, life) ? dripBytes : undefined,
          timeoutMilliseconds: connectMilliseconds,
        },
        {
          ready: (itsSpeaker) =>
            calling === call && ready(parts.tally.simulated(), performance.now(), real, itsSpeaker),
          message(topic, payload) {
            if (topic !== topics.ack || calling !== call) return;
            const ack = parseJson(Ack, payload);
            if (!ack.ok) return tally.failed('an acknowledgement cannot be read');
            for (const { code, detail } of ack.value.refused ?? []) tally.refused(code, detail);
            telling.heard(ack.value);
            const covered = acknowledge(book, ack.value);
            if (covered > 0) movedAt = performance.now();
            tally.covered += covered;
            pump(performance.now());
          },
          puback(number) {
            if (calling !== call) return;
            unanswered.delete(number);
            pump(performance.now());
          },
          closed: (why) => calling === call && ended(why, performance.now()),
        },
      );
      calling = call;
    },
    powerCut: () => leaveFor({ from: 0, to: 0, power: false }),
    finish() {
      finished = true;
      if (away && !away.power) away = undefined;
    },
    leave() {
      finished = true;
      const death: Death = { kind: 'death', session, reason: 'stopped' };
      send(topics.status, JSON.stringify(death), performance.now(), true);
      speaker?.leave();
      letGo();
    },
    cut() {
      finished = true;
      speaker?.cut();
      calling?.cut();
      letGo();
    },
  };
}
