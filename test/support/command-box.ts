/** The box's side of commands over a real store and ledger; the territory is the test, and so is the broker. */
import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { signCommand, signDesired } from '#common/commands.js';
import type { Operation } from '#common/commits.js';
import { publicJwkOf } from '#common/jws.js';
import { newPrivateKey } from '#common/pki/keys.js';
import type { Command, CommandResult, DesiredState, LiveSample } from '#contract/commands.js';
import type { PublicJwk } from '#contract/directory.js';
import type { Refusal } from '#contract/problems.js';
import { type CommandRoom, createCommands } from '../../agent/commands/commands.js';
import { createLedger, type Ledger } from '../../agent/consent/ledger.js';
import { type LeaseRoom, openLeases } from '../../agent/leases/open.js';
import { openStore } from '../../agent/store/store.js';
import { testSigner } from './installing.js';
import { createManualClock, type ManualClock } from './manual-clock.js';

export const box = 'box-000000000001';
export const territory = 'north';

export interface Key {
  key: KeyObject;
  jwk: PublicJwk;
}
export const makeKey = async (pem?: string): Promise<Key> => {
  const key = pem === undefined ? newPrivateKey() : createPrivateKey(pem);
  return { key, jwk: await publicJwkOf(key) };
};

export const commandBy = async ({ key, jwk }: Key, command: Command): Promise<Buffer> =>
  Buffer.from(await signCommand({ key, kid: jwk.kid, payload: command }));
export const desiredBy = async ({ key, jwk }: Key, state: DesiredState): Promise<Buffer> =>
  Buffer.from(await signDesired({ key, kid: jwk.kid, payload: state }));

/** Told what happens, in the order that it happens. */
export type Effect = { name: string; command?: string };

