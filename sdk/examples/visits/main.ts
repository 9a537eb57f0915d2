/** A sample app that uses only the standard API: counts its starts, watches events, logs the box's health when it may. */
import { connect, type Webizen, WebizenError } from '../../client/client.js';

/** Adds one to the stored count. Compare-and-set: of two at once, one tries again. */
async function countVisit({ storage }: Webizen): Promise<number> {
  for (;;) {
    const stored = await storage.get('visits');
    const visits = (stored ? Number(stored.text()) : 0) + 1;
    try {
      await storage.put('visits', String(visits), stored ? { ifMatch: stored.etag } : { ifNoneMatch: '*' });
      return visits;
    } catch (error) {
      if (!(error instanceof WebizenError) || error.code !== 'precondition-failed') throw error;
    }
  }
}

async function logHealth(box: Webizen): Promise<void> {
  try {
    const { latest } = await box.health();
    const used = latest?.values['system.memory.utilization'];
    console.log(used === undefined ? 'health: no sample yet' : `health: memory ${Math.round(used * 100)} % in use`);
  } catch (error) {
    if (!(error instanceof WebizenError)) throw error;
    console.log(`health: ${error.message}`);
  }
}

const stopped = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopped.abort());

const box = connect();
console.log(`visits: ${await countVisit(box)}`);
await logHealth(box);
const timer = setInterval(() => void logHealth(box), 60_000);
for await (const event of box.events({ signal: stopped.signal }))
  console.log(`event: ${event.type}${'online' in event ? (event.online ? ' (online)' : ' (offline)') : ''}`);
clearInterval(timer);
box.close();
console.log('stopped');
