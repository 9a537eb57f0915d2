/** What apps are offered beside their storage, wired: attestations, notices, tunnels, messages. */
import type { AppBinding } from './apps/installer.js';
import type { Grants } from './consent/grants.js';
import { createResolver, ownNetworks } from './egress/dns.js';
import { createEgress, type Egress } from './egress/egress.js';
import type { MembershipRoom } from './enrolment/membership.js';
import type { Ground } from './ground.js';
import { type Attestor, createAboutKey, createAttestor } from './identity/attest.js';
import { createMessages, type Messages } from './messages/messages.js';
import { createNotices, type Notices } from './notices/notices.js';
import type { Simulated } from './simulated.js';

export interface AppFeatures {
  readonly attest: Attestor;
  readonly notices: Notices;
  readonly egress: Egress;
}

/** What apps are offered beside their storage: word of who they are, a way to tell the owner something, servers outside. */
export async function openAppFeatures(
  { host, store, clock }: Ground,
  {
    membership,
    simulated,
    releaseOf,
  }: {
    membership: MembershipRoom;
    simulated: Simulated | undefined;
    releaseOf: (app: string) => { release: string; version: string } | undefined;
  },
): Promise<AppFeatures> {
  const hostOf = (address: string | undefined): { host: string }[] =>
    address === undefined || !URL.canParse(address) ? [] : [{ host: new URL(address).hostname }];
  return {
    attest: createAttestor({
      clock,
      releaseOf,
      standing() {
        if (simulated) return simulated.standing();
        const now = membership.enrolment()?.current();
        const territory = membership.enrolment()?.lastProfile()?.territory.id;
        return now && territory !== undefined ? { ...now, territory } : undefined;
      },
    }),
    notices: await createNotices({ store, clock }),
    egress: createEgress({
      resolve: host.outside?.resolve ?? createResolver(),
      ...(host.outside && { dialTo: host.outside.dial }),
      ownNetworks,
      // An app has no business with the provider: what it has to say there goes through the box.
      barred: () => [
        ...hostOf(membership.origin()?.href),
        ...hostOf(membership.enrolment()?.lastProfile()?.broker.url),
      ],
      clock,
    }),
  };
}

/** Messages between apps and their makers, signed as the box is known at the moment. */
export function openMessages(
  { config, host, store, clock, onRefused }: Ground,
  {
    grants,
    membership,
    bindingOf,
  }: { grants: Grants; membership: MembershipRoom; bindingOf: (app: string) => AppBinding | undefined },
): Promise<Messages> {
  const aboutKey = createAboutKey();
  return createMessages({
    dataDir: config.dataDir,
    files: host.files,
    ...{ store, clock, bindingOf, onRefused },
    mayUse: (app) => grants.allows(app, 'messages'),
    onGrantChange: (listener) => grants.onChange(listener),
    async signing() {
      const now = membership.enrolment()?.current();
      const territory = membership.enrolment()?.lastProfile()?.territory.id;
      if (!now || territory === undefined) return undefined;
      return { box: now.box, territory, key: now.key, ...(await aboutKey(now)) };
    },
  });
}
