/** The words about how the box is doing. What is amiss, and what to do about it, is named in the contract's own table. */
import { conditionText } from '#contract/conditions-table.js';

export const health = {
  title: 'How your box is doing',
  link: 'How your box is doing',
  none: 'Nothing has been measured yet.',
  noneYet: 'The box measures itself once a minute, from when it belongs to a provider.',
  well: 'All that your box measures is well.',
  unwell: (count: number) => (count === 1 ? 'One thing is not well.' : `${count} things are not well.`),
  /** Of a kind that a later version of the box finds. */
  titleOf: (kind: string, about: string | undefined) =>
    `${conditionText(kind)?.title ?? kind.replaceAll('-', ' ')}${about === undefined ? '' : `: ${about}`}.`,
  remedyOf: (kind: string) => conditionText(kind)?.owner ?? 'Ask your provider.',
  since: 'Since',
  good: 'Good to know:',
  figures: 'What it measured',
  measured: 'Measured',
  sent: 'Your provider is told the same, so that it can help.',
  names: {
    disk: 'Disk',
    memory: 'Memory',
    processor: 'Processor',
    temperature: 'Temperature',
    power: 'Power supply',
    card: 'Memory card',
    wifi: 'Wi-Fi',
    network: 'Network',
    started: 'Switched on',
    apps: 'Apps',
  },
  inUse: (share: number, free: string) => `${Math.round(share * 100)} % in use, ${free} free`,
  busy: (share: number) => `${Math.round(share * 100)} % in use`,
  degrees: (degrees: number) =>
    `${Math.round(degrees)} °C, ${degrees >= 80 ? 'hot' : degrees >= 65 ? 'warm' : 'normal'}`,
  power: (isLow: boolean, wasLow: boolean) =>
    isLow ? 'Too weak at this moment' : wasLow ? 'Was too weak since the box was switched on' : 'Steady',
  card: (share: number) => `About ${Math.round(share * 100)} % of its life left`,
  wifi: (signal: number) => (signal >= -67 ? 'Good' : signal > -76 ? 'Fair' : 'Weak'),
  network: (received: string, sent: string) => `${received} received and ${sent} sent since then`,
  started: (span: string) => `${span} ago`,
  app: (name: string, memory: string, restarts: number) =>
    `${name}: ${memory} of memory${restarts > 0 ? `, started again ${restarts === 1 ? 'once' : `${restarts} times`}` : ''}`,
};
