/** The rules that every territory begins with; an admin alters or removes them like any other. */
import type { AlertRule } from '#contract/alerts.js';

const day = 86_400;

/** @param leafSeconds how long a box's certificate lasts: one that lasts an hour is renewed within it */
export function builtInRules(leafSeconds: number, now: number): AlertRule[] {
  const every = { scope: {}, enabled: true, changedAt: now };
  return [
    {
      ...{ ...every, id: 'trouble', name: 'Trouble on a box', severity: 'trouble' },
      ...{ when: { kind: 'condition', severity: 'trouble' }, forSeconds: 0, clearSeconds: 600 },
    },
    {
      ...{ ...every, id: 'offline', name: 'Box offline for an hour', severity: 'trouble' },
      ...{ when: { kind: 'offline' }, forSeconds: 3600, clearSeconds: 300 },
    },
    {
      ...{ ...every, id: 'cloned', name: 'Cloned box', severity: 'trouble' },
      ...{ when: { kind: 'cloned' }, forSeconds: 0, clearSeconds: 0 },
    },
    {
      // Renewal begins at two thirds of its time: half of the rest has gone by.
      ...{ ...every, id: 'certificate', name: 'Certificate of a box ends soon', severity: 'attention' },
      ...{ when: { kind: 'certificate', withinSeconds: Math.min(30 * day, Math.floor(leafSeconds / 6)) } },
      ...{ forSeconds: Math.min(3600, Math.floor(leafSeconds / 60)), clearSeconds: 0 },
    },
  ];
}
