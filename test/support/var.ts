/** A VAR's laptop: the built `webizen` command with a member's folder, and a territory that issues credentials. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { publicJwkOf } from '#common/jws.js';
import { issueCredential } from '#common/members/credential.js';
import { verifyMemberRequest } from '#common/members/request.js';
import { newPrivateKey } from '#common/pki/keys.js';
import type { PublicJwk } from '#contract/directory.js';
import { credentialContext, issuerOf, type MemberCredential, subjectOf } from '#contract/member.js';
import { ownFolder } from './folder.js';
import { command, type Finished } from './provider.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

/** What `webizen` ends with, and what it says meanwhile: one that is asked by this very process must not be waited for. */
export interface Underway {
  process: ChildProcess;
  ended: Promise<Finished>;
}

export interface Laptop {
  folder: string;
  /** Where the key lies. */
  member: string;
  at(...names: string[]): string;
  /** Runs the command in the folder to its end. */
  webizen(...args: string[]): Finished;
  /** Goes on while this process does something else. */
  start(...args: string[]): Underway;
  /** The same with more in its environment. */
  webizenWith(env: Record<string, string>, ...args: string[]): Finished;
}

export async function laptop(t: Teardown): Promise<Laptop> {
  const folder = await ownFolder(t);
  const member = path.join(folder, 'member');
  const environment = (more: Record<string, string> = {}) => ({
    ...{ PATH: process.env.PATH ?? '', HOME: folder, WEBIZEN_MEMBER: member },
    ...more,
  });
  const webizenWith = (more: Record<string, string>, ...args: string[]): Finished => {
    const env = environment(more);
    const done = spawnSync(process.execPath, [command('webizen'), ...args], {
      cwd: folder,
      env,
      encoding: 'utf8',
      timeout: 120_000,
    });
    return { status: done.status, stdout: done.stdout, stderr: done.stderr };
  };
  return {
    folder,
    member,
    at: (...names) => path.join(folder, ...names),
    webizen: (...args) => webizenWith({}, ...args),
    start(...args) {
      const child = spawn(process.execPath, [command('webizen'), ...args], { cwd: folder, env: environment() });
      const told = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const)
        child[name].setEncoding('utf8').on('data', (text: string) => {
          told[name] += text;
        });
      t.teardown(() => child.kill('SIGKILL'));
      const ended = once(child, 'close').then(() => ({ status: child.exitCode, ...told }));
      return { process: child, ended };
    },
    webizenWith,
  };
}

const iso = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;

/** A credential as a territory issues it, whose signing key is of the moment. */
export async function credentialFor(jwk: PublicJwk): Promise<string> {
  const [now, territory, member] = [Date.now(), 'harbour', 'acme-apps'];
  const entry = (purpose: 'suspension' | 'revocation') => ({
    type: 'BitstringStatusListEntry' as const,
    statusPurpose: purpose,
    statusListIndex: '7',
    statusListCredential: `https://localhost:8440/v1/members/status/${purpose}`,
  });
  const credential: MemberCredential = {
    '@context': [...credentialContext],
    id: 'urn:uuid:5f0a8b52-3f5e-4a5e-9f61-0a8b523f5e4a',
    type: ['VerifiableCredential', 'WebizenMemberCredential'],
    issuer: issuerOf(territory),
    validFrom: iso(now - 60_000),
    validUntil: iso(now + 86_400_000),
    credentialSubject: {
      ...{ id: subjectOf(territory, member), member, territory, name: 'Acme Apps', class: 'var' },
      ...{ vettingLevel: 2, charterVersion: '1', since: iso(now - 60_000) },
    },
    credentialStatus: [entry('suspension'), entry('revocation')],
    cnf: { jwk },
  };
  return issueCredential({ key: newPrivateKey(), credential });
}

/** A member with a key and a credential for it. */
export async function memberLaptop(t: Teardown): Promise<Laptop & { jwk: PublicJwk }> {
  const own = await laptop(t);
  const asked = own.webizen('member', 'request', '--name', 'Acme Apps', '--class', 'var', '--out', own.member);
  if (asked.status !== 0) throw new Error(asked.stderr);
  const read = await verifyMemberRequest((await readFile(own.at('member', 'request.jws'), 'utf8')).trim());
  if (!read.ok) throw new Error(read.fault);
  const { jwk } = read.request;
  await writeFile(own.at('credential.jwt'), await credentialFor(jwk));
  const kept = own.webizen('member', 'accept', 'credential.jwt');
  if (kept.status !== 0) throw new Error(kept.stderr);
  return { ...own, jwk };
}

/** Of a key that is not held here. */
export const strangersJwk = (): Promise<PublicJwk> => publicJwkOf(newPrivateKey());

/** A base layer of a program of this machine, packed by the command. Node takes some seconds: once a file at most. */
export async function packedBase(t: Teardown, program = process.execPath): Promise<string> {
  const own = await laptop(t);
  await mkdir(own.at('base'));
  const packed = own.webizen('app', 'base', '--node', program, '--out', 'base');
  if (packed.status !== 0) throw new Error(packed.stderr);
  return own.at('base');
}
