/** What is kept of the words of an act: flat, short, and never a secret. Pure. */
import type { LedgerEntry } from '#contract/ledger.js';

const mostFacts = 30;
const longest = 300;
/** What the log itself says. */
const ours = new Set(['who', 'role', 'via', 'code', 'of', 'unwritten']);
const hidden = /secret|password|token/i;

function scalarOf(value: unknown): string | number | boolean | undefined {
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value;
  if (typeof value === 'string' && URL.canParse(value) && /^https?:/i.test(value)) return new URL(value).origin; // its path may let one in
  if (typeof value === 'string') return value.slice(0, longest).replace(/\p{Surrogate}/gu, '\ufffd');
  if (Array.isArray(value)) return scalarOf(value.filter((one) => typeof one !== 'object').join(', '));
  return undefined;
}

function* pairsOf(given: unknown, before = ''): Generator<[string, unknown]> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return;
  for (const [name, value] of Object.entries(given)) {
    yield [before + name, value];
    if (before === '') yield* pairsOf(value, `${name}.`);
  }
}

/** Fields of fields too, and no deeper. A name that the log uses itself becomes `given.{name}`. */
export function flatFacts(...given: unknown[]): LedgerEntry['facts'] {
  const facts = new Map<string, string | number | boolean>();
  for (const [name, value] of given.flatMap((one) => [...pairsOf(one)])) {
    const fact = scalarOf(value);
    if (fact === undefined || facts.size >= mostFacts) continue;
    const short = name.slice(0, 60).replace(/\p{Surrogate}/gu, '\ufffd');
    facts.set(ours.has(short) ? `given.${short}` : short, hidden.test(short) ? '(not kept)' : fact);
  }
  return Object.fromEntries(facts);
}

/** What tells which thing an act has made or touched: its id or name, and how many where there are many. */
export function madeBy(answer: unknown): LedgerEntry['facts'] {
  if (Array.isArray(answer)) {
    const ids = answer.flatMap((one) => (typeof one?.id === 'string' ? [one.id] : []));
    return ids.length === 0 ? {} : flatFacts({ count: answer.length, ids: ids.join(' ') });
  }
  if (typeof answer !== 'object' || answer === null) return {};
  const { id, name } = answer as { id?: unknown; name?: unknown };
  return flatFacts({ ...(typeof id === 'string' && { id }), ...(typeof name === 'string' && { name }) });
}
