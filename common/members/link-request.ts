/** A member's request to be linked with the box whose code it was told: signed, so that a provider cannot make one up. */
import type { KeyObject } from 'node:crypto';
import type { PublicJwk } from '#contract/directory.js';
import { linkCodeHash, linkProof } from '#contract/link-code.js';
import { LinkRequest, linkRequestType } from '#contract/links.js';
import { parseJson } from '#contract/parse.js';
import { signJws, verifyJws } from '../jws.js';

/** @param wish.code as `parseLinkCode` answers it */
export function signLinkRequest(wish: {
  key: KeyObject;
  code: string;
  territory: string;
  member: string;
  note?: string | undefined;
  at: number;
}): Promise<string> {
  const { key, code, territory, member, note, at } = wish;
  const request: LinkRequest = {
    code: linkCodeHash(code),
    proof: linkProof(code, { territory, member }),
    ...{ territory, member, at },
    ...(note === undefined ? {} : { note }),
  };
  return signJws({ type: linkRequestType, payload: Buffer.from(JSON.stringify(request)), key });
}

/** Undefined unless it is by this key, of this member and for this territory. Takes outside bytes; never throws. */
export async function verifyLinkRequest(
  jws: string,
  { jwk, territory, member }: { jwk: PublicJwk; territory: string; member: string },
): Promise<LinkRequest | undefined> {
  const verified = await verifyJws(jws, { type: linkRequestType, keys: [jwk] });
  if (!verified.ok) return undefined;
  const read = parseJson(LinkRequest, verified.payload);
  return read.ok && read.value.member === member && read.value.territory === territory ? read.value : undefined;
}
