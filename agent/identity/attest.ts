/**
 * A statement for an app's server: this release of this app asks, on this box, in this territory. A JWT (RFC 7519) that
 * the box's operational key signs; its chain travels in `x5c` (RFC 7515 section 4.1.6), so that whoever has the root
 * that the territory publishes needs nothing else. Short-lived, for one audience, and its own `jti` each time.
 */
import { type KeyObject, randomBytes, type X509Certificate } from 'node:crypto';
import { kidOf, signJws } from '#common/jws.js';
import type { Signer } from '#common/pki/keys.js';
import { certificatesFromPem } from '#common/pki/pem.js';
import { type Attestation, type AttestationClaims, type AttestationRequest, attestationType } from '#contract/api.js';
import { Refusal } from '#contract/problems.js';

const lifetimeSeconds = 300;

export interface Attestor {
  /** @throws Refusal `attest-not-enrolled`, `attest-time-unknown`, `attest-certificate`, `attest-unreleased` */
  attest(app: string, wish: AttestationRequest): Promise<Attestation>;
}

/** Who the box is now, and to whom. */
export interface Standing {
  box: string;
  territory: string;
  key: KeyObject | Signer;
  leaf: X509Certificate;
  /** PEM, leaf first. */
  chain: string;
}

/** A root is the reader's to know; one that is shown proves nothing. */
function shown(chain: string): string[] {
  const certificates = certificatesFromPem(chain).filter((one, index) => index === 0 || one.subject !== one.issuer);
  return certificates.map(({ raw }) => raw.toString('base64'));
}

export type AboutKey = (who: Pick<Standing, 'key' | 'chain'>) => Promise<{ kid: string; x5c: string[] }>;

/** What the key is called and the chain to be shown: the same from one signature to the next, until it is renewed. */
export function createAboutKey(): AboutKey {
  let known: (Pick<Standing, 'key' | 'chain'> & { kid: string; x5c: string[] }) | undefined;
  return async ({ key, chain }) => {
    if (known?.key === key && known.chain === chain) return known;
    const made = { key, chain, kid: await kidOf(key), x5c: shown(chain) };
    known = made;
    return made;
  };
}

export function createAttestor({
  standing,
  releaseOf,
  clock,
}: {
  /** Undefined while the box is not enrolled. */
  standing: () => Standing | undefined;
  /** Undefined for what is no installed release. */
  releaseOf: (app: string) => { release: string; version: string } | undefined;
  clock: { now(): number; trusted(): boolean };
}): Attestor {
  const aboutKey = createAboutKey();

  return {
    async attest(app, { audience, nonce }) {
      const who = standing();
      if (!who) throw new Refusal('attest-not-enrolled');
      if (!clock.trusted()) throw new Refusal('attest-time-unknown');
      const about = releaseOf(app);
      if (!about) throw new Refusal('attest-unreleased');
      const now = clock.now();
      const notAfter = Date.parse(who.leaf.validTo);
      if (now >= notAfter || now < Date.parse(who.leaf.validFrom)) throw new Refusal('attest-certificate');
      const iat = Math.floor(now / 1000);
      const exp = Math.min(iat + lifetimeSeconds, Math.floor(notAfter / 1000));
      const claims: AttestationClaims = {
        iss: `urn:webizen:box:${who.box}`,
        sub: app,
        aud: audience,
        iat,
        exp,
        jti: randomBytes(16).toString('hex'),
        ...(nonce === undefined ? {} : { nonce }),
        app,
        ...about,
        box: who.box,
        territory: who.territory,
      };
      const { kid, x5c } = await aboutKey(who);
      const payload = Buffer.from(JSON.stringify(claims));
      const token = await signJws({ type: attestationType, payload, key: who.key, kid, header: { x5c } });
      return { token, expiresAt: exp * 1000 };
    },
  };
}
