/** Resolutions of a panel: written, signed by officers one by one, and counted (contract/resolution.ts). */
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { Type } from 'typebox';
import type { LedgerEntry } from '#contract/ledger.js';
import { canonicalJson, signDetached, thumbprint } from '#contract/ledger-chain.js';
import { es256 } from '#contract/ledger-receipt.js';
import { parseJson } from '#contract/parse.js';
import { mostInterimDays, Panel, type PanelName, Resolution } from '#contract/resolution.js';
import { publicJwkOf } from '../jws.js';

export const textOf = (resolution: Resolution): string => canonicalJson(resolution);

/** Undefined when it is none, or is not written as it is signed. */
export function readResolution(text: string): Resolution | undefined {
  const read = parseJson(Resolution, Buffer.from(text));
  return read.ok && textOf(read.value) === text ? read.value : undefined;
}

export async function signResolution(resolution: Resolution, key: KeyObject): Promise<string> {
  const { kid } = await publicJwkOf(key);
  return await signDetached(textOf(resolution), {
    kid,
    sign: async (data) => sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' }),
  });
}

const Header = Type.Object({ alg: Type.Literal('ES256'), kid: Type.String() }, { additionalProperties: false });

/** Of the officers whose signature over this text is among these, each once: their keys' thumbprints. Never throws. */
export function signersOf(text: string, signatures: readonly string[], { officers }: Panel): string[] {
  const known = new Map(officers.map(({ x, y }) => [thumbprint({ x, y }), { x, y }]));
  const signed = new Set<string>();
  for (const jws of signatures) {
    const [header = '', payload, signature = '', ...more] = jws.split('.');
    const read = parseJson(Header, Buffer.from(header, 'base64url'));
    const key = read.ok ? known.get(read.value.kid) : undefined;
    if (!read.ok || !key || payload !== '' || more.length > 0) continue;
    const jwk = createPublicKey({ key: { kty: 'EC', crv: 'P-256', ...key }, format: 'jwk' });
    if (es256(jwk, `${header}.${Buffer.from(text).toString('base64url')}`, signature)) signed.add(read.value.kid);
  }
  return [...signed];
}

/** Undefined when it can be a panel; else why not. */
export function panelFault({ quorum, officers }: Panel): string | undefined {
  if (quorum > officers.length) return `${quorum} of ${officers.length} officers cannot sign`;
  if (new Set(officers.map(({ x }) => x)).size < officers.length) return 'two officers have the same key';
  for (const { name, x, y } of officers)
    try {
      createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
    } catch {
      return `the key of ${name} is none`;
    }
  return undefined;
}

/** How signatures stand among the facts of an entry. */
export const signatureFacts = (signatures: readonly string[]): Record<string, string> =>
  Object.fromEntries(signatures.map((jws, index) => [`signature${index + 1}`, jws]));
const signaturesIn = (facts: LedgerEntry['facts']): string[] =>
  Object.entries(facts).flatMap(([name, fact]) =>
    /^signature[0-9]+$/.test(name) && typeof fact === 'string' ? [fact] : [],
  );

const needing = new Set([
  ...['member.suspended', 'member.reinstated', 'member.expelled', 'member.succeeded', 'panel.set'],
  ...['case.dismissed', 'case.condition', 'case.upheld', 'case.overturned'],
]);
/** A suspension for a stated time, until the panel has met: the operators' own measure. */
export const isInterim = ({ type, facts }: Pick<LedgerEntry, 'type' | 'facts'>): boolean =>
  type === 'member.suspended' && facts.interim === true;
/** Whole days; NaN where it does not say until when. */
const daysOf = ({ at, facts: { until } }: LedgerEntry): number => Math.floor((Number(until) - at) / 86_400_000);

/**
 * A territory decides by its panels from when its standing panel is set. Whether each decision since has the signatures of as many officers as the panel of that time needed, over
 * a resolution that says what the entry says. Undefined when it has; else where not, and why.
 */
export function quorumFault(entries: readonly LedgerEntry[]): { index: number; why: string } | undefined {
  const panels = new Map<PanelName, Panel>();
  const used = new Set<string>();
  for (const entry of entries) {
    const { index, type, facts } = entry;
    const fault = (why: string) => ({ index, why });
    if (isInterim(entry) && !(daysOf(entry) <= mostInterimDays))
      return fault(`it suspends for a time that is not one of ${mostInterimDays} days at most`);
    const isSigned = panels.has('standing') || facts.resolution !== undefined;
    if (needing.has(type) && isSigned && !isInterim(entry)) {
      const text = String(facts.resolution ?? '');
      const resolution = readResolution(text);
      if (!resolution) return fault('it needs a resolution, and has none');
      if (used.has(resolution.id)) return fault('its resolution had served before');
      used.add(resolution.id);
      const panel = panels.get(resolution.panel);
      const signers = panel ? signersOf(text, signaturesIn(facts), panel).length : 0;
      if (!panel || signers < panel.quorum)
        return fault(`${signers} officers signed, where ${panel?.quorum ?? 1} have to`);
      if (resolution.act !== type || Object.entries(resolution.facts).some(([name, fact]) => facts[name] !== fact))
        return fault('it does not say what was resolved');
    }
    if (type !== 'panel.set') continue;
    const panel = parseJson(Panel, Buffer.from(String(facts.document ?? '')));
    if (!panel.ok || panelFault(panel.value)) return fault('the panel that it names is none');
    if (facts.of === 'standing' || facts.of === 'review') panels.set(facts.of, panel.value);
    else return fault('it names no panel');
  }
  return undefined;
}
