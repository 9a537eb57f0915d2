/** Distinguished names (RFC 5280 section 4.1.2.4): one attribute a step, as UTF8String. */
import { bytes, isType, items, type Node, oid, readOid, sequence, set, tags, utf8 } from './der.js';
import { oids } from './oids.js';

export interface Subject {
  commonName: string;
  organization?: string;
}

export function nameOf({ commonName, organization }: Subject): Node {
  const attribute = (type: string, text: string) => set(sequence(oid(type), utf8(text)));
  return sequence(
    ...(organization === undefined ? [] : [attribute(oids.organization, organization)]),
    attribute(oids.commonName, commonName),
  );
}

/** The only common name in it; undefined when there is none, or several, or one in a character set of the past. */
export function commonNameOf(name: Node | undefined): string | undefined {
  const found: (string | undefined)[] = [];
  for (const step of items(name, tags.sequence))
    for (const attribute of items(step, tags.set)) {
      const [type, value] = items(attribute, tags.sequence);
      if (readOid(type) !== oids.commonName) continue;
      const text = [tags.utf8, tags.printable, tags.ia5].find((tag) => isType(value, tag));
      found.push(text === undefined ? undefined : bytes(value, text).toString('utf8'));
    }
  return found.length === 1 ? found[0] : undefined;
}
