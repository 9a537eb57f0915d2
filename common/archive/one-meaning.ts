/**
 * Engines read an image's JSON with Go's encoding/json, which takes a field whose name differs in case, and merges a field
 * that comes twice; JSON.parse does neither. A document that the two would read differently is refused before it is read.
 */
const token = /"(?:[^"\\]|\\.)*"|[{}[\]:]|[^\s{}[\]:"]+/g;

/** As Go folds names: letters that only the long s and the kelvin sign share included. */
const fold = (name: string): string => name.toUpperCase().toLowerCase();

/**
 * The first field that means two things, or undefined.
 * @param text well-formed JSON
 * @param wish.names fields that are looked at, which must be written so and not otherwise
 * @param wish.depth objects nested deeper than so many brackets are the maker's own words
 */
export function doubleMeaning(
  text: string,
  { names, depth }: { names: readonly string[]; depth: number },
): string | undefined {
  const wanted = new Map(names.map((name) => [fold(name), name]));
  const open: Set<string>[] = [];
  let last = '';
  for (const [part] of text.matchAll(token)) {
    if (part === '{' || part === '[') open.push(new Set());
    else if (part === '}' || part === ']') open.pop();
    else if (part === ':' && open.length <= depth) {
      const name = String(JSON.parse(last));
      const folded = fold(name);
      const seen = open.at(-1);
      if (seen?.has(folded) || (wanted.get(folded) ?? name) !== name) return name;
      seen?.add(folded);
    }
    last = part;
  }
  return undefined;
}
