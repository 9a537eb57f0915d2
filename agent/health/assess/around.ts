/** Time, network, certificate, apps, and the agent itself. */
import { readAppMetric } from '#contract/metrics.js';
import { day, hour, judge, minute, one, type Reading, type Rule } from './rule.js';
import { growth, lookedBack } from './window.js';
import { percent, span, times } from './words.js';

const untrusted: Rule = {
  kind: 'clock-untrusted',
  beginMilliseconds: 15 * minute,
  endMilliseconds: minute,
  read: ({ values }) =>
    one(values['system.clock.trusted'], (trusted) => ({
      ...judge(trusted, [{ level: 2, begin: 0, end: 0 }], 'falling'),
      evidence: 'Nobody it trusts has told it the time since it was started.',
    })),
};

const off: Rule = {
  kind: 'clock-off',
  beginMilliseconds: 10 * minute,
  endMilliseconds: 10 * minute,
  read: ({ values }) =>
    one(values['system.clock.offset'], (seconds) => ({
      ...judge(Math.abs(seconds), [{ level: 2, begin: 120, end: 60 }]),
      evidence: `It is ${span(Math.abs(seconds) * 1000)} ${seconds > 0 ? 'fast' : 'slow'}.`,
    })),
};

const wifi: Rule = {
  kind: 'wifi-weak',
  beginMilliseconds: 15 * minute,
  endMilliseconds: 15 * minute,
  read: ({ values }) =>
    one(values['system.network.wireless.signal'], (signal) => ({
      ...judge(signal, [{ level: 2, begin: -80, end: -75 }], 'falling'),
      evidence: `The signal is ${Math.round(signal)} dBm; from -70 up it is good.`,
    })),
};

const network: Rule = {
  kind: 'network-errors',
  beginMilliseconds: 10 * minute,
  endMilliseconds: hour,
  read({ window }) {
    const receiving = growth(window, 'system.network.errors{network.io.direction=receive}');
    const sending = growth(window, 'system.network.errors{network.io.direction=transmit}');
    if (lookedBack(window) < 10 * minute) return [];
    const perHour = ((receiving + sending) / lookedBack(window)) * hour;
    return [
      {
        ...judge(perHour, [{ level: 2, begin: 1000, end: 100 }]),
        evidence: `${receiving + sending} errors in ${span(lookedBack(window))}.`,
      },
    ];
  },
};

const certificate: Rule = {
  kind: 'certificate-late',
  beginMilliseconds: 10 * minute,
  endMilliseconds: 0,
  read({ facts }) {
    if (!facts.certificate) return [];
    const { lateMilliseconds, leftMilliseconds } = facts.certificate;
    const level = lateMilliseconds < 2 * day ? 0 : leftMilliseconds < 3 * day ? 3 : 2;
    const left = leftMilliseconds > 0 ? `it is good for ${span(leftMilliseconds)} more` : 'it has ended';
    const evidence = `It should have been renewed ${span(Math.max(0, lateMilliseconds))} ago; ${left}.`;
    return [{ up: level, stay: level, evidence }];
  },
};

const crashing: Rule = {
  kind: 'app-crash-looping',
  beginMilliseconds: 0, // the restarts of an hour are counted
  endMilliseconds: 30 * minute,
  read({ values, window }): Reading[] {
    return Object.keys(values).flatMap((name) => {
      const of = readAppMetric(name);
      if (of?.metric !== 'container.restarts') return [];
      const restarts = growth(window, name);
      const levels = judge(restarts, [
        { level: 2, begin: 4, end: 2 },
        { level: 3, begin: 20, end: 10 },
      ]);
      return [{ about: of.app, ...levels, evidence: `It was started again ${times(restarts)} within the last hour.` }];
    });
  },
};

const slow: Rule = {
  kind: 'agent-slow',
  beginMilliseconds: 15 * minute,
  endMilliseconds: 15 * minute,
  read({ values }) {
    const late = values['nodejs.eventloop.delay.max'];
    const used = values['nodejs.eventloop.utilization'];
    if (late === undefined && used === undefined) return [];
    const byDelay = judge(late ?? 0, [{ level: 2, begin: 2, end: 1 }]);
    const byUse = judge(used ?? 0, [{ level: 2, begin: 0.95, end: 0.8 }]);
    const worse = byUse.stay > byDelay.stay ? byUse : byDelay;
    const evidence = `It answered up to ${(late ?? 0).toFixed(1)} seconds late, and was ${percent(used ?? 0)} busy.`;
    return [{ ...worse, evidence }];
  },
};

const safeMode: Rule = {
  kind: 'safe-mode',
  beginMilliseconds: 0,
  endMilliseconds: 0,
  read({ facts: { safe } }) {
    if (!safe) return [];
    const { app, error, end } = safe.fault;
    const often =
      safe.reason === 'boots' ? `The machine started ${times(safe.count)}` : `It started ${times(safe.count)}`;
    const why = error ?? (end ? `ended by ${end}` : 'nothing is known of the end');
    const evidence = `${often} without lasting${app === null ? '' : `; the app started last was ${app}`}. The last time: ${why}`;
    return [{ up: 3, stay: 3, evidence: evidence.slice(0, 300) }];
  },
};

export const aroundRules: readonly Rule[] = [untrusted, off, wifi, network, certificate, crashing, slow, safeMode];
