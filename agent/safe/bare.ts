/**
 * What answers on the console's port where even the store cannot be opened: one page without a session. Whoever is on the
 * network may have the box try again; all else asks for the label's code, at the pace of `tries`.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import path from 'node:path';
import { finished } from 'node:stream';
import { closeHttp, listen } from '#common/listen.js';
import { siteOf } from '#common/web/origin.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { acts, type BareAct, type BareView, bareDone, barePage, type Look } from './bare-page.js';

export interface BareConsole {
  /** Answers the port. @throws Refusal `port-in-use`, `address-unavailable` */
  start(): Promise<number>;
  stop(): Promise<void>;
}

export interface BareParts {
  view(): Pick<BareView, 'name' | 'safe' | 'fault' | 'offers' | 'before'>;
  /** Judges in its turn. @throws Refusal `too-many-attempts` */
  isCode(address: string, code: string): Promise<boolean>;
  /** Resolves once it is done, or certain to be. */
  act(act: BareAct): Promise<void>;
  /** What follows an act once its answer was heard, or nobody is there to hear it any more: the agent ends here. */
  afterwards(act: BareAct): void;
  assetsDir: string;
  host: string;
  port: number;
  onFault(error: unknown): void;
}

const bodyLimit = 4096;
const headers = ({ css }: Look) => ({
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(css).digest('base64')}'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'content-type': 'text/html; charset=utf-8',
});

/** @throws Refusal `body-too-large` */
async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length <= bodyLimit) chunks.push(chunk); // the rest is read to its end, so that the answer is heard
  }
  if (length > bodyLimit) throw new Refusal('body-too-large');
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}

export function createBareConsole(parts: BareParts): BareConsole {
  let isActing = false;
  let look: Look = { css: '', icon: '' };

  /** Where a file is missing, the page is plain. */
  async function dress(): Promise<void> {
    const read = (name: string) => readFile(path.join(parts.assetsDir, name)).catch(() => Buffer.alloc(0));
    const [css, icon] = await Promise.all([read('main.css'), read('icon.svg')]);
    const data = icon.length > 0 ? `data:image/svg+xml;base64,${icon.toString('base64')}` : '';
    look = { css: css.toString('utf8'), icon: data };
  }

  /** @throws Refusal why it is not done */
  async function perform(act: BareAct, request: IncomingMessage): Promise<void> {
    if (siteOf(request.headers) === 'other') throw new Refusal('origin-refused');
    const form = await formOf(request);
    if (!parts.view().offers.includes(act) && act !== 'again') throw new Refusal('not-found');
    if (act === 'reset' && form.get('word')?.trim().toLowerCase() !== 'reset') throw new Refusal('word-missing');
    if (act !== 'again' && !(await parts.isCode(request.socket.remoteAddress ?? '', form.get('code') ?? '')))
      throw new Refusal('setup-code-wrong');
    if (isActing) throw new Refusal('change-under-way');
    isActing = true; // and stays so once it is done: what follows ends the agent
    try {
      await parts.act(act);
    } catch (error) {
      isActing = false;
      throw error;
    }
  }

  function send(reply: ServerResponse, status: number, text: string): void {
    reply.writeHead(status, headers(look)).end(text);
  }

  async function answer(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://box');
    if (request.method === 'GET') return send(reply, 200, barePage(parts.view(), look));
    const act = acts.find((one) => pathname === `/act/${one}`);
    if (request.method !== 'POST' || !act) return send(reply, 404, '');
    try {
      await perform(act, request);
    } catch (error) {
      if (!(error instanceof Refusal)) parts.onFault(error);
      const { problem, status } = error instanceof Refusal ? error : new Refusal('internal');
      const { code, title, remedy } = problem as { code: ProblemCode; title: string; remedy: string };
      return send(reply, status, barePage({ ...parts.view(), refused: { act, code, title, remedy } }, look));
    }
    // Whoever asked may have gone away meanwhile, as a phone does: that undoes nothing of it.
    finished(reply, () => parts.afterwards(act));
    send(reply, 200, bareDone(parts.view().name, act, look));
  }

  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 10_000, maxHeaderSize: 16_384, keepAliveTimeout: 5000 },
    (request, reply) =>
      void answer(request, reply).catch((error: unknown) => {
        parts.onFault(error);
        reply.destroy();
      }),
  );
  server.maxConnections = 64;

  return {
    async start() {
      await dress();
      return listen(server, parts.host, parts.port);
    },
    stop: () => closeHttp(server),
  };
}
