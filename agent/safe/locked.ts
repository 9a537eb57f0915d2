/** What answers on the console's port while the data do not open: why, and a field for the storage key. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream';
import { closeHttp, listen } from '#common/listen.js';
import { siteOf } from '#common/web/origin.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { readStorageKey } from '#contract/volume.js';
import type { BareConsole } from './bare.js';
import { type LockedView, lockedDone, lockedPage } from './locked-page.js';
import { formOf, headersOf, type Look, lookOf, type PageParts, pageServer } from './page-server.js';

export interface LockedParts extends PageParts {
  view(): Pick<LockedView, 'name' | 'because'>;
  /** Kept for the next start. No limit of tries: it is too long to be guessed, and each takes a start. */
  take(key: string): Promise<void>;
  /** Once the answer was heard, or nobody is there to hear it any more: the machine restarts. */
  afterwards(): void;
}

export function createLockedConsole(parts: LockedParts): BareConsole {
  let isTaken = false;
  let look: Look = { css: '', icon: '' };

  /** @throws Refusal why it is not taken */
  async function take(typed: string): Promise<void> {
    const key = readStorageKey(typed);
    const { because } = parts.view();
    if (because === undefined || because === 'unknown') throw new Refusal('not-found');
    if (key === undefined) throw new Refusal('storage-key-malformed');
    if (isTaken) throw new Refusal('change-under-way');
    isTaken = true; // and stays so once it is kept: the machine restarts
    await parts.take(key).catch((error: unknown) => {
      isTaken = false;
      throw error;
    });
  }

  async function answer(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const send = (status: number, text: string) => void reply.writeHead(status, headersOf(look)).end(text);
    if (request.method === 'GET') return send(200, lockedPage(parts.view(), look));
    if (request.method !== 'POST' || request.url !== '/storage-key') return send(404, '');
    let typed = '';
    try {
      if (siteOf(request.headers) === 'other') throw new Refusal('origin-refused');
      typed = (await formOf(request)).get('key') ?? '';
      await take(typed);
    } catch (error) {
      if (!(error instanceof Refusal)) parts.onFault(error);
      const { problem, status } = error instanceof Refusal ? error : new Refusal('internal');
      const { code, title, remedy } = problem as { code: ProblemCode; title: string; remedy: string };
      return send(status, lockedPage({ ...parts.view(), refused: { typed, code, title, remedy } }, look));
    }
    finished(reply, () => parts.afterwards());
    send(200, lockedDone(parts.view().name, look));
  }

  const server = pageServer(answer, parts.onFault);
  return {
    async start() {
      look = await lookOf(parts.assetsDir);
      return listen(server, parts.host, parts.port);
    },
    stop: () => closeHttp(server),
  };
}
