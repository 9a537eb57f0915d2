/** `simulate`: so many boxes over real EST, mutual TLS and MQTT, until their time is over or it is told to stop. */
import path from 'node:path';
import { Type } from 'typebox';
import { systemClock } from '#common/clock.js';
import { table } from '#common/columns.js';
import { callControl } from '#common/control.js';
import { files } from '#common/files.js';
import { parseClaimCode } from '#contract/claim-code.js';
import { CreatedClaim } from '#contract/operator.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { CountedRange } from '../fleet/counted.js';
import { enrolAll, profileOf } from '../simulate/enrol.js';
import { parseFaults } from '../simulate/faults.js';
import { openFolder } from '../simulate/identities.js';
import { day } from '../simulate/life.js';
import { createSimulation, type Simulation } from '../simulate/simulation.js';
import { quantile } from '../simulate/tally.js';
import { judge, type Verdict } from '../simulate/verify.js';
import { checkDirectory, controlSocket } from '../territory.js';
import { duration, fileText, flag, noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import type { Command, Io } from './command.js';

const options = {
  ...{ boxes: text, est: text, dir: text, root: text, claims: text, state: text, seed: text, for: text },
  ...{ speed: text, rate: text, interval: text, batch: text, faults: text, 'at-once': text, drain: text },
  ...{ verify: flag, json: flag },
};
const longestSeconds = 366 * 86_400;
const mostClaimsAtOnce = 1000;
const enrolAtOnce = 16;
const verifyAtOnce = 8;
/** What is older may have been thinned out by now. */
const verifiedDays = 6;
const tellMilliseconds = 10_000;

function wanted(args: string[]) {
  const { values, positionals } = readArguments(args, options);
  noMore(positionals);
  const boxes = wholeNumber(required(values.boxes, '--boxes'), '--boxes', [1, 100_000]);
  const batch = wholeNumber(values.batch ?? '15', '--batch', [1, 100]);
  const interval = duration(values.interval ?? '60s', '--interval', [1, 86_400]);
  if (values.speed !== undefined && values.rate !== undefined)
    throw new Refusal('arguments-invalid', 'give --speed or --rate: either follows from the other');
  const rate = values.rate === undefined ? undefined : wholeNumber(values.rate, '--rate', [1, 1_000_000]);
  if (!URL.canParse(values.est ?? ''))
    throw new Refusal('arguments-invalid', '--est is an address such as https://localhost:8440');
  return {
    ...{ boxes, batch, intervalMilliseconds: interval * 1000, values },
    est: new URL(values.est ?? ''),
    dir: values.dir === undefined ? undefined : path.resolve(values.dir),
    state: path.resolve(required(values.state, '--state')),
    seed: wholeNumber(values.seed ?? '1', '--seed', [0, 999_999_999]),
    lasts: duration(values.for ?? '5m', '--for', [1, longestSeconds]) * 1000,
    drain: duration(values.drain ?? '5m', '--drain', [1, longestSeconds]) * 1000,
    atOnce: wholeNumber(values['at-once'] ?? '64', '--at-once', [1, 100_000]),
    // So many samples a second, of all boxes together.
    speed:
      rate === undefined
        ? wholeNumber(values.speed ?? '1', '--speed', [1, 1_000_000])
        : Math.max(1, (rate * interval) / boxes),
    faults: parseFaults(values.faults ?? ''),
  };
}
type Wanted = ReturnType<typeof wanted>;

async function rootOf({ dir, values }: Wanted): Promise<string> {
  const file = values.root ?? (dir && path.join(dir, 'ca/root.crt'));
  return fileText(required(file, '--root, or --dir,'));
}

/** Made by the provider that runs in `--dir`, or read from a file with one code a line. */
async function claimsOf({ dir, values }: Wanted, count: number): Promise<string[]> {
  if (values.claims !== undefined) {
    const codes = (await fileText(values.claims)).split(/\s+/).filter((code) => parseClaimCode(code) !== undefined);
    if (codes.length < count) throw new Refusal('simulation-claims', `${codes.length} of ${count} in ${values.claims}`);
    return codes.slice(0, count);
  }
  const directory = required(dir, '--claims, or --dir,');
  await checkDirectory(directory);
  const codes: string[] = [];
  while (codes.length < count) {
    const wish = { count: Math.min(mostClaimsAtOnce, count - codes.length), label: 'simulated' };
    const made = check(Type.Array(CreatedClaim), await callControl(controlSocket(directory), 'claim.create', wish));
    if (!made.ok) throw new Error(`cannot read the claims: ${describeFaults(made.faults)}`);
    codes.push(...made.value.map(({ code }) => code));
  }
  return codes;
}

async function verify({ dir, intervalMilliseconds }: Wanted, { boxes, kept }: Simulation): Promise<Verdict> {
  const socket = controlSocket(required(dir, '--dir'));
  const since = Date.now() - verifiedDays * day;
  const all = kept();
  const sum: Verdict = { expected: 0, stored: 0, missing: 0, doubled: 0 };
  const waiting = [...boxes];
  async function worker(): Promise<void> {
    for (let box = waiting.pop(); box; box = waiting.pop()) {
      const answer = check(Type.Array(CountedRange), await callControl(socket, 'box.count', { box: box.id, since }));
      if (!answer.ok) throw new Error(`cannot read the count: ${describeFaults(answer.faults)}`);
      const itsWish = { intervalMilliseconds, since, clockOff: box.life.clockOff ?? 0 };
      const { expected, stored, missing, doubled } = judge(all.get(box.id)!, answer.value, itsWish);
      sum.expected += expected;
      sum.stored += stored;
      sum.missing += missing;
      sum.doubled += doubled;
    }
  }
  await Promise.all(Array.from({ length: verifyAtOnce }, worker));
  return sum;
}

const report = ({ tally, boxes }: Simulation) => ({
  boxes: boxes.length,
  samples: { taken: boxes.reduce((sum, { book }) => sum + book.last, 0), sent: tally.fresh, resent: tally.resent },
  acknowledged: boxes.reduce((sum, { book }) => sum + book.covered, 0),
  batches: { sent: tally.batches, doubled: tally.duplicated, reordered: tally.reordered, bytes: tally.bytes },
  connections: {
    made: tally.connections,
    p50Milliseconds: Math.round(quantile(tally.waits, 0.5)),
    p99Milliseconds: Math.round(quantile(tally.waits, 0.99)),
  },
  reasons: Object.fromEntries(tally.reasons),
});

async function tellNow(simulation: Simulation, { out }: Io, signal: AbortSignal): Promise<void> {
  for (;;) {
    await systemClock.sleep(tellMilliseconds, signal);
    if (signal.aborted) return;
    const { samples, acknowledged, boxes } = report(simulation);
    const at = new Date(simulation.tally.simulated()).toISOString();
    out(`${at}  online ${simulation.online()} of ${boxes}  taken ${samples.taken}  acknowledged ${acknowledged}`);
  }
}

function tellAll(simulation: Simulation, verdict: Verdict | undefined, { out }: Io): void {
  const { samples, acknowledged, batches, connections, reasons } = report(simulation);
  const rows: [string, number][] = [
    ['samples taken', samples.taken],
    ['samples sent', samples.sent],
    ['samples sent again', samples.resent],
    ['samples acknowledged', acknowledged],
    ['batches', batches.sent],
    ['batches sent twice on purpose', batches.doubled],
    ['batches sent out of order on purpose', batches.reordered],
    ['connections', connections.made],
    ['  of which half took at most, ms', connections.p50Milliseconds],
    ['  of which 99 % took at most, ms', connections.p99Milliseconds],
    ...Object.entries(reasons),
    ...(verdict
      ? ([
          ['stored at the provider', verdict.stored],
          ['  missing there', verdict.missing],
          ['  doubled there', verdict.doubled],
        ] as [string, number][])
      : []),
  ];
  for (const line of table(rows.map(([what, count]) => [what, String(count)]))) out(line);
}

export const simulate: Command = async (args, io) => {
  const wish = wanted(args);
  const { boxes: count, est, seed, speed, intervalMilliseconds, batch, lasts, faults, atOnce, values } = wish;
  const root = await rootOf(wish);
  const folder = await openFolder(files, wish.state);
  const territory = { est, root };
  const identities = await enrolAll({
    ...{ folder, territory, count, clock: systemClock, signal: io.stop, atOnce: enrolAtOnce },
    claims: (some) => claimsOf(wish, some),
    told: (enrolled) => void (enrolled % 500 === 0 && !values.json && io.out(`${enrolled} boxes have enrolled`)),
  });
  const [first] = identities;
  if (!first) return;
  const { compact, tells, ...broker } = await profileOf(territory, first);
  const simulation = createSimulation(
    {
      identities,
      kept: await folder.takeBooks(),
      seed,
      broker,
      root,
      lasts,
      speed,
      intervalMilliseconds,
      batch,
      faults,
      atOnce,
      ...{ compact, tells },
    },
    systemClock,
  );
  const telling = new AbortController();
  const told = values.json ? undefined : tellNow(simulation, io, telling.signal);
  await simulation.live(io.stop);
  const isWhole = await simulation.drain(AbortSignal.timeout(wish.drain));
  await simulation.stop();
  await folder.keepBooks(simulation.kept());
  telling.abort();
  await told;
  const verdict = values.verify ? await verify(wish, simulation) : undefined;
  if (values.json) io.out(JSON.stringify({ ...report(simulation), ...(verdict && { verdict }) }));
  else tellAll(simulation, verdict, io);
  if (!isWhole) throw new Refusal('simulation-wrong', `not all is acknowledged after ${wish.drain / 1000} s more`);
  if (verdict && verdict.missing + verdict.doubled > 0)
    throw new Refusal('simulation-wrong', `${verdict.missing} missing, ${verdict.doubled} doubled`);
};
