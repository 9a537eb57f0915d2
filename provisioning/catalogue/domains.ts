/**
 * Proof that a domain is a member's, looked for in the DNS: the provider connects to nothing that a member names, so
 * there is no address to be tricked into, no redirect and no name that resolves otherwise a moment later.
 *
 * A proof is for the very name that it stands below. That name cannot be a public suffix: the record's own name begins
 * with an underscore, which no registry gives to anybody, so whoever can put it there answers for the whole zone. Beside
 * that the suffixes that everybody knows are refused outright.
 */
import { Resolver } from 'node:dns/promises';
import type { Clock } from '#common/clock.js';
import { type DomainProof, idsBelow, proofName, proofValue } from '#contract/domain-claim.js';
import { Refusal } from '#contract/problems.js';
import type { MemberView, Publisher } from './parts.js';
import type { Registry } from './registry.js';

/** The strings of each record. Rejects where nobody could be asked, or there are none. */
export type ResolveTxt = (name: string) => Promise<string[][]>;

export function createTxtResolver({ servers }: { servers?: readonly string[] } = {}): ResolveTxt {
  const dns = new Resolver({ timeout: 3000, tries: 2 });
  if (servers) dns.setServers(servers);
  return (name) => dns.resolveTxt(name);
}

export interface Domains {
  /** @throws Refusal `domain-public`, `app-id-taken`, `too-many-requests`, `domain-unasked`, `member-…` */
  claim(member: Publisher, domain: string): Promise<DomainProof>;
}

const publicSuffix = /^(?:com|co|net|org|gov|edu|ac)\.[a-z]{2}$/;
/** Of one member, in so many milliseconds: each is a question to somebody else's server. */
const mostClaims = 10;
const within = 60_000;
const mostRecords = 100;
/** The name is there, and no such record; or there is no such name. */
const nothing = new Set(['ENODATA', 'ENOTFOUND']);

export function createDomains(wish: {
  territory: string;
  registry: Pick<Registry, 'keep' | 'checkOwner'>;
  members: MemberView;
  resolveTxt: ResolveTxt;
  clock: Clock;
}): Domains {
  const { territory, registry, members, resolveTxt, clock } = wish;
  const claimed = new Map<string, number[]>();

  function count(member: string): void {
    const since = clock.now() - within;
    const before = (claimed.get(member) ?? []).filter((at) => at > since && at <= clock.now());
    if (before.length >= mostClaims)
      throw new Refusal('too-many-requests', undefined, { headers: { 'retry-after': String(within / 1000) } });
    claimed.set(member, [...before, clock.now()]);
  }

  async function isPublished(name: string, value: string): Promise<boolean> {
    const records = await resolveTxt(name).catch((error: unknown) => {
      const { code } = error as { code?: unknown };
      if (typeof code === 'string' && nothing.has(code)) return [];
      throw new Refusal('domain-unasked', `${name}: ${String(code ?? error)}`, { cause: error });
    });
    // RFC 7208 section 3.3, as everywhere: the strings of one record belong together.
    return records.slice(0, mostRecords).some((strings) => strings.join('') === value);
  }

  return {
    async claim({ id, jwk }, domain) {
      if (publicSuffix.test(domain)) throw new Refusal('domain-public', domain);
      const ids = idsBelow(domain);
      registry.checkOwner(ids, id);
      count(id);
      const [name, value] = [proofName(domain), proofValue({ territory, member: id, kid: jwk.kid })];
      if (!(await isPublished(name, value))) return { domain, ids, name, value, proved: false };
      const standing = members.find(id)?.standing ?? 'expelled'; // the answer may have taken a while
      if (standing !== 'good') throw new Refusal(`member-${standing}`, id);
      await registry.keep(ids, id, domain);
      return { domain, ids, name, value, proved: true };
    },
  };
}
