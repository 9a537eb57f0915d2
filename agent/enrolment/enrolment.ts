/**
 * One membership: how the box speaks with one territory's provider, and what it holds of it.
 *
 * Each step is durable before the next begins, and each can be asked for again: the key is kept before the provider is
 * asked, the provider answers the same key with the same certificate, and nothing says "enrolled" before the
 * certificate is on the disk.
 */
import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { Value } from 'typebox/value';
import type { ClientIdentity, Trust } from '#common/checked-tls.js';
import type { Files } from '#common/files.js';
import { acceptedAuthorities } from '#common/pki/authorities.js';
import { makeCsr } from '#common/pki/csr.js';
import { keyHash, signerOf } from '#common/pki/keys.js';
import type { Leave, LeaveAnswer } from '#contract/leave.js';
import { Refusal } from '#contract/problems.js';
import { Profile } from '#contract/profile.js';
import { requestCode } from '#contract/request-code.js';
import type { Identity, Operational } from '../identity/identity.js';
import type { TrustedTime } from '../time/trusted-time.js';
import { type Authorities, checkIssued, fingerprintOf, heldAuthorities, pinnedAuthorities } from './chain.js';
import { createEstClient, type MakeRequest } from './est-client.js';

export interface Enrolment {
  /** Asks for the territory's CA certificates, and believes them when their root matches the pin. */
  reach(): Promise<void>;
  /** Has a key on the disk. Answers what its request is called by people. */
  prepare(): Promise<string>;
  /** Asks for a certificate and keeps it with its key. @throws Refusal, RetryLater */
  ask(with_: { claimCode?: string; identity?: ClientIdentity; voucher?: Uint8Array }): Promise<Operational>;
  /** The profile, from the provider when asked anew or when none is held, else the one on the disk. */
  profile(fresh: boolean): Promise<Profile>;
  /** A new key and a new certificate, kept beside the current pair. */
  renew(): Promise<void>;
  /** A renewed pair is proven by fetching the profile with it, and only then takes its place. Answers whether there was one. */
  proveNext(): Promise<boolean>;
  leave(body: Leave): Promise<LeaveAnswer>;
  /** What a TLS connection to the provider is checked against. */
  trust(): Promise<Trust>;
  /** What identifies the box now. */
  current(): Operational | undefined;
  /** The last profile that was seen. */
  lastProfile(): Profile | undefined;
  renewAt(): number | undefined;
}

const third = 1 / 3;

/** Two thirds through the lifetime, up to a tenth of it earlier by a jitter that is the certificate's own. */
export function renewalTime(leaf: { validFrom: string; validTo: string; fingerprint256: string }): number {
  const from = Date.parse(leaf.validFrom);
  const to = Date.parse(leaf.validTo);
  const jitter = Number.parseInt(leaf.fingerprint256.slice(0, 2), 16) / 255;
  return to - (to - from) * (third + jitter / 10);
}

