/** The newest figures of the box, in words: what it does not measure is left out. Pure. */
import type { AgentStatus } from '#contract/agent-status.js';
import { appMetricName } from '#contract/metrics.js';
import { bytes, span } from './format.js';
import { texts } from './texts.js';

const words = texts.health;

export interface FigureLine {
  name: string;
  /** One, or one a line. */
  said: string[];
}

type Values = NonNullable<AgentStatus['health']['latest']>['values'];

export function figuresOf(values: Values, apps: readonly { id: string; name: string }[]): FigureLine[] {
  const lines: FigureLine[] = [];
  /** Only where all of them were measured. */
  function say(
    name: keyof typeof words.names,
    measured: (number | undefined)[],
    text: (...values: number[]) => string,
  ) {
    const known = measured.filter((value) => value !== undefined);
    if (known.length === measured.length) lines.push({ name: words.names[name], said: [text(...known)] });
  }
  const room = (share = 0, limit = 0, usage = 0): string => words.inUse(share, bytes(Math.max(0, limit - usage)));
  const of = (kind: 'filesystem' | 'memory') =>
    ['utilization', 'limit', 'usage'].map((what) => values[`system.${kind}.${what}`]);

  say('disk', of('filesystem'), room);
  say('memory', of('memory'), room);
  say('processor', [values['system.cpu.utilization']], (share = 0) => words.busy(share));
  say('temperature', [values['hw.temperature']], (degrees = 0) => words.degrees(degrees));
  say('power', [values['hw.status{hw.state=under_voltage}']], (isLow = 0) =>
    words.power(isLow > 0, (values['hw.status{hw.state=under_voltage_since_boot}'] ?? 0) > 0),
  );
  say('card', [values['hw.physical_disk.endurance_utilization{hw.physical_disk.state=remaining}']], (left = 0) =>
    words.card(left),
  );
  say('wifi', [values['system.network.wireless.signal']], (signal = 0) => words.wifi(signal));
  say('started', [values['system.uptime']], (seconds = 0) => words.started(span(seconds * 1000)));
  const traffic = ['receive', 'transmit'].map((way) => values[`system.network.io{network.io.direction=${way}}`]);
  say('network', traffic, (received = 0, sent = 0) => words.network(bytes(received), bytes(sent)));
  const ofApps = apps.flatMap(({ id, name }) => {
    const memory = values[appMetricName('container.memory.usage', id)];
    const restarts = values[appMetricName('container.restarts', id)] ?? 0;
    return memory === undefined ? [] : [words.app(name, bytes(memory), restarts)];
  });
  if (ofApps.length > 0) lines.push({ name: words.names.apps, said: ofApps });
  return lines;
}
