/** Messages between an app and its VAR as they travel (contract/messages.ts): made, and opened by who they are for. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { isBoxId } from '#contract/box-id.js';
import type { PublicJwk } from '#contract/directory.js';
import {
  BoxMessage,
  boxMessageType,
  longestLifeSeconds,
  MemberMessage,
  maxMessageBytes,
  memberMessageType,
} from '#contract/messages.js';
import { parseJson } from '#contract/parse.js';
import type { ProblemCode } from '#contract/problems.js';
import { followKeys } from '../archive/release.js';
import { publicJwkOf, signJws, unverifiedHeader, verifyJws } from '../jws.js';
import type { Signer } from '../pki/keys.js';
import { validatePath } from '../pki/path.js';

import { decrypt, encrypt } from './jwe.js';

export type OpenFault = Extract<
  ProblemCode,
  'message-unreadable' | 'message-forged' | 'message-misdirected' | 'message-untimely' | 'message-expired'
>;
export type Opened<T> = { ok: true; value: T } | { ok: false; code: OpenFault; detail: string };

/** What the carrier says of it; what is signed has to say the same. */
export interface Place {
  id: string;
  app: string;
  box: string;
  name: string;
}

/** Two clocks that are right differ by less. */
const skewMilliseconds = 600_000;
/** What a provider kept as long as it may was signed no earlier. */
const oldestMilliseconds = longestLifeSeconds * 1000 + 30 * 86_400_000;

const no = (code: OpenFault, detail: string): { ok: false; code: OpenFault; detail: string } => ({
  ok: false,
  code,
  detail,
});

/** What is not as the carrier says, or was encrypted to a key other than the one that opened it. */
function misplaced(place: Place, kid: string, said: Place & { to: string }): string | undefined {
  const wrong = (['id', 'app', 'box', 'name'] as const).find((what) => place[what] !== said[what]);
  if (wrong) return `it says ${wrong} ${said[wrong]}, and came as ${place[wrong]}`;
  return said.to === kid ? undefined : 'it was made for another key';
}

export const bodyOf = ({ body }: { body: string }): Buffer => Buffer.from(body, 'base64url');

export async function sealBoxMessage(
  message: Omit<BoxMessage, 'to' | 'body'> & { body: Uint8Array },
  { to, key, kid, x5c }: { to: PublicJwk; key: KeyObject | Signer; kid: string; x5c: readonly string[] },
): Promise<string> {
  const whole: BoxMessage = { ...message, to: to.kid, body: Buffer.from(message.body).toString('base64url') };
  const payload = Buffer.from(JSON.stringify(whole));
  return encrypt(await signJws({ type: boxMessageType, payload, key, kid, header: { x5c } }), to);
}

function chainIn(header: Readonly<Record<string, unknown>>): X509Certificate[] | undefined {
  const { x5c } = header;
  if (!Array.isArray(x5c) || x5c.length === 0 || x5c.length > 8) return undefined;
  try {
    return x5c.map((der) => new X509Certificate(Buffer.from(String(der), 'base64')));
  } catch {
    return undefined;
  }
}

/**
 * Takes outside bytes; never throws. That it comes once is for the caller to see to.
 * @param wish.anchors the roots of the territory
 * @param wish.keys the VAR's own, by `kid`
 */
