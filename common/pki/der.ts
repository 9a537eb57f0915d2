/**
 * ASN.1 structure, and nothing else: every signature, verification and key is node:crypto's.
 *
 * node-forge keeps bytes in "binary strings"; they begin and end here. A BIT STRING is never decoded as though it held
 * ASN.1, which forge does unless told not to.
 */
import type { asn1 } from 'node-forge';
import forge from 'node-forge/lib/asn1.js';

export type Node = asn1.Asn1;

const { Class, Type } = forge;
export const tags = {
  boolean: Type.BOOLEAN,
  integer: Type.INTEGER,
  bitString: Type.BITSTRING,
  octetString: Type.OCTETSTRING,
  oid: Type.OID,
  utf8: Type.UTF8,
  sequence: Type.SEQUENCE,
  set: Type.SET,
  enumerated: Type.ENUMERATED,
  utcTime: Type.UTCTIME,
  generalizedTime: Type.GENERALIZEDTIME,
  printable: Type.PRINTABLESTRING,
  ia5: Type.IA5STRING,
} as const;

const binary = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
const primitive = (type: asn1.Type, bytes: string): Node => forge.create(Class.UNIVERSAL, type, false, bytes);
const constructed = (type: asn1.Type, items: Node[]): Node => forge.create(Class.UNIVERSAL, type, true, items);

export const sequence = (...items: Node[]): Node => constructed(Type.SEQUENCE, items);
export const set = (...items: Node[]): Node => constructed(Type.SET, items);
export const oid = (dotted: string): Node => primitive(Type.OID, forge.oidToDer(dotted).getBytes());
export const boolean = (value: boolean): Node => primitive(Type.BOOLEAN, value ? '\xff' : '\x00');
/** Big-endian; the caller sees to the sign bit. */
export const integer = (bytes: Uint8Array): Node => primitive(Type.INTEGER, binary(bytes));
export const smallInteger = (value: number): Node => integer(Uint8Array.of(value));
/** Not negative; with the zero in front that keeps it so. */
export function wholeInteger(value: bigint): Node {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return integer(bytes[0]! & 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}
export const octetString = (bytes: Uint8Array): Node => primitive(Type.OCTETSTRING, binary(bytes));
export const utf8 = (text: string): Node => primitive(Type.UTF8, binary(Buffer.from(text, 'utf8')));
/** Letters, digits and ` '()+,-./:=?` only (X.680 section 41.4); the caller sees to that. */
export const printable = (text: string): Node => primitive(Type.PRINTABLESTRING, text);
export const enumerated = (value: number): Node => primitive(Type.ENUMERATED, binary(Uint8Array.of(value)));
export const bitString = (bytes: Uint8Array, unusedBits = 0): Node =>
  primitive(Type.BITSTRING, String.fromCharCode(unusedBits) + binary(bytes));
/** `[number]`, holding other elements. */
export const context = (number: number, ...items: Node[]): Node =>
  forge.create(Class.CONTEXT_SPECIFIC, number, true, items);
/** `[number] IMPLICIT`, holding bytes. */
export const contextBytes = (number: number, bytes: Uint8Array): Node =>
  forge.create(Class.CONTEXT_SPECIFIC, number, false, binary(bytes));

/** UTCTime until 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5). */
export function time(milliseconds: number): Node {
  const date = new Date(milliseconds);
  return date.getUTCFullYear() < 2050
    ? primitive(Type.UTCTIME, forge.dateToUtcTime(date))
    : primitive(Type.GENERALIZEDTIME, forge.dateToGeneralizedTime(date));
}

export const encode = (node: Node): Buffer => Buffer.from(forge.toDer(node).getBytes(), 'latin1');

/** One element and no byte after it. @throws Error when it is not that */
export const decode = (der: Uint8Array): Node => forge.fromDer(binary(der), { decodeBitStrings: false });

/**
 * Only canonical DER: whatever would be written otherwise is refused. A part that is encoded again is therefore, byte
 * for byte, the part that arrived, and a signature over it can be checked.
 * @throws Error
 */
export function decodeCanonical(der: Uint8Array): Node {
  const node = decode(der);
  if (!encode(node).equals(der)) throw new Error('not DER');
  return node;
}

/** @throws Error unless the node is of that universal type and holds elements */
export function items(node: Node | undefined, type: number): Node[] {
  if (!node || node.tagClass !== Class.UNIVERSAL || node.type !== type || typeof node.value === 'string')
    throw new Error(`expected a constructed element of type ${type}`);
  return node.value;
}

/** The elements of `[number]`, or undefined when the node is something else. */
export function contextItems(node: Node | undefined, number: number): Node[] | undefined {
  if (!node || node.tagClass !== Class.CONTEXT_SPECIFIC || node.type !== number) return undefined;
  return typeof node.value === 'string' ? undefined : node.value;
}

/** The bytes of `[number] IMPLICIT`, or undefined when the node is something else. */
export function readContextBytes(node: Node | undefined, number: number): Buffer | undefined {
  if (!node || node.tagClass !== Class.CONTEXT_SPECIFIC || node.type !== number) return undefined;
  return typeof node.value === 'string' ? Buffer.from(node.value, 'latin1') : undefined;
}

/** @throws Error unless the node is of that universal type and holds bytes */
export function bytes(node: Node | undefined, type: number): Buffer {
  if (!node || node.tagClass !== Class.UNIVERSAL || node.type !== type || typeof node.value !== 'string')
    throw new Error(`expected a primitive element of type ${type}`);
  return Buffer.from(node.value, 'latin1');
}

export const isType = (node: Node | undefined, type: number): node is Node =>
  node?.tagClass === Class.UNIVERSAL && node.type === type;

/** @throws Error */
export const readOid = (node: Node | undefined): string => forge.derToOid(bytes(node, Type.OID).toString('latin1'));

/** Of a BIT STRING of whole bytes. @throws Error */
export function readBits(node: Node | undefined): Buffer {
  const content = bytes(node, Type.BITSTRING);
  if (content.length === 0 || content[0] !== 0) throw new Error('expected a bit string of whole bytes');
  return content.subarray(1);
}

/** Not negative, at most 20 bytes (RFC 5280 sections 4.1.2.2 and 5.2.3). @throws Error */
export function readInteger(node: Node | undefined): bigint {
  const content = bytes(node, Type.INTEGER);
  if (content.length === 0 || content.length > 21 || content[0]! & 0x80) throw new Error('expected a whole number');
  return BigInt(`0x${content.toString('hex')}`);
}

/**
 * Milliseconds since 1970 of a UTCTime or GeneralizedTime in the one form that RFC 5280 section 4.1.2.5 allows: to the
 * second, in Zulu.
 * @throws Error
 */
export function readTime(node: Node | undefined): number {
  const isUtc = isType(node, Type.UTCTIME);
  const text = bytes(node, isUtc ? Type.UTCTIME : Type.GENERALIZEDTIME).toString('latin1');
  const fields = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (!fields || text.length !== (isUtc ? 13 : 15)) throw new Error('expected a time in Zulu');
  const [, year = '', month, day, hour, minute, second] = fields;
  const century = isUtc ? (Number(year) < 50 ? '20' : '19') : '';
  const time = Date.parse(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(time)) throw new Error('expected a time that there is');
  return time;
}
