/** Links that are held in memory and led along by the test: what was asked is recorded. */
import { newLinkCode } from '#contract/link-code.js';
import type { LinksView } from '#contract/owner-links.js';
import { Refusal } from '#contract/problems.js';
import type { OwnerLinks } from '../../agent/links/links.js';
import { manifestOf, memberOf, releaseOf } from './apps-desk.js';

const day = 86_400_000;
export const linkId = 'link-0000000000000001';

export function createLinksDesk() {
  const listeners = new Set<() => void>();
  const asked: { act: string; what?: unknown; signed?: boolean }[] = [];
  let view: LinksView = { code: null, ask: null, links: [], offers: [], acts: [], told: true };

  function alter(change: Partial<LinksView>): void {
    view = { ...view, ...change };
    for (const listener of listeners) listener();
  }
  const note = (act: string, what: unknown, signer?: { sign: unknown }): void => {
    asked.push({ act, what, ...(signer ? { signed: typeof signer.sign === 'function' } : {}) });
  };
  function link(id: string) {
    const found = view.links.find((one) => one.id === id);
    if (!found) throw new Refusal('link-unknown', id);
    return found;
  }
  const set = (id: string, manager: LinksView['links'][number]['manager']): void =>
    alter({ links: view.links.map((one) => (one.id === id ? { ...one, manager } : one)) });

  const desk: OwnerLinks = {
    view: () => view,
    async showCode() {
      note('showCode', undefined);
      alter({ code: { code: newLinkCode(), expiresAt: Date.now() + 1_800_000 } });
    },
    async hideCode() {
      alter({ code: null });
    },
    async confirm(id, signer) {
      if (view.ask?.id !== id) throw new Refusal('link-ask-unknown');
      note('confirm', id, signer);
      const { member, note: called } = view.ask;
      alter({ ask: null, links: [...view.links, { id, member, note: called, since: Date.now(), manager: null }] });
    },
    async refuse(id, signer) {
      note('refuse', id, signer);
      alter({ ask: null });
    },
    async end(id, signer) {
      link(id);
      note('end', id, signer);
      alter({
        links: view.links.filter((one) => one.id !== id),
        offers: view.offers.filter((one) => one.link !== id),
      });
    },
    async decline(release, signer) {
      if (!view.offers.some((one) => one.release === release)) throw new Refusal('offer-unknown', release);
      note('decline', release, signer);
      alter({ offers: view.offers.filter((one) => one.release !== release) });
    },
    async appoint(id, { until, ...limits }, signer) {
      link(id);
      note('appoint', { ...limits, until }, signer);
      set(id, { ...limits, appointment: 'a'.repeat(16), appointedAt: Date.now(), until: until ?? null });
    },
    async dismiss(id, signer) {
      link(id);
      note('dismiss', id, signer);
      set(id, null);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };

  return {
    desk,
    asked,
    alter,
    view: () => view,
    /** Somebody was told the code. */
    ask: (called: string | null = 'Front desk') =>
      alter({ code: null, ask: { id: linkId, member: memberOf(), note: called, at: Date.now() } }),
    linked: () =>
      alter({
        links: [{ id: linkId, member: memberOf(), note: null, since: Date.now() - 3 * day, manager: null }],
      }),
    offer(version = '1.2.0', installed: string | null = null) {
      const { id: app, name } = manifestOf();
      const offer: LinksView['offers'][number] = {
        ...{ release: releaseOf(version), app, version, name, installed, link: linkId, member: memberOf() },
        message: 'The counter that we spoke of on Monday.',
        at: Date.now() - 3_600_000,
        until: Date.now() + 29 * day,
      };
      alter({ offers: [...view.offers, offer] });
    },
  };
}
