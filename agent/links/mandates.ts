/**
 * Managers at work: what a company may do without asking, judged at each act, and once more when the act has its turn in
 * the ledger. So nothing stands behind the owner's word that ends it.
 */
import type { LedgerEntry } from '#contract/ledger.js';
import type { Manager } from '#contract/owner-links.js';
import { Refusal } from '#contract/problems.js';
import type { Mandate, Mandates } from '../apps/mandate.js';
import { fits, grantsFor, isOver, isUnwanted } from './manager.js';
import type { LinkParts } from './parts.js';
import type { LinkState } from './state.js';

export interface Managers extends Mandates {
  /** From the moment when the owner's word has its turn in the ledger. */
  end(manager: Manager): void;
  /** What was begun over this link and is not done is taken back. */
  turnBack(link: string): Promise<void>;
  /** Cut between the owner's word and that: it is made up for. */
  start(): Promise<void>;
}

const longestFact = 2000;
const entriesAtOnce = 100;

export function createManagers(
  { state }: { state: LinkState },
  { ledger, clock, own, desk, grants: held, changes }: LinkParts,
): Managers {
  const { book, memberOf, isOf, about, appsOf } = state;
  const ended = new Set<string>();

  function holds(id: string, { appointment }: Manager): boolean {
    const row = book.link(id);
    const manager = row?.manager;
    if (!row || !manager || row.box !== own()?.box) return false;
    if (manager.appointment !== appointment || ended.has(appointment)) return false;
    return !isOver(manager, clock.now()) && memberOf(row)?.standing === 'good';
  }

  /** The owner's entries since that appointment, newest first. */
  async function since(appointment: string): Promise<LedgerEntry[]> {
    const found: LedgerEntry[] = [];
    for (let before: number | undefined; ; ) {
      const page = await ledger.entries({
        limit: entriesAtOnce,
        newestFirst: true,
        ...(before === undefined ? {} : { after: before }),
      });
      for (const entry of page) {
        if (entry.type === 'manager.appointed' && entry.facts.appointment === appointment) return found;
        if (entry.by === 'owner') found.push(entry);
      }
      before = page.at(-1)?.index;
      if (before === undefined || page.length < entriesAtOnce) return found;
    }
  }

  async function turnBack(link: string): Promise<void> {
    for (const { id, endedAt } of changes().list())
      if (endedAt === null && changes().data(id)?.manager === link)
        await changes()
          .abort(id)
          .catch((error: unknown) => {
            if (!(error instanceof Refusal)) throw error; // past its return: it was done already
          });
  }

  return {
    end: ({ appointment }) => void ended.add(appointment),
    turnBack,
    async of({ release, held: { release: id }, judged }): Promise<Mandate | undefined> {
      const row = book.links().find((one) => isOf(one, judged.member) && one.manager !== null);
      const manager = row?.manager;
      if (!row || !manager || !holds(row.id, manager)) return undefined;
      const { manifest } = release;
      const act = {
        ...{ release: id, manifest, before: desk.show(manifest.id) },
        allows: (capability: Parameters<typeof held.allows>[1]) => held.allows(manifest.id, capability),
      };
      const grants = grantsFor(manager, act);
      if (!grants || !fits(manager, manifest, appsOf(row))) return undefined;
      if (isUnwanted(await since(manager.appointment), act)) return undefined;
      return {
        link: row.id,
        grants,
        holds: () => holds(row.id, manager),
        decision(facts) {
          if (!holds(row.id, manager)) throw new Refusal('manager-none', row.member);
          const { appointment } = manager;
          const given = grants.join(', ').slice(0, longestFact);
          const more = { link: row.id, name: about(row).name, appointment, grants: given };
          return { by: 'box', type: 'manager.agreed', facts: { ...facts, ...more } };
        },
      };
    },
    async start() {
      for (const { id, endedAt } of changes().list()) {
        const link = endedAt === null ? changes().data(id)?.manager : undefined;
        if (typeof link !== 'string') continue;
        const manager = book.link(link)?.manager;
        if (!manager || !holds(link, manager)) await turnBack(link);
      }
    },
  };
}
