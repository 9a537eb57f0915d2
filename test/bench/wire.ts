/**
 * IP bytes both ways of a box that is online for a day with the default intervals, counted in a network namespace of
 * its own with packets as Ethernet has them; the reference is the payload alone.
 */
import { Type } from 'typebox';
import { parseJson } from '#contract/parse.js';
import { type Conditions, type Figure, figure } from './compare.js';
import { part, type Workshop } from './workshop.js';

const Count = { bytes: Type.Integer(), segments: Type.Integer() };
const Counted = Type.Object({
  connection: Type.Object(Count),
  batches: Type.Object({ ...Count, count: Type.Integer(), payload: Type.Integer() }),
  rest: Type.Object({ ...Count, seconds: Type.Integer() }),
});

const daySeconds = 86_400;
const batchSeconds = 300;
/** Loopback as wide as Ethernet, and no packet that stands for many. */
const narrow = 'ip link set dev lo mtu 1500 gso_max_segs 1 up';

/** The figure may be asked for late: most of the time nothing happens, on purpose. */
export async function startWire(workshop: Workshop, { short, say }: Conditions): Promise<() => Promise<Figure[]>> {
  const batches = short ? 12 : daySeconds / batchSeconds;
  // The kernel's keep-alive asks once a minute. A rest of one batch's length also shows whether MQTT's own is needed.
  const restSeconds = short ? 62 : batchSeconds - 2;
  const counting = async () => [part('wire'), await workshop.folder(), String(batches), String(restSeconds)];
  const here = [process.execPath, ...(await counting())];
  const inside = workshop.output(['-rn', 'sh', '-c', `${narrow} && exec "$@"`, 'wire', ...here], 'unshare').then(
    (text) => ({ text }),
    (error: unknown) => ({ error }),
  );

  return async () => {
    const first = await inside;
    if ('error' in first) {
      say(`wire.day: no network namespace here (${String(first.error).split('\n')[0]})`);
      say('wire.day: counted with all that this machine sends, over loopback with its wide packets');
    }
    const counted = parseJson(Counted, 'text' in first ? first.text : await workshop.output(await counting()));
    if (!counted.ok) throw new Error('cannot read what was counted on the wire');
    const { connection, batches: sent, rest } = counted.value;
    const perDay = daySeconds / batchSeconds;
    const quietMinutes = batchSeconds / 60 - 1; // the batch itself is the sign of life of the fifth
    const atRest = (rest.bytes / Math.floor(rest.seconds / 60)) * quietMinutes;
    say(
      `wire.day: ${sent.count} batches took ${sent.bytes} IP bytes in ${sent.segments} segments (payload ${sent.payload}); ` +
        `${rest.seconds} s of rest ${rest.bytes} bytes in ${rest.segments} segments; ` +
        `a new connection with birth and first sample ${connection.bytes} bytes, not in the day`,
    );
    return [
      figure('wire.day', 'IP bytes/day, both ways, counted; reference: MQTT payload', {
        value: Math.round((sent.bytes / sent.count + atRest) * perDay),
        reference: Math.round((sent.payload / sent.count) * perDay),
      }),
    ];
  };
}
