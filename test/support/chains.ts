/** Certificates of any shape, also such as our own CA would never make. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { extension, signedWith } from '#common/pki/certificate.js';
import {
  bitString,
  boolean,
  context,
  contextBytes,
  decode,
  encode,
  integer,
  type Node,
  octetString,
  oid,
  sequence,
  smallInteger,
  time,
} from '#common/pki/der.js';
import { newPrivateKey, type Signer, signerOf, spkiOf } from '#common/pki/keys.js';
import { nameOf } from '#common/pki/names.js';
import { oids } from '#common/pki/oids.js';

export interface Made {
  certificate: X509Certificate;
  key: KeyObject;
  signer: Signer;
  name: Node;
  keyId: Buffer;
}

export interface Shape {
  name: string;
  /** Instead of the name alone. */
  subject?: Node;
  from: number;
  until: number;
  /** Undefined: self-signed. */
  by?: Made | undefined;
  /** Another certificate for a key that has one. */
  key?: KeyObject;
  /** Undefined: no basicConstraints. */
  ca?: boolean;
  pathLength?: number;
  /** First byte of keyUsage; by default what suits `ca`. */
  usage?: number | null;
  eku?: readonly string[];
  hosts?: readonly string[];
  /** DNS names in nameConstraints. */
  permitted?: readonly string[];
  excluded?: readonly string[];
  more?: readonly Node[];
  serial?: number;
}

const dns = (name: string): Node => contextBytes(2, Buffer.from(name));
const subtrees = (number: number, names: readonly string[] = []): Node[] =>
  names.length === 0 ? [] : [context(number, ...names.map((name) => sequence(dns(name))))];

let serials = 0x1000;

export async function make(shape: Shape): Promise<Made> {
  const key = shape.key ?? newPrivateKey();
  const signer = signerOf(key);
  const spki = spkiOf(signer.publicKey);
  const keyId = spki.subarray(-20);
  const name = shape.subject ?? nameOf({ commonName: shape.name });
  const by = shape.by ?? { signer, name, keyId };
  const usage = shape.usage === undefined ? (shape.ca ? 0x06 : 0x80) : shape.usage;
  const { ca, pathLength, eku, hosts, permitted, excluded } = shape;
  const constraints = [...(ca ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [smallInteger(pathLength)])];
  serials += 1;
  const serial = Buffer.alloc(2);
  serial.writeUInt16BE(shape.serial ?? serials);
  const body = sequence(
    context(0, smallInteger(2)),
    integer(serial),
    signedWith,
    by.name,
    sequence(time(shape.from), time(shape.until)),
    name,
    decode(spki),
    context(
      3,
      sequence(
        ...(ca === undefined ? [] : [extension(oids.basicConstraints, sequence(...constraints), true)]),
        ...(usage === null
          ? []
          : [extension(oids.keyUsage, bitString(Uint8Array.of(usage), usage === 0x06 ? 1 : 7), true)]),
        ...(eku ? [extension(oids.extendedKeyUsage, sequence(...eku.map(oid)))] : []),
        ...(hosts
          ? [
              extension(
                oids.subjectAltName,
                sequence(
                  ...hosts.map((host) =>
                    isIP(host) ? contextBytes(7, Buffer.from(host.split('.').map(Number))) : dns(host),
                  ),
                ),
              ),
            ]
          : []),
        ...(permitted || excluded
          ? [extension(oids.nameConstraints, sequence(...subtrees(0, permitted), ...subtrees(1, excluded)), true)]
          : []),
        ...(shape.more ?? []),
        extension(oids.subjectKeyIdentifier, octetString(keyId)),
        extension(oids.authorityKeyIdentifier, sequence(contextBytes(0, by.keyId))),
      ),
    ),
  );
  const signature = await by.signer.sign(encode(body));
  const certificate = new X509Certificate(encode(sequence(body, signedWith, bitString(signature))));
  return { certificate, key, signer, name, keyId };
}
