/** PKCS#10 certificate requests (RFC 2986): made by the box, parsed by the provider. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { Refusal } from '#contract/problems.js';
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
  readBits,
  readOid,
  sequence,
  smallInteger,
  tags,
} from './der.js';
import { type Signer, spkiHash, spkiOf } from './keys.js';
import { commonNameOf, nameOf, type Subject, serialNumberOf } from './names.js';
import { oids } from './oids.js';

export interface Csr {
  /** DER SubjectPublicKeyInfo, as it arrived. */
  spki: Buffer;
  /** SHA-256 of the key's SubjectPublicKeyInfo, hex. */
  keyHash: string;
  /** What the subject asks to be called; undefined when it has not exactly one common name. */
  commonName: string | undefined;
  /** The device's serial number that the subject states, under the same condition. */
  serialNumber: string | undefined;
}

/** DER. The signer is awaited, because a key in a security chip answers later. */
export async function makeCsr({ signer, ...subject }: Subject & { signer: Signer }): Promise<Buffer> {
  const info = sequence(smallInteger(0), nameOf(subject), decode(spkiOf(signer.publicKey)), context(0));
  const signature = await signer.sign(encode(info));
  return encode(sequence(info, sequence(oid(oids.ecdsaSha256)), bitString(signature)));
}

const algorithms: Record<string, { key: 'ec' | 'rsa'; hash: string } | undefined> = {
  [oids.ecdsaSha256]: { key: 'ec', hash: 'sha256' },
  [oids.ecdsaSha384]: { key: 'ec', hash: 'sha384' },
  [oids.ecdsaSha512]: { key: 'ec', hash: 'sha512' },
  [oids.rsaSha256]: { key: 'rsa', hash: 'sha256' },
  [oids.rsaSha384]: { key: 'rsa', hash: 'sha384' },
  [oids.rsaSha512]: { key: 'rsa', hash: 'sha512' },
};

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
    serialNumber: reading(() => serialNumberOf(subject)),
  };
}
