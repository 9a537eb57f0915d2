/** Links with boxes as a member sees them (contract/links.ts). */
import {
  linksPath,
  MemberLink,
  MemberLinks,
  type NewOffer,
  OfferResult,
  type WithdrawnOffer,
} from '#contract/links.js';
import { type Https, refuseOf } from './https.js';
import { type Prove, provedCall, readReply } from './proved.js';

export interface Links {
  /** @param request signed, see `signLinkRequest` */
  ask(request: string): Promise<MemberLink>;
  list(): Promise<MemberLink[]>;
  end(id: string): Promise<void>;
  offer(wish: NewOffer): Promise<OfferResult>;
  withdraw(release: string, wish: WithdrawnOffer): Promise<OfferResult>;
}

export function createLinks(uses: { https: Https; prove: Prove }): Links {
  async function send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) {
    const headers = { 'content-type': 'application/json' };
    const json = body === undefined ? {} : { headers, body: JSON.stringify(body) };
    const reply = await provedCall(uses, { method, path, ...json });
    return reply.status < 300 ? reply : refuseOf(reply);
  }
  return {
    ask: async (request) => readReply(MemberLink, await send('POST', linksPath, { request })),
    async list() {
      const all: MemberLink[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const query: string = cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`;
        const page: MemberLinks = readReply(MemberLinks, await send('GET', `${linksPath}${query}`));
        all.push(...page.links);
        cursor = page.cursor;
      }
      return all;
    },
    async end(id) {
      await send('DELETE', `${linksPath}/${id}`);
    },
    offer: async (wish) => readReply(OfferResult, await send('POST', `${linksPath}/offers`, wish)),
    withdraw: async (release, wish) =>
      readReply(OfferResult, await send('DELETE', `${linksPath}/offers/${release}`, wish)),
  };
}
