/** X.509 v3 certificates (RFC 5280) of a territory: root, issuing CA, box, server. */
import { createHash, randomBytes, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bitString,
  boolean,
  bytes,
  context,
  contextBytes,
  contextItems,
  decode,
  encode,
  integer,
  items,
  type Node,
  octetString,
  oid,
  readBits,
  readOid,
  sequence,
  smallInteger,
  tags,
  time,
} from './der.js';
import { type Signer, spkiOf } from './keys.js';
import { nameOf, type Subject } from './names.js';
import { oids } from './oids.js';

/** Milliseconds since 1970; the certificate keeps whole seconds. */
export interface Validity {
  notBefore: number;
  notAfter: number;
}

/** A certificate and its key, ready to sign others: what each signature would parse again is parsed once. */
export interface Issuer {
  readonly certificate: X509Certificate;
  readonly signer: Signer;
  readonly name: Node;
  readonly keyId: Buffer;
}

export const extension = (type: string, value: Node, critical = false): Node =>
  sequence(oid(type), ...(critical ? [boolean(true)] : []), octetString(encode(value)));

const caUsage = extension(oids.keyUsage, bitString(Uint8Array.of(0b0000_0110), 1), true); // keyCertSign, cRLSign
export const leafUsage = extension(oids.keyUsage, bitString(Uint8Array.of(0b1000_0000), 7), true); // digitalSignature
export const notCa = extension(oids.basicConstraints, sequence(), true);
const clientOnly = extension(oids.extendedKeyUsage, sequence(oid(oids.clientAuth)));
const documentsOnly = extension(oids.extendedKeyUsage, sequence(oid(oids.documentSigning)));
const serverOnly = extension(oids.extendedKeyUsage, sequence(oid(oids.serverAuth)));
export const signedWith = sequence(oid(oids.ecdsaSha256));

/** The first 160 bits of SHA-256 over the key's bits (RFC 7093 section 2, method 1). */
const keyIdOf = (spki: Node): Buffer =>
  createHash('sha256')
    .update(readBits(items(spki, tags.sequence)[1]))
    .digest()
    .subarray(0, 20);

/** 127 random bits, positive and of constant length (RFC 5280 section 4.1.2.2). */
function newSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  return serial;
}

interface Wish extends Validity {
  subject: Node;
  spki: Node;
  extensions: readonly Node[];
}

export interface Issued {
  der: Buffer;
  /** Upper-case hex, as node:crypto prints it. */
  serial: string;
}

/** DER of any certificate; what is in it is for those who call it to say. */
export async function issue(issuer: Omit<Issuer, 'certificate'>, wish: Wish): Promise<Issued> {
  const serial = newSerial();
  const keyId = keyIdOf(wish.spki);
  const body = sequence(
    context(0, smallInteger(2)), // v3
    integer(serial),
    signedWith,
    issuer.name,
    sequence(time(wish.notBefore), time(wish.notAfter)),
    wish.subject,
    wish.spki,
    context(
      3,
      sequence(
        ...wish.extensions,
        extension(oids.subjectKeyIdentifier, octetString(keyId)),
        extension(oids.authorityKeyIdentifier, sequence(contextBytes(0, issuer.keyId))),
      ),
    ),
  );
  const signature = await issuer.signer.sign(encode(body));
  return {
    der: encode(sequence(body, signedWith, bitString(signature))),
    serial: serial.toString('hex').toUpperCase(),
  };
}

/** DER of a self-signed root. */
export async function issueRoot({
  subject,
  signer,
  extensions = [extension(oids.basicConstraints, sequence(boolean(true)), true), caUsage],
  ...validity
}: { subject: Subject; signer: Signer; extensions?: readonly Node[] } & Validity): Promise<Buffer> {
  return await selfSign({ subject, signer, ...validity }, extensions);
}

/**
 * A root that is good for one host name and those below it, and for nothing else: what a person can install without
 * handing over more than that. An address type that is not named is not constrained (RFC 5280 section 4.2.1.10), so all
 * IP addresses are excluded by name.
 */
export async function issueConstrainedRoot({
  host,
  ...wish
}: { host: string; subject: Subject; signer: Signer } & Validity): Promise<Buffer> {
  const subtree = (type: number, bytes: Uint8Array) => sequence(contextBytes(type, bytes));
  const constraints = sequence(
    context(0, subtree(2, Buffer.from(host, 'ascii'))),
    context(1, subtree(7, Buffer.alloc(8)), subtree(7, Buffer.alloc(32))),
  );
  return await selfSign(wish, [
    extension(oids.basicConstraints, sequence(boolean(true), smallInteger(0)), true),
    caUsage,
    serverOnly,
    extension(oids.nameConstraints, constraints, true),
  ]);
}

