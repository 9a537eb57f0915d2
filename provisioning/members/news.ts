/** Boxes that are online hear at once that a member stands otherwise than before; the others ask when they come back. */
import type { StandingNews } from '#contract/member.js';
import { buildTopic } from '#contract/topics.js';

/** So many boxes may ask for the lists in one second. */
const asksPerSecond = 200;
const longestSpreadSeconds = 600;

export async function tellStanding(wish: {
  sequence: number;
  boxes: () => AsyncIterable<string>;
  online: (box: string) => boolean;
  count: number;
  publish: (topic: string, payload: string) => void;
}): Promise<void> {
  const { sequence, boxes, online, count, publish } = wish;
  const spreadSeconds = Math.min(longestSpreadSeconds, Math.floor(count / asksPerSecond));
  const news = JSON.stringify({ sequence, spreadSeconds } satisfies StandingNews);
  for await (const box of boxes())
    if (online(box)) publish(buildTopic({ box, direction: 'down', kind: 'standing' }), news);
}
