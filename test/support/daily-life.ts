/** What happens to a box in an ordinary day: an app that stores and listens, an owner who looks in the evening. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { type Answer, call } from './api-box.js';
import { askOwner, openRequest } from './owner-session.js';

const passphrase = 'tram lantern quartz pillow';
const keptKeys = 50;

function good<Given extends Pick<Answer, 'status' | 'text'>>(answer: Given): Given {
  if (answer.status >= 300) throw new Error(`a box answered ${answer.status}: ${answer.text}`);
  return answer;
}

export function dailyLife(wish: { socketPath: string; ownerPort: number; setupCode: string }) {
  const { socketPath, ownerPort: port, setupCode } = wish;
  let stored = 0;
  let listening: IncomingMessage | undefined;

  const post = async (path: string, body?: unknown, cookie?: string) =>
    good(await askOwner(port, path, { method: 'POST', body, cookie }));
  const look = async (path: string, cookie: string | undefined) => good(await askOwner(port, path, { cookie }));

  async function appListens(): Promise<void> {
    listening?.destroy();
    const asked = request({ socketPath, path: '/v1/events', agent: false }).end();
    [listening] = (await once(asked, 'response')) as [IncomingMessage];
    listening.on('error', () => {}).resume();
  }

  async function appWorks(): Promise<void> {
    for (let times = 0; times < 10; times += 1) {
      const key = `/v1/storage/reading-${stored++ % keptKeys}`;
      good(await call(socketPath, 'PUT', key, { body: 'v'.repeat(400) }));
      good(await call(socketPath, 'GET', key));
    }
    good(await call(socketPath, 'GET', '/v1/health'));
  }

  async function appTells(): Promise<void> {
    const body = JSON.stringify({ title: 'All is done', text: 'The readings of the day are in.', severity: 'info' });
    const headers = { 'content-type': 'application/json' };
    good(await call(socketPath, 'POST', '/v1/notifications', { headers, body }));
  }

  /** Signs in, looks at this and that with a page that stays open, and signs out. */
  async function ownerLooks(): Promise<void> {
    const { cookie } = await post('/v1/session', { passphrase });
    const page = openRequest(port, '/v1/events', { cookie }).end();
    const [stream] = (await once(page, 'response')) as [IncomingMessage];
    stream.on('error', () => {}).resume();
    for (const path of ['/v1/view', '/v1/ledger', '/v1/provider']) await look(path, cookie);
    const { json } = await look('/v1/notices', cookie);
    const { notices } = json as { notices: { id: string; at: number }[] };
    await post('/v1/notices/dismissed', { seen: notices.map(({ id, at }) => ({ id, at })) }, cookie);
    stream.destroy();
    good(await askOwner(port, '/v1/session', { method: 'DELETE', cookie }));
  }

  return {
    async setUp(): Promise<void> {
      const { cookie } = await post('/v1/setup/session', { code: setupCode });
      await post('/v1/setup/owner', { passphrase }, cookie);
    },
    /** @param hour of the day, from 0 */
    async hour(hour: number): Promise<void> {
      if (hour % 6 === 0) await appListens();
      await appWorks();
      if (hour === 16) await appTells();
      if (hour === 20) await ownerLooks();
    },
    end(): void {
      listening?.destroy();
    },
  };
}
