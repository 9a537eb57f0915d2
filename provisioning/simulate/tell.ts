/** What a simulated box says of itself beside its samples: birth, what runs, what is amiss. Pure. */
import { apiVersion } from '#contract/api.js';
import type { Condition } from '#contract/conditions.js';
import type { Birth, Reported } from '#contract/status.js';
import { day, diskUse, hour, isUnderVoltage, type Life, signal, temperature, uptime } from './life.js';

export function birthOf(life: Life, wish: { session: string; epoch: string; lastSequence: number; at: number }): Birth {
  const { agent, model, os, arch, cpus, clockOff } = life;
  return {
    ...{ kind: 'birth', ...wish, agent, api: apiVersion, hardware: { model, os, arch, cpus } },
    time: clockOff === undefined ? 'authenticated' : 'unknown',
  };
}

/** A condition lasts for whole quarters of an hour: what it hangs on is looked at no more often. */
const quarter = hour / 4;

/** What is amiss at a moment, each with a beginning that does not move while it lasts. */
export function conditionsAt(life: Life, at: number): Condition[] {
  const now = at - (at % quarter);
  const found: Condition[] = [];
  /** As long ago as it has held without a break, at most a day. */
  const begun = (holds: (at: number) => boolean): number => {
    let since = now;
    while (since > now - day && holds(since - quarter)) since -= quarter;
    return since;
  };
  const look = (kind: string, severity: Condition['severity'], holds: (at: number) => boolean, evidence: string) => {
    if (holds(now)) found.push({ kind, severity, since: begun(holds), evidence });
  };
  const { disk, leakPerHour, clockOff, weakWifi, apps } = life;
  const left = (0.97 - diskUse(life, now)) / disk.perDay;
  look(
    'disk-filling',
    left < 3 ? 'trouble' : 'attention',
    (at) => diskUse(life, at) > 0.85,
    `full in about ${Math.ceil(left)} days`,
  );
  look('hot', 'attention', (at) => temperature(life, at) > 75, `${Math.round(temperature(life, now))} °C`);
  look('under-voltage', 'attention', (at) => isUnderVoltage(life, at), 'the supply falls below 4.63 V');
  look('clock-untrusted', 'info', () => clockOff !== undefined, 'no server has told the time');
  look('wifi-weak', 'info', (at) => weakWifi && (signal(life, at) ?? 0) < -80, 'the Wi-Fi signal is below -80 dBm');
  look(
    'memory-low',
    'attention',
    (at) => leakPerHour > 0 && uptime(life, at) > 2 * day,
    'the agent takes more each day',
  );
  for (const app of apps)
    if (app.restartsPerDay > 24)
      found.push({
        kind: 'app-crash-looping',
        about: app.id,
        severity: 'trouble',
        since: now - day,
        evidence: `${app.restartsPerDay} restarts a day`,
      });
  return found;
}

export function reportedOf(life: Life, at: number, conditions: Condition[]): Reported {
  const up = uptime(life, at);
  return {
    ...{ at, agent: life.agent, owner: true, conditions },
    apps: life.apps.map(({ id, restartsPerDay }) => ({
      ...{
        id,
        state: restartsPerDay > 24 && at % (10 * 60_000) < 60_000 ? 'backing-off' : 'running',
        sandbox: 'podman',
      },
      restarts: Math.floor((restartsPerDay * up) / day),
    })),
  };
}
