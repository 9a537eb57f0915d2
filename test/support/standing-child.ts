/**
 * `serve`, which stands still at one of its commits once it was told to on stdin: `before 2` hangs before the third is
 * sent, `after 2` when it is done and its answer has not been read.
 */
import { createInterface } from 'node:readline';
import pg from 'pg';
import { serve } from '../../provisioning/cli/serve.js';

let left = Number.POSITIVE_INFINITY;
let isBefore = true;
createInterface({ input: process.stdin }).on('line', (line) => {
  const [which, count] = line.split(' ');
  isBefore = which === 'before';
  left = Number(count);
  console.log('armed');
});

const forever = new Promise<never>(() => setInterval(() => {}, 1000));
type Ask = (query: unknown, ...more: unknown[]) => unknown;
const proto = pg.Client.prototype as unknown as { query: Ask };
const { query } = proto;
proto.query = function ask(this: unknown, asked, ...more) {
  const { text = '' } = (asked ?? {}) as { text?: string };
  if (!text.includes('UPDATE control SET written') || left-- !== 0) return query.call(this, asked, ...more);
  const done = isBefore ? Promise.resolve() : (query.call(this, asked, ...more) as Promise<unknown>);
  return done.then(() => {
    console.log('stands');
    return forever;
  });
};

await serve(process.argv.slice(3), {
  out: (line) => console.log(line),
  stop: new AbortController().signal,
  assetsDir: 'build/console',
});
