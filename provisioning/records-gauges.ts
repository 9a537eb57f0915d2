/** What `/metrics` tells of the control plane's records where they are in a database. */
import type { Gauge } from './console/metrics.js';
import type { Control } from './store/control/control.js';

export function recordGauges({ standbys, isSure }: Pick<Control, 'standbys' | 'isSure'>): Gauge[] {
  const all = standbys();
  const ready = all.filter(({ why }) => why === null).length;
  return [
    {
      name: 'webizen_records_held',
      help: 'Whether this process surely holds the records of the territory.',
      series: [[{}, isSure() ? 1 : 0]],
    },
    {
      name: 'webizen_standbys',
      help: 'Processes that stand by: ready to take over, or kept from it.',
      series: [
        [{ state: 'ready' }, ready],
        [{ state: 'kept' }, all.length - ready],
      ],
    },
  ];
}
