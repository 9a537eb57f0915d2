/**
 * What answers on the console's port where even the store cannot be opened: one page without a session. Whoever is on the
 * network may have the box try again; all else asks for the label's code, at the pace of `tries`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream';
import { closeHttp, listen } from '#common/listen.js';
import { siteOf } from '#common/web/origin.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { acts, type BareAct, type BareView, bareDone, barePage } from './bare-page.js';
import { formOf, headersOf, type Look, lookOf, type PageParts, pageServer } from './page-server.js';

export interface BareConsole {
  /** Answers the port. @throws Refusal `port-in-use`, `address-unavailable` */
  start(): Promise<number>;
  stop(): Promise<void>;
}

export interface BareParts extends PageParts {
  view(): Pick<BareView, 'name' | 'safe' | 'fault' | 'offers' | 'before'>;
  /** Judges in its turn. @throws Refusal `too-many-attempts` */
  isCode(address: string, code: string): Promise<boolean>;
  /** Resolves once it is done, or certain to be. */
  act(act: BareAct): Promise<void>;
  /** What follows an act once its answer was heard, or nobody is there to hear it any more: the agent ends here. */
  afterwards(act: BareAct): void;
}

export function createBareConsole(parts: BareParts): BareConsole {
  let isActing = false;
  let look: Look = { css: '', icon: '' };

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
    reply.writeHead(status, headersOf(look)).end(text);
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

  const server = pageServer(answer, parts.onFault);

  return {
    async start() {
      look = await lookOf(parts.assetsDir);
      return listen(server, parts.host, parts.port);
    },
    stop: () => closeHttp(server),
  };
}
