/** Members, wired into a provider that serves: their lists name its address, and boxes hear of a standing at once. */
import type { Ground } from './ground.js';
import { tellStanding } from './members/news.js';
import type { Rooms } from './rooms.js';
import type { Traffic } from './traffic-wiring.js';

export async function startMembers(
  { log, onStop }: Ground,
  {
    rooms: { members, store },
    traffic: { ingest, broker },
    url,
  }: { rooms: Pick<Rooms, 'members' | 'store'>; traffic: Pick<Traffic, 'ingest' | 'broker'>; url: string },
): Promise<void> {
  async function tell(): Promise<void> {
    const { sequence } = await members.lists();
    const count = ingest.counts().online;
    const { publish } = broker;
    await tellStanding({ sequence, boxes: () => store.boxes.keys(), online: ingest.online, count, publish });
  }
  onStop(
    members.onChange(() => {
      tell().catch((error: unknown) => log.error({ err: error }, 'cannot tell the boxes of a standing'));
    }),
  );
  await members.start(url);
  onStop(() => members.stop());
}
