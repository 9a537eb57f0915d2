/**
 * Brings the box into its territory and keeps it there.
 *
 * Each step is durable before the next begins, and each can be asked for again: the key is kept before the provider is
 * asked, the provider answers the same key with the same certificate, and nothing says "enrolled" before the
 * certificate is on the disk.
 */
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Value } from 'typebox/value';
import type { Trust } from '#common/checked-tls.js';
import { sleepUntil } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { makeCsr } from '#common/pki/csr.js';
import { signerOf } from '#common/pki/keys.js';
import { parseClaimCode } from '#contract/claim-code.js';
import { Refusal } from '#contract/problems.js';
import { Profile } from '#contract/profile.js';
import type { Identity, Operational } from '../identity/identity.js';
import type { TrustedTime } from '../time/trusted-time.js';
import { type Authorities, checkIssued, pinnedAuthorities } from './chain.js';
import { createEstClient, type MakeRequest, RetryLater } from './est-client.js';

export interface Enrolment {
  /** Resolves when the box is enrolled; tries until then. */
  enrol(): Promise<Operational>;
  /** Renews when it is time, for as long as the agent runs. */
  keepRenewing(): Promise<void>;
  /** The profile, from the provider when asked anew or when none is held, else the one on the disk. */
  profile(fresh: boolean): Promise<Profile>;
  /** What a TLS connection to the provider is checked against. */
  trust(): Promise<Trust>;
  /** What identifies the box now. */
  current(): Operational | undefined;
  /** The last profile that was seen. */
  lastProfile(): Profile | undefined;
  renewAt(): number | undefined;
}

const firstPause = 1000;
const longestPause = 60_000;
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
  caSha256: string;
  claimCodeFile: string | undefined;
  dataDir: string;
  identity: Identity;
  files: Files;
  /** Also what the client learns the time for. */
  clock: TrustedTime;
  signal: AbortSignal;
  onRefused: (refusal: Refusal) => void;
  onRenewed: (identity: Operational) => void;
}): Promise<Enrolment> {
  const { identity, files, clock, signal, onRefused } = wish;
  const client = createEstClient({ est: wish.est, signal, time: clock, onRefused });
  const profileFile = path.join(wish.dataDir, 'profile.json');
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

  /** Nothing that the provider shows is believed before its root matches the pin. */
  async function authorities(fresh: boolean): Promise<Authorities> {
    const kept = fresh ? [] : await identity.authorities();
    if (kept.length > 0) return pinnedAuthorities(kept, wish.caSha256);
    const shown = await client.cacerts((certificates) => pinnedAuthorities(certificates, wish.caSha256));
    await identity.trust([shown.root, ...shown.below]);
    return shown;
  }

  async function claimCode(): Promise<string> {
    if (wish.claimCodeFile === undefined) throw new Refusal('claim-file-missing');
    const text = await readFile(wish.claimCodeFile, 'utf8').catch((error: unknown) => {
      throw new Refusal('claim-file-missing', wish.claimCodeFile, { cause: error });
    });
    const code = parseClaimCode(text);
    if (code === undefined) throw new Refusal('claim-malformed', wish.claimCodeFile);
    return code;
  }

  const csrFor =
    (key: KeyObject, commonName: string): MakeRequest =>
    (channelBinding) =>
      makeCsr({ commonName, signer: signerOf(key), channelBinding });

  async function enrolOnce(): Promise<Operational> {
    const known = await authorities(true);
    const code = await claimCode();
    const key = await identity.pendingKey();
    // The provider assigns the name; the request only has to have one.
    const answer = await client.simpleenroll({ trust: known, claimCode: code, csr: csrFor(key, 'new-box') });
    return identity.adopt(key, checkIssued({ answer, key, trust: known, at: clock.moment() }));
  }

  async function fetchProfile(who: Operational): Promise<Profile> {
    const profile = await client.profile({ trust: await authorities(false), identity: who });
    if (profile.box !== who.box) throw new Refusal('certificate-mismatch', `the profile is for ${profile.box}`);
    seenProfile = profile;
    await files.write(profileFile, JSON.stringify(profile), 0o600);
    return profile;
  }

  /** A renewed identity is proven by fetching the profile with it, and only then promoted. */
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

  async function renewOnce(): Promise<void> {
    if (await proveNext()) return;
    const now = held;
    if (!now) return;
    const known = await authorities(true); // the provider may have a new issuing CA since
    const key = await identity.pendingKey();
    const answer = await client.simplereenroll({ trust: known, identity: now, csr: csrFor(key, now.box) });
    const chain = checkIssued({ answer, key, trust: known, at: clock.moment(), box: now.box });
    await identity.keepNext(key, chain);
    await proveNext();
  }

  /** Until it succeeds or the agent stops; every failure is told, and none is final: an operator may mend the cause. */
  async function persist<T>(attempt: () => Promise<T>): Promise<T> {
    let pause = firstPause;
    while (true) {
      signal.throwIfAborted();
      let wait = pause * (0.5 + Math.random() / 2);
      try {
        return await attempt();
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof RetryLater) wait = error.seconds * 1000;
        else if (error instanceof Refusal) onRefused(error);
        else onRefused(new Refusal('internal', error instanceof Error ? error.message : undefined, { cause: error }));
      }
      await clock.sleep(wait, signal);
      pause = Math.min(pause * 2, longestPause);
    }
  }

  return {
    trust: () => authorities(false),
    current: () => held,
    lastProfile: () => seenProfile,
    renewAt: () => held && renewalTime(held.leaf),
    async enrol() {
      held ??= await persist(enrolOnce);
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
    async keepRenewing() {
      while (!signal.aborted && held) {
        await sleepUntil(clock, renewalTime(held.leaf), signal);
        if (!signal.aborted) await persist(renewOnce);
      }
    },
  };
}