async function selfSign(
  { subject, signer, ...validity }: { subject: Subject; signer: Signer } & Validity,
  extensions: readonly Node[],
): Promise<Buffer> {
  const name = nameOf(subject);
  const spki = decode(spkiOf(signer.publicKey));
  const self = { signer, name, keyId: keyIdOf(spki) };
  return (await issue(self, { ...validity, subject: name, spki, extensions })).der;
}

/** @throws Error when the certificate and the key do not belong together */
export function createIssuer({ certificate, signer }: { certificate: X509Certificate; signer: Signer }): Issuer {
  if (!certificate.publicKey.equals(signer.publicKey)) throw new Error('the key is not that of the certificate');
  const fields = items(items(decode(certificate.raw), tags.sequence)[0], tags.sequence);
  const extensions = items(contextItems(fields[7], 3)?.[0], tags.sequence).map((node) => items(node, tags.sequence));
  const found = extensions.find(([type]) => readOid(type) === oids.subjectKeyIdentifier);
  const keyId = bytes(decode(bytes(found?.at(-1), tags.octetString)), tags.octetString);
  return { certificate, signer, name: fields[5]!, keyId };
}

/** DER of a CA that may sign leaves and no further CA. */
export async function issueIntermediate(
  issuer: Issuer,
  { subject, spki, ...validity }: { subject: Subject; spki: Uint8Array } & Validity,
): Promise<Buffer> {
  const constraints = extension(oids.basicConstraints, sequence(boolean(true), smallInteger(0)), true);
  const wish = {
    ...validity,
    subject: nameOf(subject),
    spki: decode(spki),
    extensions: [constraints, caUsage],
  };
  return (await issue(issuer, wish)).der;
}

/**
 * DER of a CA certificate for the name and key of another CA: the bridge between two roots, NewWithOld and OldWithNew of
 * RFC 4210 section 4.4.
 */
export async function issueCross(
  issuer: Issuer,
  { certificate, ...validity }: { certificate: X509Certificate } & Validity,
): Promise<Buffer> {
  const fields = items(items(decode(certificate.raw), tags.sequence)[0], tags.sequence);
  const extensions = [extension(oids.basicConstraints, sequence(boolean(true)), true), caUsage];
  return (await issue(issuer, { ...validity, subject: fields[5]!, spki: fields[6]!, extensions })).der;
}

/** A box's operational certificate: clientAuth only. */
export function issueBox(
  issuer: Issuer,
  { commonName, spki, ...validity }: { commonName: string; spki: Uint8Array } & Validity,
): Promise<Issued> {
  const extensions = [notCa, leafUsage, clientOnly];
  return issue(issuer, { ...validity, subject: nameOf({ commonName }), spki: decode(spki), extensions });
}

/** A certificate that signs documents in its issuer's name and opens no connection. */
export function issueDocumentSigner(
  issuer: Issuer,
  { commonName, spki, ...validity }: { commonName: string; spki: Uint8Array } & Validity,
): Promise<Issued> {
  const extensions = [notCa, leafUsage, documentsOnly];
  return issue(issuer, { ...validity, subject: nameOf({ commonName }), spki: decode(spki), extensions });
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1); // hexadecimal groups only, also for ::ffff:192.0.2.1
  const [head = '', tail] = plain.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const between = new Array<number>(8 - before.length - after.length).fill(0);
  return Buffer.from([...before, ...between, ...after].flatMap((group) => [group >> 8, group & 0xff]));
}

/** DER of a server's certificate: serverAuth only, for these host names and IP addresses. */
export async function issueServer(
  issuer: Issuer,
  { hosts, spki, ...validity }: { hosts: readonly string[]; spki: Uint8Array } & Validity,
): Promise<Buffer> {
  const names = hosts.map((host) =>
    isIP(host) ? contextBytes(7, addressBytes(host)) : contextBytes(2, Buffer.from(host, 'ascii')),
  );
  const extensions = [notCa, leafUsage, serverOnly, extension(oids.subjectAltName, sequence(...names))];
  const subject = nameOf({ commonName: hosts[0]!.slice(0, 64) }); // RFC 5280: ub-common-name
  return (await issue(issuer, { ...validity, subject, spki: decode(spki), extensions })).der;
}
