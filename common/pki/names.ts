/** Distinguished names (RFC 5280 section 4.1.2.4): one attribute a step, as UTF8String. */
import { bytes, isType, items, type Node, oid, printable, readOid, sequence, set, tags, utf8 } from './der.js';
import { oids } from './oids.js';

export interface Subject {
  commonName?: string;
  organization?: string;
  /** X.520 serialNumber: of the device, not of the certificate. */
  serialNumber?: string;
}

export function nameOf({ commonName, organization, serialNumber }: Subject): Node {
  const attribute = (type: string, text: string) => set(sequence(oid(type), utf8(text)));
  return sequence(
    ...(organization === undefined ? [] : [attribute(oids.organization, organization)]),
    ...(serialNumber === undefined ? [] : [set(sequence(oid(oids.serialNumber), printable(serialNumber)))]),
    ...(commonName === undefined ? [] : [attribute(oids.commonName, commonName)]),
  );
}

/** The only value of that attribute; undefined when there is none, or several, or one in a character set of the past. */
function only(name: Node | undefined, wanted: string): string | undefined {
  const found: (string | undefined)[] = [];
  for (const step of items(name, tags.sequence))
    for (const attribute of items(step, tags.set)) {
      const [type, value] = items(attribute, tags.sequence);
      if (readOid(type) !== wanted) continue;
      const text = [tags.utf8, tags.printable, tags.ia5].find((tag) => isType(value, tag));
      found.push(text === undefined ? undefined : bytes(value, text).toString('utf8'));
    }
  return found.length === 1 ? found[0] : undefined;
}

export const commonNameOf = (name: Node | undefined): string | undefined => only(name, oids.commonName);
export const serialNumberOf = (name: Node | undefined): string | undefined => only(name, oids.serialNumber);
