/** PKCS#10 certificate requests (RFC 2986): made by the box, parsed by the provider. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { Refusal } from '#contract/problems.js';
import { algorithms } from './algorithms.js';
import {
  bitString,
  bytes,
  context,
  contextItems,
  decode,
  decodeCanonical,
  encode,
  isType,
  items,
  type Node,
  oid,
  printable,
  readBits,
  readOid,
  sequence,
  set,
  smallInteger,
  tags,
} from './der.js';
import { type Signer, spkiHash, spkiOf } from './keys.js';
import { commonNameOf, nameOf } from './names.js';
import { oids } from './oids.js';

export interface Csr {
  /** DER SubjectPublicKeyInfo, as it arrived. */
  spki: Buffer;
  /** SHA-256 of the key's SubjectPublicKeyInfo, hex. */
  keyHash: string;
  /** What the subject asks to be called; undefined when it has not exactly one common name. */
  commonName: string | undefined;
  /** What stands in the challengePassword: the base64 of a channel binding, when the client binds (RFC 7030 section 3.5). */
  challengePassword: string | undefined;
}

/**
 * DER. The signer is awaited, because a key in a security chip answers later.
 * @param channelBinding of the TLS connection that the request goes over: `tls-exporter` of TLS 1.3 (RFC 9266) or
 *   `tls-unique` of TLS 1.2 (RFC 5929); put into the challengePassword as RFC 7030 section 3.5 wants it
 */
export async function makeCsr({
  commonName,
  signer,
  channelBinding,
}: {
  commonName: string;
  signer: Signer;
  channelBinding?: Uint8Array | undefined;
}): Promise<Buffer> {
  const attributes = channelBinding
    ? [sequence(oid(oids.challengePassword), set(printable(Buffer.from(channelBinding).toString('base64'))))]
    : [];
  const spki = decode(spkiOf(signer.publicKey));
  const info = sequence(smallInteger(0), nameOf({ commonName }), spki, context(0, ...attributes));
  const signature = await signer.sign(encode(info));
  return encode(sequence(info, sequence(oid(oids.ecdsaSha256)), bitString(signature)));
}

function first(nodes: readonly Node[]): Node {
  const [node] = nodes;
  if (!node) throw new Error('an element is missing');
  return node;
}

interface Parts {
  signed: Buffer;
  subject: Node | undefined;
  spki: Buffer;
  /** The AlgorithmIdentifier of the key. */
  kind: Buffer;
  attributes: Node[];
  algorithm: string;
  signature: Buffer;
}

function split(der: Uint8Array): Parts {
  const [info, algorithm, signature, ...rest] = items(decodeCanonical(der), tags.sequence);
  const [version, subject, spki, attributes, ...more] = items(info, tags.sequence);
  if (!info || !spki || rest.length + more.length > 0) throw new Error('not the fields of a request');
  if (!bytes(version, tags.integer).equals(Uint8Array.of(0))) throw new Error('not version 1');
  if (attributes && !contextItems(attributes, 0)) throw new Error('not attributes');
  return {
    signed: encode(info),
    subject,
    spki: encode(spki),
    kind: encode(first(items(spki, tags.sequence))),
    attributes: contextItems(attributes, 0) ?? [],
    algorithm: readOid(items(algorithm, tags.sequence)[0]),
    signature: readBits(signature),
  };
}

/** Whether a requested basicConstraints says cA TRUE. Everything else that is requested is left aside. */
function asksCa(attributes: readonly Node[]): boolean {
  for (const attribute of attributes) {
    const [type, values] = items(attribute, tags.sequence);
    if (readOid(type) !== oids.extensionRequest) continue;
    for (const extensions of items(values, tags.set))
      for (const extension of items(extensions, tags.sequence)) {
        const fields = items(extension, tags.sequence);
        if (readOid(fields[0]) !== oids.basicConstraints) continue;
        const [ca] = items(decode(bytes(fields.at(-1), tags.octetString)), tags.sequence);
        if (isType(ca, tags.boolean) && bytes(ca, tags.boolean)[0] !== 0) return true;
      }
  }
  return false;
}

/** @throws Error when it stands there twice, is not one text, or is longer than RFC 2985 section 5.4.1 allows */
function challengeIn(attributes: readonly Node[]): string | undefined {
  const found = attributes
    .map((attribute) => items(attribute, tags.sequence))
    .filter(([type]) => readOid(type) === oids.challengePassword);
  if (found.length === 0) return undefined;
  const [value, ...more] = items(found[0]?.[1], tags.set);
  const kind = [tags.printable, tags.utf8].find((tag) => isType(value, tag));
  if (found.length > 1 || more.length > 0 || kind === undefined) throw new Error('not one challenge password');
  const text = bytes(value, kind).toString('utf8');
  if (text.length > 255) throw new Error('the challenge password is too long');
  return text;
}

const p256 = encode(sequence(oid(oids.ecPublicKey), oid(oids.p256)));

function isStrong(key: KeyObject, kind: Buffer): boolean {
  // The curve by its name: one spelt out in parameters may have another base point (RFC 5480 section 2.1.1)
  if (key.asymmetricKeyType !== 'rsa') return kind.equals(p256);
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  return modulusLength >= 2048 && modulusLength <= 8192; // beyond, it is only work for us
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Refusal('csr-malformed', error instanceof Error ? error.message : undefined, { cause: error });
  }
}

/**
 * Takes outside bytes. The signature is checked over the bytes that arrived, with the key that they name.
 * @throws Refusal `csr-malformed`, `csr-weak-key`, `csr-signature`, `csr-ca`
 */
export function parseCsr(der: Uint8Array): Csr {
  const { signed, subject, spki, kind, attributes, algorithm, signature } = reading(() => split(der));
  const key = reading(() => createPublicKey({ key: spki, format: 'der', type: 'spki' }));
  const { key: signedWith, hash } = algorithms[algorithm] ?? {};
  if (!isStrong(key, kind)) throw new Refusal('csr-weak-key');
  if (hash === undefined) throw new Refusal('csr-weak-key', `signature algorithm ${algorithm}`);
  if (signedWith !== key.asymmetricKeyType || !verify(hash, signed, key, signature)) throw new Refusal('csr-signature');
  if (reading(() => asksCa(attributes))) throw new Refusal('csr-ca');
  return {
    spki,
    keyHash: spkiHash(spki),
    commonName: reading(() => commonNameOf(subject)),
    challengePassword: reading(() => challengeIn(attributes)),
  };
}
