/** Events in the level store: the newest of those that are asked for, oldest first. */
import type { FleetEvent } from '#contract/operator.js';
import type { EventQuery } from './fleet.js';
import type { Store } from './store.js';

/** Of one box or type every event is looked at, from the newest on: no more than 10,000 or so are kept. */
export async function readEvents(
  store: Pick<Store, 'events'>,
  { limit, before, box, type }: EventQuery,
): Promise<FleetEvent[]> {
  const range = before === undefined ? {} : { lt: before };
  if (box === undefined && type === undefined)
    return (await store.events.values({ reverse: true, limit, ...range }).all()).reverse();
  const wanted: FleetEvent[] = [];
  for await (const event of store.events.values({ reverse: true, ...range })) {
    if (wanted.length >= limit) break;
    if ((box === undefined || event.box === box) && (type === undefined || event.type === type)) wanted.push(event);
  }
  return wanted.reverse();
}
