/** One mail of all that was to be told since the one before, however many boxes and rules. Text alone. Pure. */
import type { AlertDelivery } from '#contract/alerts.js';

export interface Digest {
  subject: string;
  text: string;
}

const mostLines = 20;
const longest = 200;

/** Boxes and owners write some of this: no line of theirs begins another, and none is endless. */
const plain = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, longest);

const boxes = (count: number): string => `${count.toLocaleString('en-GB')} ${count === 1 ? 'box' : 'boxes'}`;
const at = (milliseconds: number): string =>
  `${new Date(milliseconds).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

type Told = AlertDelivery['firing'];

const together = (told: readonly Told[]): Told => ({
  count: told.reduce((sum, { count }) => sum + count, 0),
  boxes: told.flatMap((one) => one.boxes).slice(0, mostLines),
});

function lines(heading: string, { count, boxes: named }: Told): string[] {
  if (count === 0) return [];
  return [
    heading,
    ...named.map(({ box, label, place, since, evidence }) => {
      const who = [box ?? 'the territory', plain(label), plain(place)].filter(Boolean).join(', ');
      return `  ${who}: ${plain(evidence)} (since ${at(since)})`;
    }),
    ...(count > named.length ? [`  and ${(count - named.length).toLocaleString('en-GB')} more`] : []),
  ];
}

/** @param deliveries of at least one rule, oldest first */
export function digestOf(territory: string, deliveries: readonly AlertDelivery[]): Digest {
  const rules = new Map<string, AlertDelivery[]>();
  for (const one of deliveries) rules.set(one.rule.id, [...(rules.get(one.rule.id) ?? []), one]);
  const parts = [...rules.values()].map((list) => {
    const { rule, stillFiring } = list.at(-1)!;
    return {
      ...{ rule, stillFiring, name: plain(rule.name) },
      firing: together(list.map((one) => one.firing)),
      resolved: together(list.map((one) => one.resolved)),
    };
  });
  parts.sort((a, b) => Number(b.rule.severity === 'trouble') - Number(a.rule.severity === 'trouble'));
  const fires = parts.filter(({ firing }) => firing.count > 0);
  const count = fires.reduce((sum, { firing }) => sum + firing.count, 0);
  const [first] = fires;
  const what =
    first === undefined
      ? `over: ${parts.map(({ name }) => name).join(', ')}`
      : fires.length === 1
        ? `${first.name}: ${boxes(count)}`
        : `${fires.length} rules fire: ${boxes(count)}, ${first.name} and others`;
  const text = parts.flatMap(({ rule, name, firing, resolved, stillFiring }) => [
    `${name} (${rule.severity})`,
    ...lines(`fires for ${boxes(firing.count)}:`, firing),
    ...lines(`over for ${boxes(resolved.count)}:`, resolved),
    stillFiring === 0 ? 'Nothing fires of it now.' : `All told it fires for ${boxes(stillFiring)} now.`,
    `webizen-provider alert show ${rule.id}`,
    '',
  ]);
  return { subject: `[${territory}] ${what}`.slice(0, longest), text: `${text.join('\n')}` };
}
