/** Vouchers (RFC 8366): JSON in CMS by the box's maker, for one box and one territory's domain. */
import { X509Certificate } from 'node:crypto';
import { parseJson } from '#contract/parse.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { Voucher, voucherTime } from '#contract/voucher.js';
import type { Issuer } from './certificate.js';
import { type CmsFault, signCms, verifyCms } from './cms.js';
import { oids } from './oids.js';

export interface VoucherFacts {
  serial: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  expiresAt: number | undefined;
  /** The root of the territory's domain: what `cacerts` is pinned to. */
  pinned: X509Certificate;
  /** Its id in the alliance's directory, where the maker knew it. */
  territory: string | undefined;
}

/** DER: media type `application/voucher-cms+json`. */
export function makeVoucher(
  maker: Pick<Issuer, 'certificate' | 'signer'>,
  { serial, createdAt, expiresAt, pinned, territory }: Omit<VoucherFacts, 'pinned'> & { pinned: Uint8Array },
): Promise<Buffer> {
  const voucher: Voucher = {
    'ietf-voucher:voucher': {
      'created-on': voucherTime(createdAt),
      ...(expiresAt === undefined ? {} : { 'expires-on': voucherTime(expiresAt) }),
      assertion: 'verified',
      'serial-number': serial,
      'pinned-domain-cert': Buffer.from(pinned).toString('base64'),
      ...(territory === undefined ? {} : { 'webizen-voucher:territory': territory }),
    },
  };
  return signCms(maker, { contentType: oids.animaJsonVoucher, content: Buffer.from(JSON.stringify(voucher)) });
}

const codes: Record<CmsFault, ProblemCode> = {
  malformed: 'voucher-malformed',
  foreign: 'voucher-foreign',
  forged: 'voucher-forged',
};

const largestBytes = 64 * 1024;

/**
 * Takes outside bytes; nothing is parsed as a voucher before the signature over it has been verified.
 * @param makers CAs that may speak for this box: that of its own maker
 * @param at the time that is trusted, milliseconds since 1970: a lower bound will do, so `created-on` is not held against it
 * @throws Refusal `voucher-malformed`, `voucher-foreign`, `voucher-forged`, `voucher-serial`, `voucher-expired`
 */
export function verifyVoucher(wish: {
  der: Uint8Array;
  makers: readonly X509Certificate[];
  serial: string;
  at: number;
}): VoucherFacts {
  if (wish.der.length > largestBytes) throw new Refusal('voucher-malformed', 'it is too large');
  const verified = verifyCms(wish.der, wish.makers, oids.animaJsonVoucher);
  if (!verified.ok) throw new Refusal(codes[verified.fault]);
  const parsed = parseJson(Voucher, verified.content);
  if (!parsed.ok) throw new Refusal('voucher-malformed', parsed.faults[0]?.message);
  const leaf = parsed.value['ietf-voucher:voucher'];
  if (leaf['serial-number'] !== wish.serial) throw new Refusal('voucher-serial', leaf['serial-number']);
  const expires = leaf['expires-on'];
  const createdAt = Date.parse(leaf['created-on']);
  const expiresAt = expires === undefined ? undefined : Date.parse(expires);
  if (Number.isNaN(createdAt) || Number.isNaN(expiresAt ?? 0)) throw new Refusal('voucher-malformed', 'a time is none');
  if (expiresAt !== undefined && expiresAt <= wish.at) throw new Refusal('voucher-expired', expires);
  return {
    serial: wish.serial,
    createdAt,
    expiresAt,
    pinned: certificateOf(leaf['pinned-domain-cert']),
    territory: leaf['webizen-voucher:territory'],
  };
}

function certificateOf(base64: string): X509Certificate {
  try {
    return new X509Certificate(Buffer.from(base64, 'base64'));
  } catch (error) {
    throw new Refusal('voucher-malformed', 'pinned-domain-cert', { cause: error });
  }
}