export async function commandBox(wish: {
  folder: string;
  keys?: Key[];
  clock?: ManualClock;
  boot?: string;
  /** Before each commit of the room or its ledger. */
  onCommit?: (operations: readonly Operation[]) => void;
  onEffect?: (effect: Effect) => void;
}) {
  const { folder, clock = createManualClock() } = wish;
  const keys = wish.keys ?? [await makeKey()];
  /** What the profile says, and what it says when it is fetched anew. */
  const profile = { box, territory, keys: keys.map(({ jwk }) => jwk), next: undefined as PublicJwk[] | undefined };
  const state = { trusted: true, serial: '01', isOwned: true, fetched: 0, commits: 0, reporting: [] as string[] };
  const results: CommandResult[] = [];
  const live: LiveSample[] = [];
  const effects: Effect[] = [];
  const refusals: Refusal[] = [];
  const failing = new Map<string, Refusal>();
  const { signer, jwk: ownerKey } = await testSigner();
  const opened = await openStore(folder);
  const store = {
    ...opened,
    async commit(operations: readonly Operation[]) {
      wish.onCommit?.(operations);
      state.commits += 1;
      await opened.commit(operations);
    },
  };
  const ledger: Ledger = await createLedger({ store, clock });
  const holds: LeaseRoom = await openLeases({
    ...{ store: opened, ledger, boot: wish.boot ?? 'first' },
    clock: { ...clock, trusted: () => state.trusted },
    monotonic: clock.now,
    announce: () => false,
    onRefused: (refusal) => refusals.push(refusal),
  });
  const effect = async (name: string, command?: string): Promise<void> => {
    wish.onEffect?.({ name, ...(command === undefined ? {} : { command }) });
    effects.push({ name, ...(command === undefined ? {} : { command }) });
    queueMicrotask(() => look());
    const refusal = failing.get(name);
    if (refusal) throw refusal;
  };
  const timed = {
    now: clock.now,
    sleep: clock.sleep,
    trusted: () => state.trusted,
    async until(moment: number, signal?: AbortSignal) {
      while (!signal?.aborted && clock.now() < moment) await clock.sleep(moment - clock.now(), signal);
    },
  };
  const room: CommandRoom = await createCommands({
    ...{ store, ledger, clock: timed, monotonic: clock.now },
    standing: () => (state.isOwned ? profile : undefined),
    async relearn() {
      state.fetched += 1;
      if (profile.next) profile.keys = profile.next;
    },
    effects: {
      refresh: () => effect('refresh'),
      async rotateKey() {
        await effect('rotate-key');
        state.serial = '02';
        return state.serial;
      },
      collect: async () => ({ format: 'test' }),
      async upload(command) {
        await effect('diagnostics', command);
        return 100;
      },
      restartAgent: () => effect('restart-agent'),
      reboot: () => effect('reboot'),
    },
    holds: { ask: holds.reboot.ask, end: holds.reboot.end, onChange: holds.leases.onChange },
    here: () => ({ start: randomBytes(4).toString('hex'), boot: wish.boot ?? 'first', serial: state.serial }),
    sample: async () => ({ 'system.uptime': clock.now() }),
    epoch: () => 'e'.repeat(16),
    onReporting: async (level) => void state.reporting.push(level),
    onRefused: (refusal) => refusals.push(refusal),
  });
  holds.start();

  const waiting: { holds: () => boolean; resolve: () => void }[] = [];
  /** Resolves once this holds; asked at each answer and each change. */
  const until = (isSo: () => boolean): Promise<void> =>
    isSo() ? Promise.resolve() : new Promise((resolve) => waiting.push({ holds: isSo, resolve }));
  const look = (): void => {
    for (const one of [...waiting]) {
      if (!one.holds()) continue;
      waiting.splice(waiting.indexOf(one), 1);
      one.resolve();
    }
  };
  room.owner.onChange(look);
  let sequence = 0;
  let session: { close(): void } | undefined;
  let closed = false;

  const tools = {
    ...{
      room,
      ledger,
      holds,
      clock,
      keys,
      profile,
      state,
      results,
      live,
      effects,
      refusals,
      failing,
      signer,
      ownerKey,
    },
    until,
    command: (kind: string, more: Partial<Command> = {}): Command => {
      sequence += 1;
      return {
        ...{ territory, box, id: randomBytes(8).toString('hex'), sequence, kind, parameters: {} },
        ...{ issuedAt: clock.now(), expiresAt: clock.now() + 3_600_000, by: 'Ana' },
        ...more,
      };
    },
    desire: (more: Partial<DesiredState> = {}): DesiredState => ({
      ...{ territory, box, command: randomBytes(8).toString('hex'), revision: 1 },
      ...{ intervals: { sampleSeconds: 30, batchSeconds: 600 }, issuedAt: clock.now(), by: 'Ana' },
      ...more,
    }),
    /** As the broker brings it, and looked at. */
    async hear(command: Command, key: Key = keys[0]!): Promise<void> {
      room.heard(command.id, await commandBy(key, command));
      await room.idle();
    },
    async wish(desired: DesiredState, key: Key = keys[0]!): Promise<void> {
      room.desired(await desiredBy(key, desired));
      await room.idle();
    },
    connect() {
      session = room.open({
        async result(result) {
          results.push(result);
          queueMicrotask(look);
        },
        live: (sample) => void live.push(sample),
      });
    },
    disconnect: () => session?.close(),
    answersOf: (id: string) => results.filter(({ command }) => command === id),
    /** Resolves with the last answer, once it is final. */
    async answer(id: string): Promise<CommandResult> {
      const found = () => results.findLast((one) => one.command === id && one.outcome !== 'waits-for-owner');
      await until(() => found() !== undefined);
      return found()!;
    },
    entries: async () => (await ledger.export()).entries,
    /** As a stop, or with `cut` as a power cut leaves it to the next start. */
    async close() {
      if (closed) return;
      closed = true;
      await room.stop();
      await holds.stop();
      await opened.close();
    },
  };
  return tools;
}
export type CommandBox = Awaited<ReturnType<typeof commandBox>>;
