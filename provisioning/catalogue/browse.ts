/** What a box may see of the catalogue, and how it is found. */
import type { CatalogueEntry, CataloguePage } from '#contract/catalogue.js';
import { buildCursor, parseCursor } from '#contract/cursor.js';
import { Refusal } from '#contract/problems.js';
import type { CatalogueRollouts, MemberView } from './parts.js';
import type { Listed, Registry } from './registry.js';

export interface BrowseWish {
  box: string;
  query?: string | undefined;
  cursor?: string | undefined;
  architecture?: string | undefined;
}

const perPage = 50;
/** So many apps are looked through for one page: a search that finds nothing costs no more. */
const perSearch = 2000;
const usualChannel = 'stable';

const folded = (text: string): string => text.normalize('NFKC').toLowerCase();
export const wordsOf = (query: string): string[] => folded(query).split(/\s+/).filter(Boolean);

/** Every word stands somewhere in id, names or summaries, whatever the language. */
export function matches(words: readonly string[], { app, name, summary }: Pick<Listed, 'app' | 'name' | 'summary'>) {
  const text = folded([app, ...Object.values(name), ...Object.values(summary)].join('\n'));
  return words.every((word) => text.includes(word));
}

/** Of the usual channel where there is one; releases come newest first. */
export function newestOf(releases: readonly Listed[], architecture?: string): Listed | undefined {
  const fitting = releases.filter((one) => architecture === undefined || one.architecture === architecture);
  return fitting.find(({ channel }) => channel === usualChannel) ?? fitting[0];
}

/** A query must not take up where another one stopped. */
const scopeOf = ({ query = '', architecture = '' }: BrowseWish): string => `${architecture}\n${query}\n`;

/** @throws Refusal `cursor-invalid` */
export async function browse(
  wish: BrowseWish,
  {
    registry,
    members,
    rollouts,
  }: { registry: Registry; members: MemberView; rollouts: Pick<CatalogueRollouts, 'isOffered'> },
): Promise<CataloguePage> {
  const scope = scopeOf(wish);
  const last = wish.cursor === undefined ? scope : parseCursor(scope, wish.cursor);
  if (last === undefined) throw new Refusal('cursor-invalid');
  const words = wordsOf(wish.query ?? '');
  const entries: CatalogueEntry[] = [];
  let seen = 0;
  for await (const app of registry.apps(last.slice(scope.length))) {
    seen += 1;
    const releases = (await registry.releasesOf(app)).filter(
      (one) =>
        !one.ended &&
        (!one.private || registry.isNamed(one.id, wish.box)) &&
        rollouts.isOffered(one, wish.box, registry.isOfferedTo(one.id, wish.box)),
    );
    const newest = newestOf(releases, wish.architecture);
    const member = newest && members.find(newest.member);
    // Nothing new is installed of a member that is not in good standing.
    if (newest && member?.standing === 'good' && matches(words, newest))
      entries.push({
        app,
        release: newest.id,
        version: newest.version,
        name: newest.name.en,
        summary: newest.summary.en,
        member: { id: newest.member, name: member.name },
        sizeBytes: newest.sizeBytes,
        publishedAt: newest.publishedAt,
        private: newest.private,
        architecture: newest.architecture,
        channel: newest.channel,
      });
    if (entries.length === perPage || seen === perSearch)
      return { entries, cursor: buildCursor(scope, `${scope}${app}`) };
  }
  return { entries, cursor: null };
}
