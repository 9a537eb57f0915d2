/** An outbox that is killed around any one of its writes, with the power still there and with the power gone. */
import { spawn } from 'node:child_process';
import { cp, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import type { Sample } from '#contract/health.js';
import { ownFolder } from '../support/folder.js';
import { batch, openBatched, samples } from '../support/outbox-child.js';

async function run(
  folder: string,
  boot: string,
  cut: number,
): Promise<{ writes: string[]; promised: number[]; isClosed: boolean }> {
  const child = spawn(process.execPath, ['build/test/support/outbox-child.js', folder, boot, String(cut)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = (await text(child.stdout)).split('\n').filter(Boolean);
  return {
    writes: lines.filter((line) => /^\d+ /.test(line)),
    promised: lines.flatMap((line) => (line.startsWith('added ') ? [Number(line.slice(6))] : [])),
    isClosed: lines.at(-1) === 'closed',
  };
}

const valuesOf = (held: readonly Sample[]): (number | undefined)[] => held.map(({ values }) => values['system.uptime']);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const everything = { count: 100, bytes: 1_000_000 };

t.test('killed around each write', async (t) => {
  const all = await ownFolder(t);
  const whole = await run(all, 'one', 0);
  t.ok(whole.isClosed);
  t.ok(whole.writes.length >= 12, `${whole.writes.length} moments`);
  const after = await openBatched(all, 'two');
  t.match(
    after.outbox.state(),
    { last: samples, waiting: samples, lost: 0 },
    'an orderly end loses nothing, whatever comes',
  );
  await after.close();

  for (let cut = 1; cut <= whole.writes.length; cut += 1) {
    const folder = path.join(all, `cut-${cut}`);
    const dark = path.join(all, `dark-${cut}`);
    await mkdir(folder);
    const { promised, writes } = await run(folder, 'one', cut);
    const moment = writes.at(-1);
    await cp(folder, dark, { recursive: true });

    // Started again in the same boot, killed while it recovers, and started once more.
    await run(folder, 'one', 2);
    const again = await openBatched(folder, 'one');
    const { last, lost } = again.outbox.state();
    t.equal(lost, 0, `${moment}: nothing is lost`);
    await again.outbox.commit();
    const held = await again.outbox.read(1, 1000, everything);
    t.same(
      held.map(({ seq }) => seq),
      upTo(last),
      'and no sequence is missing',
    );
    t.same(valuesOf(held).slice(0, promised.length), promised, 'all that was promised is there once and in its order');
    t.ok(held.length <= promised.length + 1, 'and what was about to be');
    await again.close();

    // The power was cut instead: memory is gone, and with it the spool.
    await rm(path.join(dark, 'spool'), { force: true });
    const lit = await openBatched(dark, 'two');
    const state = lit.outbox.state();
    const kept = await lit.outbox.read(1, 1000, everything);
    t.same(valuesOf(kept), upTo(kept.length), `${moment}, and dark: what was committed is there`);
    const missing = promised.length - kept.length;
    t.ok(
      missing <= state.lost && state.lost <= batch - 1,
      `${missing} of what was promised is gone, ${state.lost} are counted`,
    );
    t.equal(state.last, kept.length + state.lost, 'each sequence is held or counted');
    t.same(
      await lit.outbox.lostWithin(1, 1000),
      state.lost > 0 ? [[kept.length + 1, state.last, 'cut']] : [],
      'and explained',
    );
    t.equal((await lit.outbox.add({ at: 99, values: {} })).seq, state.last + 1, 'no sequence is given twice');
    await lit.close();
    const next = await openBatched(dark, 'three');
    t.match(next.outbox.state(), { lost: state.lost, last: state.last + 1 }, 'a cut is counted once');
    await next.close();
  }
});

t.test('a spool of another boot is taken as far as it goes, and what it may lack is counted', async (t) => {
  const folder = await ownFolder(t);
  const { writes } = await run(folder, 'one', 0);
  const second = path.join(folder, 'second');
  await mkdir(second);
  const appended = writes.findIndex((line) => line.endsWith('after append')) + 1;
  await run(second, 'one', appended);
  const { outbox, close } = await openBatched(second, 'two');
  t.teardown(close);
  t.match(outbox.state(), { waiting: 1, lost: batch - 2, last: batch - 1 });
});

t.test('without a spool that can be written each sample is committed by itself', async (t) => {
  const folder = await ownFolder(t);
  const { outbox, close } = await openBatched(folder, 'one', async (name, write) => {
    if (name === 'append') throw new Error('no space left on device');
    await write();
  });
  await outbox.add({ at: 1, values: {} });
  t.equal(outbox.state().last, 1);
  await close();
});
