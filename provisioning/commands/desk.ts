/**
 * The commands of each box: asked for, answered, and kept.
 *
 * Invariants: a command's sequence is given once, in the batch that stores the command, and is above every one before it,
 * also above those that a restored backup has forgotten: it is no lower than the time. What is stored is what is signed,
 * each time anew, so that a key can change while commands wait.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import {
  type Command,
  type CommandResult,
  commandParameters,
  type DesiredState,
  Intervals,
} from '#contract/commands.js';
import {
  type CommandPage,
  type CommandView,
  type FleetCommandResult,
  type NewCommand,
  type NewFleetCommand,
  usualCommandSeconds,
} from '#contract/operator-commands.js';
import { check, describeFaults } from '#contract/parse.js';
import { isProblemCode, problem, Refusal } from '#contract/problems.js';
import type { EventLog } from '../fleet/events.js';
import type { CommandRecord } from '../store/commands.js';
import type { Store } from '../store/store.js';
import { createTurns } from '../store/turns.js';
import { sendToMany } from './many.js';

export interface CommandDesk {
  /** @throws Refusal `box-unknown`, `box-revoked`, `command-parameters`, `commands-full` */
  send(box: string, wish: NewCommand & { by: string }): Promise<CommandView>;
  /** To these boxes, unless they are another number than was meant. @throws Refusal `fleet-count-differs` */
  sendToMany(ids: readonly string[], wish: Omit<NewFleetCommand, 'filter'>, by: string): Promise<FleetCommandResult>;
  /** @throws Refusal `box-unknown` */
  list(box: string): Promise<CommandPage>;
  /** @throws Refusal `command-unknown` */
  find(box: string, id: string): Promise<CommandRecord>;
  /** The oldest that is not answered at all; it runs out here. Undefined where there is none. */
  next(box: string): Promise<CommandRecord | undefined>;
  /** It is about to be sent. */
  sending(record: CommandRecord): Promise<void>;
  /** Answers whether the box was asked for this; the same answer again changes nothing. */
  answered(box: string, result: CommandResult): Promise<boolean>;
  keepDiagnostics(box: string, id: string, bytes: number): Promise<void>;
  desired(box: string): Promise<DesiredState | undefined>;
  /** All that boxes are told to be like. */
  allDesired(): AsyncIterable<DesiredState>;
  /** Boxes of whose commands some have no final answer. */
  open(): string[];
  isOpen(box: string): boolean;
  /** What has run out without an answer. Answers how many. */
  expire(): Promise<number>;
  /** The box is no more: what waits for it ends. */
  forget(box: string): Promise<void>;
  onNew(listener: (box: string) => void): () => void;
}

/** Without a final answer, of one box. */
export const mostOpen = 20;
const mostKept = 100;
/** An answer may be on its way still. */
const graceMilliseconds = 60_000;

const keyOf = ({ box, sequence }: Pick<Command, 'box' | 'sequence'>): string =>
  `${box}!${String(sequence).padStart(16, '0')}`;
const ofBox = (box: string) => ({ gte: `${box}!`, lt: `${box}"` });
const isFinal = ({ state }: Pick<CommandRecord, 'state'>): boolean =>
  state !== 'pending' && state !== 'sent' && state !== 'waits-for-owner';

export const viewOf = (record: CommandRecord): CommandView => {
  const { id, box, sequence, kind, parameters, by, issuedAt, expiresAt } = record.command;
  const code = record.answer?.code;
  return {
    ...{ id, box, sequence, parameters, by, issuedAt, expiresAt },
    kind: kind as CommandView['kind'],
    state: record.state,
    sentAt: record.sentAt ?? null,
    answer: record.answer ?? null,
    answeredAt: record.answeredAt ?? null,
    remedy: isProblemCode(code) ? problem(code).remedy : null,
    diagnosticsBytes: record.diagnosticsBytes ?? null,
  };
};

