/** What `/metrics` says of what boxes tell; who has workers store it knows only who is here. */
import type { Gauge } from './console/metrics.js';

export interface Heard {
  online: number;
  messages?: number;
  samples?: number;
  duplicates?: number;
}

export function ingestGauges({ online, messages, samples, duplicates }: Heard): Gauge[] {
  const gauges: Gauge[] = [
    { name: 'webizen_boxes_connected', help: 'Boxes with a session now.', series: [[{}, online]] },
  ];
  if (messages === undefined || samples === undefined || duplicates === undefined) return gauges;
  return [
    ...gauges,
    {
      ...{ name: 'webizen_ingest_messages_total', type: 'counter', help: 'Messages of boxes taken since the start.' },
      series: [[{}, messages]],
    },
    {
      ...{ name: 'webizen_ingest_samples_total', type: 'counter', help: 'Samples taken since the start.' },
      series: [
        [{ sample: 'new' }, samples],
        [{ sample: 'duplicate' }, duplicates],
      ],
    },
  ];
}