export async function createEnrolment(wish: {
  est: URL;
  pins: readonly string[];
  profileFile: string;
  identity: Identity;
  files: Files;
  /** Also what the client learns the time for. */
  clock: TrustedTime;
  signal: AbortSignal;
  onRefused: (refusal: Refusal) => void;
  onRenewed: (identity: Operational) => void;
}): Promise<Enrolment> {
  const { identity, files, clock, signal, onRefused, profileFile } = wish;
  const client = createEstClient({ est: wish.est, signal, time: clock, onRefused });
  let held = await identity.operational();
  let seenProfile = await storedProfile();
  let proving: Promise<boolean> | undefined;

  async function storedProfile(): Promise<Profile | undefined> {
    const text = (await files.read(profileFile))?.toString('utf8');
    if (text === undefined) return undefined;
    try {
      const stored: unknown = JSON.parse(text);
      return Value.Check(Profile, stored) ? stored : undefined;
    } catch {
      return undefined; // it is only a copy: the provider has the original
    }
  }

  function pinned(shown: readonly X509Certificate[]): Authorities {
    const pin = wish.pins.find((one) => shown.some((certificate) => fingerprintOf(certificate) === one));
    return pinnedAuthorities(shown, pin ?? wish.pins[0] ?? '');
  }

  /** Empty before the first contact, and when the configuration pins another root since: that is a new election. */
  async function heldRoots(): Promise<X509Certificate[]> {
    const roots = await identity.roots();
    return roots.some((root) => wish.pins.includes(fingerprintOf(root))) ? roots : [];
  }

  /**
   * Nothing that the provider shows is believed before its root matches a pin. From then on a new root counts only when
   * one that is held has signed it (whatever a directory says), and it goes on counting when the old one is gone.
   */
  async function authorities(fresh: boolean): Promise<Authorities> {
    const roots = await heldRoots();
    const accept = (certificates: readonly X509Certificate[]): Authorities =>
      roots.length > 0 ? heldAuthorities(roots, certificates) : pinned(certificates);
    const kept = fresh ? [] : await identity.authorities();
    if (kept.length > 0) return accept(kept);
    let shown: readonly X509Certificate[] = [];
    const known = await client.cacerts((certificates) => {
      shown = certificates;
      return accept(certificates);
    });
    // Whether a bridge is valid can be said only by who knows the time; if not now, then at the next renewal.
    const accepted = clock.trusted() ? acceptedAuthorities(known.anchors, shown, clock.now()).roots : known.anchors;
    await identity.trust({ roots: accepted, below: known.below });
    return { ...known, anchors: accepted };
  }

  const csrFor =
    (key: KeyObject, commonName: string): MakeRequest =>
    (channelBinding) =>
      makeCsr({ commonName, signer: signerOf(key), channelBinding });

  async function fetchProfile(who: Operational): Promise<Profile> {
    const profile = await client.profile({ trust: await authorities(false), identity: who });
    if (profile.box !== who.box) throw new Refusal('certificate-mismatch', `the profile is for ${profile.box}`);
    seenProfile = profile;
    await files.write(profileFile, JSON.stringify(profile), 0o600);
    return profile;
  }

  async function prove(): Promise<boolean> {
    const next = await identity.next();
    if (!next) return false;
    await fetchProfile(next);
    await identity.promote();
    held = await identity.operational();
    if (held) wish.onRenewed(held);
    return true;
  }

  /** Renewal and a new session may both find a next identity: they share one proof, and one set of files. */
  function proveNext(): Promise<boolean> {
    proving ??= prove().finally(() => {
      proving = undefined;
    });
    return proving;
  }

  return {
    trust: () => authorities(false),
    current: () => held,
    lastProfile: () => seenProfile,
    renewAt: () => held && renewalTime(held.leaf),
    async reach() {
      await authorities(true);
    },
    async prepare() {
      const key = held?.key ?? (await identity.pendingKey());
      return requestCode(keyHash(createPublicKey(key)));
    },
    async ask(credentials) {
      if (held) return held; // kept, and cut before that was noted
      const known = await authorities(false);
      const key = await identity.pendingKey();
      // The provider assigns the name; the request only has to have one.
      const answer = await client.simpleenroll({ trust: known, ...credentials, csr: csrFor(key, 'new-box') });
      held = await identity.adopt(key, checkIssued({ answer, key, trust: known, at: clock.moment() }));
      return held;
    },
    async profile(fresh) {
      // A cut between proof and promotion leaves a next that the provider may already hold us to.
      if (await identity.next())
        await proveNext().catch((error: unknown) => error instanceof Refusal && onRefused(error));
      const now = held;
      if (!now) throw new Refusal('unavailable', 'not enrolled yet');
      if (seenProfile && seenProfile.box === now.box && !fresh) return seenProfile;
      const known = seenProfile;
      return fetchProfile(now).catch((error: unknown) => {
        if (!known || known.box !== now.box || !(error instanceof Refusal)) throw error;
        onRefused(error);
        return known;
      });
    },
    async renew() {
      const now = held;
      if (!now || (await identity.next())) return;
      const known = await authorities(true); // the provider may have a new issuing CA since
      const key = await identity.pendingKey();
      const answer = await client.simplereenroll({ trust: known, identity: now, csr: csrFor(key, now.box) });
      const chain = checkIssued({ answer, key, trust: known, at: clock.moment(), box: now.box });
      await identity.keepNext(key, chain);
    },
    proveNext,
    async leave(body) {
      const now = (await identity.next()) ?? held;
      if (!now) throw new Refusal('unavailable', 'not enrolled yet');
      return client.leave({ trust: await authorities(false), identity: now, body });
    },
  };
}
