/**
 * IP bytes both ways of a healthy box that is online for a day: 39 values a minute, five events, mutual TLS, one reconnect,
 * each publish acknowledged; counted in a network namespace of its own with packets as Ethernet has them. Beside it the budget, 3 MB
 * a month. For the default interval, and for shorter ones, that say why it is the default.
 */
import { Type } from 'typebox';
import { decodeBatch, encodeBatch } from '#contract/health-codec.js';
import { parseJson } from '#contract/parse.js';
import { lifeOf } from '../support/health-life.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import { part, type Workshop } from './workshop.js';

const Count = Type.Object({ bytes: Type.Integer(), segments: Type.Integer() });
const Counted = Type.Object({
  first: Count,
  again: Count,
  events: Type.Object({ ...Count.properties, count: Type.Integer() }),
  batches: Type.Object({ ...Count.properties, count: Type.Integer(), payload: Type.Integer() }),
  rest: Type.Object({ ...Count.properties, seconds: Type.Integer() }),
});

const daySeconds = 86_400;
const budgetBytes = 100_000;
const defaultSeconds = 900;
/** Loopback as wide as Ethernet, and no packet that stands for many. */
const narrow = 'ip link set dev lo mtu 1500 gso_max_segs 1 up';

/** The figures may be asked for late: most of the time nothing happens, on purpose. */
export async function startWire(workshop: Workshop, conditions: Conditions): Promise<() => Promise<Figure[]>> {
  const { short, say } = conditions;
  const intervals = short ? [defaultSeconds] : [300, 600, defaultSeconds];

  async function count(batchSeconds: number) {
    const batches = short ? 6 : daySeconds / batchSeconds;
    // By the clock of this machine: what the kernel, TLS and MQTT say of themselves while the box says nothing.
    const restSeconds = short ? 62 : 298;
    const argumentsOf = async () =>
      [part('wire'), await workshop.folder(), ...[batchSeconds, batches, restSeconds].map(String)] as const;
    const here = [process.execPath, ...(await argumentsOf())];
    const text = await workshop
      .output(['-rn', 'sh', '-c', `${narrow} && exec "$@"`, 'wire', ...here], 'unshare')
      .catch(async (error: unknown) => {
        say(`wire: no network namespace here (${String(error).split('\n')[0]})`);
        say('wire: counted with all that this machine sends, over loopback with its wide packets');
        return workshop.output(await argumentsOf());
      });
    const counted = parseJson(Counted, text);
    if (!counted.ok) throw new Error('cannot read what was counted on the wire');
    const { first, again, events, batches: sent, rest } = counted.value;
    const perDay = daySeconds / batchSeconds;
    const bytesADay =
      (sent.bytes / sent.count) * perDay + (rest.bytes / rest.seconds) * daySeconds + again.bytes + events.bytes;
    say(
      `wire: ${batchSeconds} s a batch: ${sent.count} took ${sent.bytes} IP bytes in ${sent.segments} segments (payload ` +
        `${sent.payload}); ${rest.seconds} s of rest ${rest.bytes} bytes; a reconnect with death, birth and newest sample ` +
        `${again.bytes} bytes in ${again.segments} segments, the first connection ${first.bytes}; ${events.count} events ` +
        `${events.bytes} bytes in ${events.segments} segments`,
    );
    const name = batchSeconds === defaultSeconds ? 'wire.day' : `wire.day.${batchSeconds}`;
    return figure(name, `IP bytes/day, both ways, ${batchSeconds / 60} min a batch; reference: the budget`, {
      value: Math.round(bytesADay),
      reference: budgetBytes,
    });
  }

  const counting = (async () => {
    const figures: Figure[] = [];
    for (const seconds of intervals) figures.push(await count(seconds));
    return figures;
  })().then(
    (figures) => ({ figures }),
    (error: unknown) => ({ error }),
  );

  return async () => {
    const counted = await counting;
    if ('error' in counted) throw counted.error;
    return [...counted.figures, await codec(conditions)];
  };
}

/** A quarter of an hour of samples built and read, beside what JSON takes for the same. */
async function codec({ short }: Conditions): Promise<Figure> {
  const batch = lifeOf({ samples: defaultSeconds / 60 });
  const times = short ? 200 : 2000;
  const timed = (work: () => unknown) => async () => {
    const { user, system } = process.cpuUsage();
    for (let index = 0; index < times; index += 1) work();
    const used = process.cpuUsage({ user, system });
    return (used.user + used.system) / times;
  };
  return figure(
    'wire.codec',
    'CPU µs/batch of 15 samples built and read; reference: JSON',
    await inTurns(
      short ? 3 : 7,
      timed(() => decodeBatch(encodeBatch(batch))),
      timed(() => JSON.parse(JSON.stringify(batch))),
    ),
  );
}
