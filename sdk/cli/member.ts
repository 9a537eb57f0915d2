/** `member request | accept | show | rotate` */
import path from 'node:path';
import { signRotation } from '#common/archive/release.js';
import { files } from '#common/files.js';
import { verifyCredential } from '#common/members/credential.js';
import { signMemberRequest } from '#common/members/request.js';
import type { MemberClass } from '#contract/member.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { type HeldKey, type MemberFolder, memberFolder, readCredential } from '../publish/member-folder.js';
import { choice, flag, memberPlace, noMoreThan, oneOf, readArguments, required, text } from './arguments.js';
import type { Command } from './command.js';
import { credentialOf, memberKeysOf, type Named, readText, territoryOf, withTerritory } from './territory.js';

const classes: readonly MemberClass[] = ['var', 'qsp', 'wcd', 'wec', 'wcp'];

const requestOf = (held: HeldKey, wish: { name: string; class: MemberClass; contact?: string }): Promise<string> =>
  signMemberRequest({ key: held.key, ...wish, at: Date.now() });

const request: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, { name: text, class: text, contact: text, out: text });
  noMoreThan(0, positionals);
  const wish = {
    name: required(values.name, '--name'),
    class: oneOf(required(values.class, '--class'), '--class', classes),
    ...(values.contact === undefined ? {} : { contact: values.contact }),
  };
  const folder = memberFolder({ directory: memberPlace(values.out, env), files });
  const held = await folder.createKey();
  await folder.keepSettings(wish);
  const file = await folder.leave('request.jws', await requestOf(held, wish));
  out(`key ${held.jwk.kid}`);
  out(`request ${file}: send it to the provider of the territory`);
  return true;
};

const credentialCodes = {
  malformed: 'credential-malformed',
  foreign: 'credential-foreign',
  forged: 'credential-forged',
  early: 'credential-early',
  expired: 'credential-expired',
} as const satisfies Record<string, ProblemCode>;

/** From a file, or, where the territory is known, its newest for this member. */
async function credentialFrom(
  file: string | undefined,
  folder: MemberFolder,
  named: Named & { id?: string | undefined },
) {
  if (file !== undefined) return (await readText(file)).trim();
  const kept = named.id === undefined ? (await folder.credential()).credential.credentialSubject.member : named.id;
  return withTerritory(named, folder, (https) => credentialOf(https, kept));
}

const accept: Command = async (args, { out, env }) => {
  const options = { id: text, member: text, catalogue: text, ca: text };
  const { values, positionals } = readArguments(args, options);
  noMoreThan(1, positionals);
  const folder = memberFolder({ directory: memberPlace(values.member, env), files });
  const [current, next] = [await folder.current(), await folder.next()];
  const jwt = await credentialFrom(positionals[0], folder, values);
  const credential = readCredential(jwt);
  const { kid } = credential.cnf.jwk;
  if (kid !== current.jwk.kid && kid !== next?.jwk.kid)
    throw new Refusal('credential-for-another-key', `it is for ${kid}, the key here is ${current.jwk.kid}`);

  const { member, territory: id, class: its, vettingLevel } = credential.credentialSubject;
  const territory = await territoryOf(values, folder);
  if (territory) {
    const keys = await withTerritory(values, folder, memberKeysOf);
    const verified = await verifyCredential(jwt, { keys, territory: id, at: Date.now() });
    if (!verified.ok) throw new Refusal(credentialCodes[verified.fault]);
    await folder.keepSettings({ catalogue: territory.origin, ca: territory.ca });
  }
  if (kid === next?.jwk.kid) await folder.promote();
  await folder.keepCredential(jwt);
  out(`${member} of ${id}: ${its}, vetting level ${vettingLevel}, until ${credential.validUntil}`);
  if (!territory)
    out("the territory's signature was not checked: name its address and root certificate with --catalogue and --ca");
  return true;
};

const show: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, { member: text, json: flag });
  noMoreThan(0, positionals);
  const folder = memberFolder({ directory: memberPlace(values.member, env), files });
  const [held, next, settings] = [await folder.current(), await folder.next(), await folder.settings()];
  const kept = await folder.credential().catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'membership-missing') return undefined;
    throw error;
  });
  const facts = {
    folder: path.resolve(folder.directory),
    name: settings.name ?? null,
    key: held.jwk.kid,
    keysBefore: held.rotation.length,
    nextKey: next?.jwk.kid ?? null,
    catalogue: settings.catalogue ?? null,
    credential: kept
      ? {
          ...kept.credential.credentialSubject,
          validUntil: kept.credential.validUntil,
          key: kept.credential.cnf.jwk.kid,
        }
      : null,
  };
  if (values.json) out(JSON.stringify(facts, null, 2));
  else {
    out(`key        ${facts.key}${facts.keysBefore > 0 ? `, after ${facts.keysBefore} before it` : ''}`);
    if (next) out(`next key   ${next.jwk.kid}, waiting for its credential`);
    const its = facts.credential;
    if (its) {
      out(`member     ${its.member} of ${its.territory}: ${its.name}`);
      out(`class      ${its.class}, vetting level ${its.vettingLevel}, charter ${its.charterVersion}`);
      out(`credential until ${its.validUntil}${its.key === facts.key ? '' : ', for another key than the one here'}`);
    } else out('credential none yet: send request.jws to the provider, and accept its answer');
    out(`catalogue  ${facts.catalogue ?? 'not named yet'}`);
  }
  return true;
};

const rotate: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, { member: text });
  noMoreThan(0, positionals);
  const folder = memberFolder({ directory: memberPlace(values.member, env), files });
  const { key } = await folder.current();
  const { member: id } = (await folder.credential()).credential.credentialSubject;
  const next = await folder.createNext((jwk) => signRotation({ member: id, jwk, at: Date.now(), key }));
  const statement = next.rotation.at(-1) ?? '';
  const rotation = await folder.leave('next-rotation.jws', statement);
  out(`next key ${next.jwk.kid}`);
  out(`send ${rotation} to the provider of the territory; the present key serves until you accept its answer`);
  return true;
};

export const member = choice('member', {
  request: async () => request,
  accept: async () => accept,
  show: async () => show,
  rotate: async () => rotate,
});
