/**
 * A box's week, or DAYS: a sample each simulated minute, on the disk and at a real provider; an app and an owner as in an
 * ordinary day (test/support/daily-life.ts); each night the provider starts again, and each noon the disk is nearly full for
 * an hour. No certificate is renewed: to Node's own TLS, which knows the machine's clock alone, it would be none yet. What the agent's process holds and uses must not grow from day to day.
 *
 * The reference is the second day: in the first the agent enrols, and what is used for the first time is compiled. Memory
 * is that of the last day, after a full collection; the heap without the code that V8 makes of the agent, which it makes
 * better for weeks, function by function, to an end. Processor time, which a busy machine makes noisy, and bytes written,
 * which level's compactions make uneven: the last three days against the three from the second on, or as many as there are.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { check, parseJson } from '#contract/parse.js';
import { newSetupCode } from '#contract/setup-code.js';
import { dailyLife } from '../support/daily-life.js';
import { asStarted } from './agent.js';
import { type Conditions, type Figure, figure, median } from './compare.js';
import { ask, built, type Program, part, type Workshop } from './workshop.js';

const Begun = Type.Object({ est: Type.String(), caSha256: Type.String(), code: Type.String(), now: Type.Number() });
const Console = Type.Object({ port: Type.Integer() });
const Passed = Type.Object({ seconds: Type.Number() });
const Day = Type.Object({
  ...{ heap: Type.Number(), code: Type.Number(), resident: Type.Number(), external: Type.Number() },
  ...{ cpuSeconds: Type.Number(), written: Type.Number(), stored: Type.Number() },
  open: Type.Record(Type.String(), Type.Integer()),
});
type Day = Static<typeof Day>;

const megabyte = 2 ** 20;
const hours = 24;
const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;

interface Opened {
  box: Program;
  provider: Program;
  life: ReturnType<typeof dailyLife>;
  /** How many samples an hour has. */
  samples: number;
}

async function open(workshop: Workshop, days: number, intervalSeconds: number): Promise<Opened> {
  const provider = await workshop.serve([part('timed-provider'), `${2 * days}d`]);
  const begun = parseJson(Begun, provider.said[0] ?? '');
  if (!begun.ok) throw new Error('cannot read where the provider is');
  const { est, caSha256, code, now } = begun.value;
  const folder = await workshop.folder();
  const at = (name: string) => path.join(folder, name);
  const setupCode = newSetupCode();
  await mkdir(at('boot'));
  await writeFile(at('boot/webizen.json'), JSON.stringify({ setupCode }));
  await writeFile(at('claim'), `${code}\n`);
  const app = { id: 'diary', command: ['sleep', '1000000'], grants: ['storage', 'health.read', 'notify'] };
  const config = {
    ...{ dataDir: at('data'), runtimeDir: at('run'), bootDir: at('boot'), claimCodeFile: at('claim') },
    ...{ territory: { est, caSha256 }, owner: { host: '127.0.0.1', port: 0, mdns: false } },
    health: { intervalSeconds, batchSeconds: 15 * intervalSeconds },
    apps: [{ ...app, quotaBytes: 2 ** 24 }],
  };
  await writeFile(at('agent.json'), JSON.stringify(config));
  const program = built('test/bench/bundled/passing-box.js');
  const box = await workshop.serve(['--expose-gc', program, at('agent.json'), String(now)], asStarted);
  const console = parseJson(Console, box.said[0] ?? '');
  if (!console.ok) throw new Error("cannot read where the owner's console is");
  const socketPath = at('run/apps/diary/api.sock');
  const life = dailyLife({ socketPath, ownerPort: console.value.port, setupCode });
  return { box, provider, life, samples: 3600 / intervalSeconds };
}

/** The provider's clock follows, a quarter of an hour behind at most: it never seems to tell a better time. */
async function together({ box, provider }: Opened, wish: { samples: number; full?: boolean }): Promise<void> {
  const passed = check(Passed, await ask(box, wish));
  if (!passed.ok) throw new Error('cannot read how long that was');
  await ask(provider, passed.value);
}

async function passDay(opened: Opened): Promise<Day> {
  const { box, provider, life, samples } = opened;
  for (let hour = 0; hour < hours; hour += 1) {
    if (hour === 3) await ask(provider, { again: true });
    await life.hour(hour);
    for (let quarter = 0; quarter < 4; quarter += 1) {
      await together(opened, { samples: samples / 4, full: hour === 12 });
    }
  }
  const day = check(Day, await ask(box, {}));
  if (!day.ok) throw new Error('cannot read what a day took');
  return day.value;
}

export async function week(workshop: Workshop, { short, say }: Conditions): Promise<Figure[]> {
  const days = Number(process.env.DAYS ?? (short ? 3 : 7));
  const opened = await open(workshop, days, short ? 300 : 60);
  const { box, provider, life } = opened;
  await together(opened, { samples: 0 });
  await life.setUp();
  const passed: Day[] = [];
  while (passed.length < days) {
    const day = await passDay(opened);
    passed.push(day);
    const { descriptors, ...kinds } = day.open;
    say(
      `week: day ${passed.length}: heap ${(day.heap / megabyte).toFixed(2)} MiB and ${(day.code / megabyte).toFixed(2)} of code, ` +
        `resident ${(day.resident / megabyte).toFixed(1)}, outside the heap ${(day.external / megabyte).toFixed(2)}; ` +
        `${day.cpuSeconds.toFixed(2)} s of processor time; ${(day.written / megabyte).toFixed(2)} MiB written, ` +
        `${(day.stored / megabyte).toFixed(2)} kept; ${descriptors} descriptors, ` +
        Object.entries(kinds)
          .map(([kind, count]) => `${count} ${kind}`)
          .join(', '),
    );
  }
  life.end();
  await box.stop();
  await provider.stop();

  const steady = passed.slice(1);
  // Never a day against itself: three of a week, one of three days.
  const some = Math.max(1, Math.min(3, Math.floor(steady.length / 2)));
  const [second, last] = [steady[0]!, steady.at(-1)!];
  const against = (name: string, unit: string, of: (day: Day) => number) =>
    figure(name, unit, { value: of(last), reference: of(second) });
  const settled = (name: string, unit: string, of: (day: Day) => number, middle: (values: number[]) => number) =>
    figure(name, unit, {
      value: middle(steady.slice(-some).map(of)),
      reference: middle(steady.slice(0, some).map(of)),
    });
  return [
    against('week.heap', 'MiB', ({ heap }) => heap / megabyte),
    against('week.resident', 'MiB', ({ resident }) => resident / megabyte),
    settled('week.cpu', 'CPU s/day', ({ cpuSeconds }) => cpuSeconds, median),
    settled('week.written', 'MiB/day', ({ written }) => written / megabyte, mean),
    against('week.open', 'descriptors, timers, sockets', ({ open }) =>
      Object.values(open).reduce((sum, count) => sum + count, 0),
    ),
  ];
}