export async function openCommandDesk({
  store,
  events,
  clock,
  territory,
}: {
  store: Store;
  events: EventLog;
  clock: Clock;
  territory: string;
}): Promise<CommandDesk> {
  const turns = createTurns();
  const listeners = new Set<(box: string) => void>();
  /** How many each box has without a final answer. */
  const open = new Map<string, number>();
  for await (const key of store.commandsOpen.keys()) count(key.split('!')[0] ?? '', 1);

  function count(box: string, change: number): void {
    const now = (open.get(box) ?? 0) + change;
    if (now > 0) open.set(box, now);
    else open.delete(box);
  }

  const put = (record: CommandRecord): Operation => ({
    type: 'put',
    sublevel: store.commands,
    key: keyOf(record.command),
    value: record,
  });
  const close = ({ command }: CommandRecord): Operation => ({
    type: 'del',
    sublevel: store.commandsOpen,
    key: keyOf(command),
  });
  const all = (box: string): Promise<CommandRecord[]> => store.commands.values(ofBox(box)).all();
  async function allOpen(box: string): Promise<CommandRecord[]> {
    if (!open.has(box)) return [];
    const keys = await store.commandsOpen.keys(ofBox(box)).all();
    return (await store.commands.getMany(keys)).filter((record) => record !== undefined);
  }

  const tell = (box: string, text: string) => events.compose({ type: 'command', box, text });

  /** @throws Refusal `box-unknown`, `box-revoked` */
  function demand(box: string, wish: { live: boolean }): void {
    const record = store.boxes.getSync(box);
    if (!record) throw new Refusal('box-unknown', box);
    if (wish.live && record.revokedAt !== undefined) throw new Refusal('box-revoked', box);
  }

  /** Of this box, what has been answered and is the oldest. */
  async function spare(box: string): Promise<Operation[]> {
    const keys = await store.commands.keys(ofBox(box)).all();
    if (keys.length < mostKept) return [];
    const records = await store.commands.getMany(keys.slice(0, keys.length - mostKept + 1));
    return records.flatMap((record): Operation[] =>
      record && isFinal(record) ? [{ type: 'del', sublevel: store.commands, key: keyOf(record.command) }] : [],
    );
  }

  async function end(records: readonly CommandRecord[], why: string): Promise<void> {
    if (records.length === 0) return;
    const told = records.map(({ command }) => tell(command.box, `${command.kind}: ${why}`));
    await store.commit([
      ...records.flatMap((record) => [put({ ...record, state: 'expired' }), close(record)]),
      ...told.map(({ operation }) => operation),
    ]);
    for (const { command } of records) count(command.box, -1);
    for (const one of told) one.tell();
  }

  /** Of a kind that says what is to be, the newest counts alone. */
  const replaced = async (box: string, kind: string): Promise<CommandRecord[]> =>
    kind === 'set-intervals' ? (await allOpen(box)).filter(({ command }) => command.kind === kind) : [];

  const desk: Omit<CommandDesk, 'sendToMany'> = {
    send: (box, { kind, parameters = {}, lifetimeSeconds = usualCommandSeconds, by }) =>
      turns.take(box, async () => {
        demand(box, { live: true });
        const read = check(commandParameters[kind], parameters);
        if (!read.ok) throw new Refusal('command-parameters', describeFaults(read.faults));
        await end(await replaced(box, kind), 'another one came in its place');
        if ((open.get(box) ?? 0) >= mostOpen) throw new Refusal('commands-full', box);
        const now = clock.now();
        const last = (await store.commandBoxes.get(box))?.sequence ?? 0;
        const sequence = Math.max(last + 1, now);
        const command: Command = {
          ...{ territory, box, id: randomBytes(8).toString('hex'), sequence, kind, parameters },
          ...{ issuedAt: now, expiresAt: now + lifetimeSeconds * 1000, by },
        };
        const record: CommandRecord = { command, state: 'pending' };
        const told = tell(box, `${by} asks for ${kind}`);
        const operations: Operation[] = [
          put(record),
          { type: 'put', sublevel: store.commandsOpen, key: keyOf(command), value: true },
          { type: 'put', sublevel: store.commandBoxes, key: box, value: { sequence } },
          ...(await spare(box)),
          told.operation,
        ];
        const intervals = check(Intervals, parameters);
        if (kind === 'set-intervals' && intervals.ok) {
          const state: DesiredState = {
            ...{ territory, box, command: command.id, revision: sequence, intervals: intervals.value },
            ...{ issuedAt: now, by },
          };
          operations.push({ type: 'put', sublevel: store.desired, key: box, value: state });
        }
        await store.commit(operations);
        count(box, 1);
        told.tell();
        for (const listener of [...listeners]) listener(box);
        return viewOf(record);
      }),
    async list(box) {
      demand(box, { live: false });
      const [records, desired] = await Promise.all([all(box), store.desired.get(box)]);
      return { commands: records.toReversed().map(viewOf), intervals: desired?.intervals ?? null };
    },
    async find(box, id) {
      const found = (await all(box)).find(({ command }) => command.id === id);
      if (!found) throw new Refusal('command-unknown', id);
      return found;
    },
    async next(box) {
      const found = (await allOpen(box)).find(({ state }) => state === 'pending' || state === 'sent');
      return found && found.command.expiresAt > clock.now() ? found : undefined;
    },
    sending: ({ command }) =>
      turns.take(command.box, async () => {
        const now = await store.commands.get(keyOf(command));
        if (now?.state === 'pending' || now?.state === 'sent')
          await store.commit([put({ ...now, state: 'sent', sentAt: clock.now() })]);
      }),
    answered: (box, result) =>
      turns.take(box, async () => {
        const found = (await all(box)).find(({ command }) => command.id === result.command);
        if (!found) return false;
        // One that ran out here, unanswered, may have been done in time all the same.
        const isLate = found.state === 'expired' && found.answer === undefined;
        const same = found.answer?.outcome === result.outcome && found.answer.code === result.code;
        if ((isFinal(found) && !isLate) || same) return true;
        const next: CommandRecord = { ...found, state: result.outcome, answer: result, answeredAt: clock.now() };
        const ends = isFinal(next) && !isLate;
        const told = tell(box, `${found.command.kind}: ${result.outcome.replaceAll('-', ' ')}, ${result.text}`);
        await store.commit([put(next), ...(ends ? [close(found)] : []), told.operation]);
        if (ends) count(box, -1);
        told.tell();
        return true;
      }),
    keepDiagnostics: (box, id, bytes) =>
      turns.take(box, async () => {
        const found = (await all(box)).find(({ command }) => command.id === id);
        if (found) await store.commit([put({ ...found, diagnosticsBytes: bytes })]);
      }),
    desired: (box) => store.desired.get(box),
    allDesired: () => store.desired.values(),
    open: () => [...open.keys()],
    isOpen: (box) => open.has(box),
    async expire() {
      let gone = 0;
      const before = clock.now() - graceMilliseconds;
      for (const box of [...open.keys()])
        await turns.take(box, async () => {
          const late = (await allOpen(box)).filter(({ command }) => command.expiresAt < before);
          await end(late, 'it ran out without an answer');
          gone += late.length;
        });
      return gone;
    },
    forget: (box) =>
      turns.take(box, async () => {
        await end(await allOpen(box), 'the box has left or was revoked');
        await store.commit([{ type: 'del', sublevel: store.desired, key: box }]);
      }),
    onNew(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return { ...desk, sendToMany: (ids, wish, by) => sendToMany(desk.send, ids, wish, by) };
}
