/**
 * What of the ledger the provider hears as an event. By a list of what is named here: the ledger is the owner's, and holds
 * much that is nobody else's. Pure.
 */
import type { EventType } from '#contract/event-table.js';
import { type EventFacts, longestFact } from '#contract/events.js';
import type { LedgerEntry } from '#contract/ledger.js';

export interface FromLedger {
  type: EventType;
  /** What makes it the same again. */
  about: string;
  facts: EventFacts;
  /** A provider's own commands are nobody else's. */
  territory?: string;
}

/** A slip of the owner's hand is nobody's business. */
const fewestTries = 3;

const apps: Record<string, EventType> = {
  'app.installed': 'app-installed',
  'app.not-installed': 'app-not-installed',
  'app.updated': 'app-updated',
  'app.rolled-back': 'app-rolled-back',
  'app.removed': 'app-removed',
  'app.expelled': 'app-expelled',
  'app.reinstated': 'app-reinstated',
};
const systems: Record<string, EventType> = {
  'os.updated': 'system-updated',
  'os.not-updated': 'system-not-updated',
  'os.rolled-back': 'system-rolled-back',
};
const guesses: Record<string, string> = {
  'sign-in-failed': 'passphrase',
  'setup-code-failed': 'setup code',
  'recovery-failed': 'recovery code',
};

/** These of its facts, and no others. */
function some(facts: LedgerEntry['facts'], names: readonly string[]): EventFacts {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = facts[name];
      if (value === undefined) return [];
      return [[name, typeof value === 'string' ? value.slice(0, longestFact) : value]];
    }),
  );
}

export function fromLedger({ type, facts }: Pick<LedgerEntry, 'type' | 'facts'>): FromLedger | undefined {
  const app = apps[type];
  if (app) return { type: app, about: String(facts.app), facts: some(facts, ['app', 'version', 'code']) };
  const system = systems[type];
  if (system) return { type: system, about: String(facts.version), facts: some(facts, ['version', 'from', 'code']) };
  const door = guesses[type];
  if (door !== undefined) {
    const tries = Number(facts.count ?? 0);
    return tries < fewestTries ? undefined : { type: 'sign-in-failed', about: door, facts: { door, tries } };
  }
  switch (type) {
    case 'enrolled':
    case 'transferred':
      return { type: 'enrolled', about: '', facts: { how: type === 'enrolled' ? 'first' : 'transfer' } };
    case 'renewed':
      return { type: 'certificate-renewed', about: '', facts: some(facts, ['serial']) };
    case 'owner.set':
      return { type: 'owner-set', about: '', facts: {} };
    case 'owner.key':
      return { type: 'owner-key-replaced', about: '', facts: {} };
    case 'reset':
    case 'hand-over':
      return { type: 'reset', about: '', facts: { how: type } };
    case 'other-machine':
      return { type: 'machine-changed', about: '', facts: {} };
    case 'terms.month-differs':
      return {
        ...{ type: 'month-differs', about: String(facts.month), territory: String(facts.territory) },
        facts: some(facts, ['month', 'differences']),
      };
    case 'command-refused':
      return { type: 'command-refused', about: '', facts: { tries: Number(facts.count ?? 1) } };
    case 'command':
    case 'command-result':
    case 'command-declined': {
      const outcome = type === 'command-declined' ? 'declined' : facts.outcome;
      if (typeof outcome !== 'string') return undefined; // it has only come
      const told = { ...some(facts, ['command', 'kind', 'code']), outcome: outcome.slice(0, longestFact) };
      return { type: 'command-ended', about: String(facts.kind), facts: told, territory: String(facts.territory) };
    }
    default:
      return undefined;
  }
}
