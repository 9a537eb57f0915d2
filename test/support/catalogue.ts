/** A territory with a catalogue, a member that publishes in it, and how both sides ask over real TLS. */
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { Test } from 'tap';
import { signDpop } from '#common/members/dpop.js';
import { signMemberRequest } from '#common/members/request.js';
import { newPrivateKey } from '#common/pki/keys.js';
import {
  CatalogueApp,
  CataloguePage,
  CatalogueRelease,
  cataloguePath,
  type NewRelease,
  patchBytes,
} from '#contract/catalogue.js';
import { memberCredentialPath } from '#contract/member.js';
import { parseJson } from '#contract/parse.js';
import { Problem } from '#contract/problems.js';
import type { Release } from '#contract/release.js';
import { type SomeApp, someApp, someManifest } from './archive.js';
import { answered } from './est.js';
import { ownFolder } from './folder.js';

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Call {
  method?: string;
  place: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
  with?: { cert: string; key: string };
  /** Sends so many octets of the body and hangs up. */
  cutAt?: number;
}

/** Where the territory is asked, and the root that its certificate ends in. */
export interface Origin {
  url: URL;
  ca: string;
}

export function call({ url, ca }: Origin, { method = 'GET', place, headers = {}, body, cutAt, ...wish }: Call) {
  return new Promise<Reply>((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const message = httpsRequest(
      new URL(place, url),
      {
        ...{
          method,
          ca,
          ...(isIP(url.hostname) ? {} : { servername: url.hostname }), // whatever Host says
          agent: new Agent({ maxCachedSessions: 0 }),
          headers: { ...length, ...headers },
        },
        ...wish.with,
      },
      async (reply) => {
        try {
          const chunks: Buffer[] = [];
          for await (const chunk of reply) chunks.push(Buffer.from(chunk));
          resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: Buffer.concat(chunks) });
        } catch (error) {
          reject(error);
        }
      },
    );
    message.once('error', reject);
    if (cutAt === undefined || body === undefined) return void message.end(body);
    message.write(Buffer.from(body).subarray(0, cutAt), () => message.destroy(new Error('cut')));
  });
}

export const codeIn = ({ body }: Reply): string | undefined => {
  const problem = parseJson(Problem, body);
  return problem.ok ? problem.value.code : undefined;
};

export function refusal(t: Test, reply: Reply, status: number, code: string): void {
  const problem = parseJson(Problem, reply.body);
  const about = problem.ok ? problem.value : { code: reply.body.toString() };
  t.match({ status: reply.status, code: about.code }, { status, code }, JSON.stringify(about));
}

const answer = <T extends Parameters<typeof parseJson>[0]>(schema: T, reply: Reply, status = 200) => {
  if (reply.status !== status) throw new Error(`${reply.status} ${reply.body}`);
  return answered(parseJson(schema, reply.body));
};

export interface MemberClient {
  id: string;
  key: KeyObject;
  credential: string;
  origin: Origin;
}

/** What the proof says, where it is not the truth. */
interface Prove {
  method?: string;
  url?: string;
  at?: number;
  key?: KeyObject;
  credential?: string;
}

export async function proofHeaders(who: MemberClient, { method = 'GET', place }: Call, wish: Prove = {}) {
  const { credential, key } = who;
  const url = new URL(place, who.origin.url).href;
  const proof = await signDpop({ key, credential, method, url, at: Date.now(), ...wish });
  return { authorization: `DPoP ${credential}`, dpop: proof };
}

export async function ask(who: MemberClient, wish: Call, lie: Prove = {}): Promise<Reply> {
  const headers = { ...(await proofHeaders(who, wish, lie)), ...wish.headers };
  return call(who.origin, { ...wish, headers });
}

export const send = (who: MemberClient, place: string, body: unknown): Promise<Reply> =>
  ask(who, { method: 'POST', place, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });

export const blobPlace = (digest: string): string => `${cataloguePath}/blobs/${digest}`;

/** One piece of an upload. */
export const patch = (
  who: MemberClient,
  digest: string,
  piece: { offset: number; length: number; body: Buffer; cutAt?: number },
) =>
  ask(who, {
    method: 'PATCH',
    place: blobPlace(digest),
    body: piece.body,
    ...(piece.cutAt !== undefined && { cutAt: piece.cutAt }),
    headers: {
      'content-type': 'application/octet-stream',
      'upload-offset': String(piece.offset),
      'upload-length': String(piece.length),
    },
  });

/** As a publisher's tool does: asks where to go on, and goes on until it is there. */
export async function upload(who: MemberClient, digest: string, bytes: Buffer, size = patchBytes): Promise<Reply> {
  const head = await ask(who, { method: 'HEAD', place: blobPlace(digest) });
  if (head.status === 200) return head;
  let offset = Number(head.headers['upload-offset']);
  for (;;) {
    const body = bytes.subarray(offset, offset + size);
    const reply = await patch(who, digest, { offset, length: bytes.length, body });
    if (reply.status !== 204 && codeIn(reply) !== 'upload-offset-wrong') return reply;
    offset = Number(reply.headers['upload-offset']);
    if (reply.status === 204 && offset === bytes.length) return reply;
  }
}

export async function uploadAll(who: MemberClient, app: SomeApp): Promise<void> {
  for (const { digest } of app.release.blobs) {
    const reply = await upload(who, digest, await readFile(app.fileOf(digest)));
    if (reply.status >= 300) throw new Error(`${digest}: ${reply.status} ${reply.body}`);
  }
}

export const publish = (who: MemberClient, jws: string, boxes?: string[]): Promise<Reply> =>
  send(who, `${cataloguePath}/releases`, { release: jws, ...(boxes && { boxes }) } satisfies NewRelease);

export const publishedIn = (reply: Reply, status = 201): CatalogueRelease => answer(CatalogueRelease, reply, status);
export const releaseIn = (reply: Reply): CatalogueRelease => answer(CatalogueRelease, reply);
export const pageIn = (reply: Reply): CataloguePage => answer(CataloguePage, reply);
export const appIn = (reply: Reply): CatalogueApp => answer(CatalogueApp, reply);

interface Territory {
  url: URL;
  ca: string;
  ask(operation: string, parameters: unknown): Promise<unknown>;
}

/** Admits a member, and answers how it asks. */
export async function admitted(served: Territory, id: string, { level = 1, name = id } = {}): Promise<MemberClient> {
  const key = newPrivateKey();
  const at = Date.now();
  const request = await signMemberRequest({ key, name, class: 'var', at });
  const vetting = { what: 'papers', by: 'the operator', at };
  const wish = { request, id, level, charterVersion: '1', vetting };
  await served.ask('member.admit', wish);
  const origin = { url: served.url, ca: served.ca };
  const reply = await call(origin, { place: memberCredentialPath(id) });
  if (reply.status !== 200) throw new Error(`${reply.status} ${reply.body}`);
  return { id, key, credential: reply.body.toString(), origin };
}

/** A small signed app of this member's. */
export async function anApp(
  t: Test,
  who: MemberClient,
  manifest: Parameters<typeof someManifest>[0] = {},
  wish: { text?: string; more?: Partial<Release>; blobs?: string } = {},
): Promise<SomeApp> {
  const more = { member: who.id, territory: 'kowhai', manifest: someManifest(manifest), ...wish.more };
  return someApp(await ownFolder(t), { key: who.key, ...wish, more });
}
