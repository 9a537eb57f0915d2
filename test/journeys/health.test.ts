/** From what the kernel of a box says to what its provider knows: a condition begins, outlives a restart, and ends. */
import t from 'tap';
import { systemClock } from '#common/clock.js';
import type { Condition } from '#contract/conditions.js';
import { type Host, realHost } from '../../agent/host/host.js';
import { testBox } from '../support/box.js';
import { testProvider } from '../support/provider.js';

const throttledFile = '/sys/devices/platform/soc/soc:firmware/get_throttled';

t.test('a box whose power supply is too weak tells its provider at once, and again when it is over', async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  const board = { throttled: '0\n', ahead: 0 };
  const host: Host = {
    ...realHost,
    kernel: async (file) => (file === throttledFile ? board.throttled : realHost.kernel(file)),
    monotonic: () => realHost.monotonic() + board.ahead,
  };
  // No batch goes out: what comes, comes by itself.
  const health = { intervalSeconds: 1, batchSeconds: 3600 };
  const box = await testBox(t, { ...provider, claim: (await provider.claim()).code, health });
  await box.start(host);
  const { box: id } = await box.until(({ link, health: { latest } }) => link.online && latest !== null);

  type Seen = { reported: { conditions?: Condition[] } | null };
  const until = async (holds: (conditions: Condition[]) => boolean): Promise<Condition[]> => {
    for (;;) {
      const { reported } = await provider.api<Seen>(`/v1/boxes/${id}`);
      if (reported?.conditions && holds(reported.conditions)) return reported.conditions;
      await systemClock.sleep(20); // the provider is asked, it does not tell
    }
  };
  const weak = (conditions: Condition[]) => conditions.find(({ kind }) => kind === 'under-voltage');
  t.equal(weak(await until(() => true)), undefined, 'a box that is well says so');

  board.throttled = '50005\n';
  const begun = weak(await until((conditions) => weak(conditions) !== undefined));
  t.match(begun, { severity: 'attention', evidence: 'The voltage is too low at this moment.' });
  const status = await box.until(({ health: { conditions } }) => weak(conditions) !== undefined);
  t.equal(weak(status.health.conditions)?.since, begun?.since, 'the box itself says the same');

  await box.stop();
  await box.start(host);
  await box.until(({ link }) => link.online);
  t.equal(weak(box.agent?.status().health.conditions ?? [])?.since, begun?.since, 'and still after a restart');

  board.throttled = '0\n'; // restarted with another supply
  await box.until(({ health: { latest } }) => latest?.values['hw.status{hw.state=under_voltage}'] === 0);
  t.ok(weak(box.agent?.status().health.conditions ?? []), 'it does not end with the first good sample');
  board.ahead = 61 * 60_000;
  await until((conditions) => weak(conditions) === undefined);
  t.pass('over after an hour, the provider sees it go');
});
