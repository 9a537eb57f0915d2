/**
 * Factory identities (IEEE 802.1AR IDevID): a certificate for the key of one box, by its maker, without an end. The
 * serial number stands in the subject and, as hardwareModuleName (RFC 4108 section 5), in the subjectAltName.
 */
import type { X509Certificate } from 'node:crypto';
import { Refusal } from '#contract/problems.js';
import { extension, type Issued, type Issuer, issue, issueRoot, leafUsage, notCa } from './certificate.js';
import {
  bitString,
  boolean,
  bytes,
  context,
  contextItems,
  decode,
  items,
  largeOid,
  octetString,
  oid,
  readOid,
  sequence,
  smallInteger,
  tags,
} from './der.js';
import type { Signer } from './keys.js';
import { nameOf, type Subject, serialNumberOf } from './names.js';
import { oids } from './oids.js';

/** 99991231235959Z: no well-defined end (RFC 5280 section 4.1.2.5, IEEE 802.1AR section 8.7). */
const never = Date.UTC(9999, 11, 31, 23, 59, 59);

/** digitalSignature beside keyCertSign and cRLSign: a maker signs vouchers with the key that signs identities. */
const makerUsage = extension(oids.keyUsage, bitString(Uint8Array.of(0b1000_0110), 1), true);

/** DER of a maker's self-signed certification authority. */
export const issueMakerRoot = (wish: { subject: Subject; signer: Signer; notBefore: number }): Promise<Buffer> =>
  issueRoot({
    ...wish,
    notAfter: never,
    extensions: [extension(oids.basicConstraints, sequence(boolean(true), smallInteger(0)), true), makerUsage],
  });

/** @param hardwareType OID of the kind of hardware, dotted */
export function issueIdevid(
  issuer: Issuer,
  wish: { serial: string; organization: string; hardwareType: string; spki: Uint8Array; notBefore: number },
): Promise<Issued> {
  const module = sequence(largeOid(wish.hardwareType), octetString(Buffer.from(wish.serial, 'ascii')));
  // GeneralName otherName [0]: type-id, and the value under an explicit [0]
  const names = sequence(context(0, oid(oids.hardwareModuleName), context(0, module)));
  return issue(issuer, {
    notBefore: wish.notBefore,
    notAfter: never,
    subject: nameOf({ organization: wish.organization, serialNumber: wish.serial }),
    spki: decode(wish.spki),
    extensions: [notCa, leafUsage, extension(oids.subjectAltName, names)],
  });
}

/** The serial number, when subject and hardwareModuleName agree on it. @throws Refusal `idevid-malformed` */
export function serialOfIdevid(certificate: X509Certificate): string {
  try {
    const fields = items(items(decode(certificate.raw), tags.sequence)[0], tags.sequence);
    const serial = serialNumberOf(fields[5]);
    const extensions = items(contextItems(fields[7], 3)?.[0], tags.sequence).map((node) => items(node, tags.sequence));
    const found = extensions.find(([type]) => readOid(type) === oids.subjectAltName);
    const names = items(decode(bytes(found?.at(-1), tags.octetString)), tags.sequence);
    const modules = names.flatMap((name) => {
      const [type, value] = contextItems(name, 0) ?? [];
      if (!type || readOid(type) !== oids.hardwareModuleName) return [];
      return [bytes(items(contextItems(value, 0)?.[0], tags.sequence)[1], tags.octetString).toString('latin1')];
    });
    if (serial === undefined || modules.length !== 1 || modules[0] !== serial) throw new Error('no serial number');
    return serial;
  } catch (error) {
    throw new Refusal('idevid-malformed', error instanceof Error ? error.message : undefined, { cause: error });
  }
}

/**
 * By which of these makers, and for which serial number. An identity has no end, and whether a maker may still speak is
 * for the directory to say, so no time is asked. The proof of possession of its key is the handshake's.
 * @throws Refusal `idevid-foreign`, `idevid-malformed`
 */
export function verifyIdevid<M extends { ca: X509Certificate }>(
  certificate: X509Certificate,
  makers: readonly M[],
): { serial: string; maker: M } {
  const maker = makers.find(({ ca }) => ca.ca && certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
  if (!maker || certificate.ca) throw new Refusal('idevid-foreign');
  return { serial: serialOfIdevid(certificate), maker };
}