export async function openBoxMessage(
  sealed: string,
  wish: {
    place: Place;
    keys: ReadonlyMap<string, KeyObject>;
    anchors: readonly X509Certificate[];
    /** Milliseconds since 1970. */
    now: number;
  },
): Promise<Opened<BoxMessage>> {
  const { place, now } = wish;
  const plain = await decrypt(sealed, wish.keys);
  if (!plain) return no('message-unreadable', 'it cannot be decrypted');
  const header = unverifiedHeader(plain.text, boxMessageType);
  const chain = header && chainIn(header);
  const leaf = chain?.[0];
  if (!chain || !leaf) return no('message-forged', 'it shows no certificate');
  const jwk = await publicJwkOf(leaf.publicKey).catch(() => undefined);
  const verified = jwk && (await verifyJws(plain.text, { type: boxMessageType, keys: [jwk] }));
  if (!verified?.ok) return no('message-forged', 'its signature does not verify');
  const read = parseJson(BoxMessage, verified.payload);
  if (!read.ok) return no('message-forged', 'what is signed is no message');
  const said = read.value;
  const box = /^CN=([^\n]*)$/.exec(leaf.subject)?.[1];
  if (!isBoxId(box) || box !== said.box) return no('message-forged', `signed by ${box}, and it says ${said.box}`);
  if (said.signedAt > now + skewMilliseconds || said.signedAt < now - oldestMilliseconds)
    return no('message-untimely', new Date(said.signedAt).toISOString());
  // As of when it was signed: it may have waited longer than the certificate lived.
  const path = validatePath({ chain, anchors: wish.anchors, at: said.signedAt, purpose: 'clientAuth' });
  if (!path.ok) return no('message-forged', path.detail);
  const wrong = misplaced(place, plain.kid, said);
  if (wrong) return no('message-misdirected', wrong);
  if (bodyOf(said).length > maxMessageBytes) return no('message-forged', 'its body is too large');
  return { ok: true, value: said };
}

export async function sealMemberMessage(
  message: Omit<MemberMessage, 'to' | 'body'> & { body: Uint8Array },
  { to, key, rotation = [] }: { to: PublicJwk; key: KeyObject | Signer; rotation?: readonly string[] },
): Promise<string> {
  const whole: MemberMessage = { ...message, to: to.kid, body: Buffer.from(message.body).toString('base64url') };
  const payload = Buffer.from(JSON.stringify(whole));
  const header = rotation.length > 0 ? { rotation } : {};
  return encrypt(await signJws({ type: memberMessageType, payload, key, header }), to);
}

/**
 * Takes outside bytes; never throws. That it comes once is for the caller to see to.
 * @param wish.bound the member's key that the app is bound to
 * @param wish.keys those that the box made for the app, by `kid`
 * @returns with the member's key that signed it: a later one of its chain, perhaps
 */
export async function openMemberMessage(
  sealed: string,
  wish: {
    place: Place;
    keys: ReadonlyMap<string, KeyObject>;
    bound: PublicJwk;
    member: string;
    /** While the time is not known, the earliest that it can be. */
    now: number;
    trusted: boolean;
  },
): Promise<Opened<{ message: MemberMessage; jwk: PublicJwk }>> {
  const { place, bound, member, now, trusted } = wish;
  const plain = await decrypt(sealed, wish.keys);
  if (!plain) return no('message-unreadable', 'it cannot be decrypted');
  const header = unverifiedHeader(plain.text, memberMessageType);
  const jwk = header && (await followKeys(header, { bound, member }));
  if (!jwk) return no('message-forged', 'it is not by the key that the app is bound to');
  const verified = await verifyJws(plain.text, { type: memberMessageType, keys: [jwk] });
  if (!verified.ok) return no('message-forged', 'its signature does not verify');
  const read = parseJson(MemberMessage, verified.payload);
  if (!read.ok) return no('message-forged', 'what is signed is no message');
  const said = read.value;
  const wrong = misplaced(place, plain.kid, said);
  if (wrong) return no('message-misdirected', wrong);
  // How long an id has to be remembered hangs on this.
  if (said.expiresAt > said.at + longestLifeSeconds * 1000) return no('message-untimely', 'it lives too long');
  if (trusted && said.at > now + skewMilliseconds) return no('message-untimely', new Date(said.at).toISOString());
  if (said.expiresAt + skewMilliseconds <= now) return no('message-expired', new Date(said.expiresAt).toISOString());
  if (bodyOf(said).length > maxMessageBytes) return no('message-forged', 'its body is too large');
  return { ok: true, value: { message: said, jwk } };
}
