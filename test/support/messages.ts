/**
 * A provider in this process, a member of it with the `webizen` command, and boxes on which the member's app stands
 * installed, without an engine that would run it: what an app asks is asked through the agent's rooms.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Test } from 'tap';
import { signRelease } from '#common/archive/release.js';
import { files } from '#common/files.js';
import type { PublicJwk } from '#contract/directory.js';
import type { Manifest } from '#contract/manifest.js';
import type { QueuedMessage, ReceivedMessages } from '#contract/messages.js';
import type { MessageNews } from '../../agent/messages/messages.js';
import { openStore } from '../../agent/store/store.js';
import { type Backend, messageKeyFile, openBackend } from '../../sdk/backend/backend.js';
import { addMessageKey } from '../../sdk/backend/key-file.js';
import { type HeldKey, memberFolder } from '../../sdk/publish/member-folder.js';
import { someApp, someManifest } from './archive.js';
import { type TestBox, testBox } from './box.js';
import { ownFolder } from './folder.js';
import { testMosquitto } from './mosquitto.js';
import { askCommand, type TestProvider, testProvider } from './provider.js';
import { type Laptop, laptop } from './var.js';

export const appId = 'example.visits';

export interface MailMember {
  own: Laptop;
  id: string;
  held: HeldKey;
  credential: string;
  key: PublicJwk;
  /** `webizen`, beside this process; answers what it says. */
  webizen(...args: string[]): Promise<string>;
  backend(): Promise<Backend>;
}

export async function operator(provider: TestProvider, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await askCommand('webizen-provider', [...args, '--dir', provider.directory]);
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Admitted, and the owner of the app's id. */
export async function mailMember(
  t: Test,
  provider: TestProvider,
  { id = 'acme', app = appId }: { id?: string; app?: string } = {},
): Promise<MailMember> {
  const own = await laptop(t);
  const webizen = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await own.start(...args).ended;
    if (status !== 0) throw new Error(`${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  await webizen('member', 'request', '--name', 'Acme Apps', '--class', 'var', '--out', own.member);
  const vetted = ['--charter', '1', '--vetted', 'papers', '--by', 'the operator', '--level', '1'];
  await operator(provider, 'member', 'admit', own.at('member', 'request.jws'), '--id', id, ...vetted);
  await operator(provider, 'member', 'credential', id, '--out', own.at('credential.jwt'));
  const there = ['--catalogue', provider.est, '--ca', path.join(provider.directory, 'ca/root.crt')];
  await webizen('member', 'accept', own.at('credential.jwt'), ...there);
  await operator(provider, 'app', 'reserve', app, id);
  const folder = memberFolder({ directory: own.member, files });
  const key = await addMessageKey(files, messageKeyFile(own.member, app));
  return {
    ...{ own, id, key, webizen },
    held: await folder.current(),
    credential: (await folder.credential()).jwt,
    backend: () => openBackend({ app, member: own.member, files }),
  };
}

export interface MailBox extends TestBox {
  id: string;
  send(message: { name: string; body?: unknown; lifeSeconds?: number }, key?: string): Promise<QueuedMessage>;
  /** What has come; waits for the first. */
  received(waitSeconds?: number): Promise<ReceivedMessages>;
  remove(id: string): Promise<void>;
  /** The first of these news from now on. */
  news(holds: (news: MessageNews) => boolean): Promise<MessageNews>;
}

/** Writes into the store of an agent that does not run what an installation by the owner leaves there. */
export async function putInstalled(
  t: Test,
  dataDir: string,
  { member, app, manifest = {} }: { member: MailMember; app: string; manifest?: Partial<Manifest> },
): Promise<void> {
  const folder = await ownFolder(t);
  await mkdir(folder, { recursive: true });
  const made = await someApp(folder, { key: member.held.key });
  const whole = someManifest({
    id: app,
    capabilities: [{ capability: 'messages', reason: { en: 'to tell how it goes' } }],
    messages: { key: member.key },
    ...manifest,
  });
  const release = { ...made.release, manifest: whole, member: member.id, territory: 'test' };
  const { jws, id } = await signRelease({ release, key: member.held.key, rotation: member.held.rotation });
  const current = { release: id, jws, credential: member.credential, source: 'catalogue' };
  const empty = { next: null, waiting: null, updatedAt: null, stopped: null, wasStopped: false, failed: null };
  const record = { id: app, jwk: member.held.jwk, current, installedAt: 1, ...empty };
  const store = await openStore(dataDir);
  const sublevel = store.db.sublevel<string, unknown>('installed', { valueEncoding: 'json' });
  await store.commit([{ type: 'put', sublevel, key: app, value: record }]);
  await store.close();
}

export async function mailBox(
  t: Test,
  provider: TestProvider,
  member: MailMember,
  { app = appId, granted = true }: { app?: string; granted?: boolean } = {},
): Promise<MailBox> {
  const { code } = await provider.claim();
  const box = await testBox(t, {
    ...{ est: provider.est, caSha256: provider.caSha256, claim: code },
    more: { runtime: { podman: '/nonexistent/podman.sock' } },
  });
  await box.start();
  const status = await box.until(({ link }) => link.online);
  await box.stop();
  await putInstalled(t, box.dataDir, { member, app });
  await box.start();
  if (granted) await grant(box, app);
  await box.until(({ link }) => link.online);
  const room = () => box.agent!.rooms().messages;
  return Object.assign(box, {
    id: status.box ?? '',
    send: (message: Parameters<MailBox['send']>[0], key?: string) => room().send(app, message, key),
    received: (waitSeconds = 20) => room().list(app, { limit: 100, waitSeconds, signal: new AbortController().signal }),
    remove: (id: string) => room().remove(app, id),
    news: (holds: (news: MessageNews) => boolean) =>
      new Promise<MessageNews>((resolve) => {
        const end = room().onNews((news) => {
          if (!holds(news)) return;
          end();
          resolve(news);
        });
      }),
  });
}

export const grant = (box: TestBox, app = appId): Promise<void> =>
  box.agent!.rooms().grants.set(app, { give: [{ capability: 'messages' }], take: [] });
export const takeBack = (box: TestBox, app = appId): Promise<void> =>
  box.agent!.rooms().grants.set(app, { give: [], take: ['messages'] });

/** A territory, its member and one box; with mosquitto, or with the provider's own broker. */
export async function mailWay(t: Test, { broker = 'aedes' }: { broker?: 'aedes' | 'mosquitto' } = {}) {
  const provider = await testProvider(t);
  if (broker === 'mosquitto') provider.useBroker((await testMosquitto(t, provider.directory)).outside);
  await provider.start();
  const member = await mailMember(t, provider);
  const box = await mailBox(t, provider, member);
  return { provider, member, box };
}
