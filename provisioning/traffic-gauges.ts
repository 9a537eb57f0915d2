/** What `/metrics` says of what goes between boxes and the provider. */
import type { Gauge } from './console/metrics.js';
import type { Mail } from './messages/messages.js';

/** Who has workers store it knows only who is here. */
export interface Heard {
  online: number;
  messages?: number;
  samples?: number;
  duplicates?: number;
}

function ingestGauges({ online, messages, samples, duplicates }: Heard): Gauge[] {
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

const messageGauges = ({ up, down, received, refused }: ReturnType<Mail['counts']>): Gauge[] => [
  {
    name: 'webizen_messages_waiting',
    help: 'Messages of apps that are kept: up for their makers, down for boxes.',
    series: [
      [{ direction: 'up' }, up],
      [{ direction: 'down' }, down],
    ],
  },
  {
    name: 'webizen_messages_taken',
    help: 'Messages of boxes since the start, stored and refused.',
    series: [
      [{ answer: 'stored' }, received],
      [{ answer: 'refused' }, refused],
    ],
  },
];

const brokerGauges = (reachable: boolean | undefined): Gauge[] =>
  reachable === undefined
    ? []
    : [
        {
          name: 'webizen_broker_reachable',
          help: 'Whether there is a session with the broker.',
          series: [[{}, reachable ? 1 : 0]],
        },
      ];

export const trafficGauges = (now: {
  heard: Heard;
  mail: ReturnType<Mail['counts']>;
  /** Undefined where the broker is the provider's own. */
  reachable: boolean | undefined;
}): Gauge[] => [...ingestGauges(now.heard), ...messageGauges(now.mail), ...brokerGauges(now.reachable)];
