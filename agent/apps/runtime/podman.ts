/** What of podman's REST API (libpod, version 4 and later) the runtime uses, in and out of the shapes it answers with. */
import { Readable } from 'node:stream';
import { type Static, type TSchema, Type } from 'typebox';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Answer, SocketClient } from './socket-client.js';
import type { ContainerSpec } from './spec.js';

const NullOr = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Labels = Type.Optional(NullOr(Type.Record(Type.String(), Type.String())));
const Listed = Type.Array(Type.Object({ Id: Type.String(), State: Type.String(), Labels }));

const Image = Type.Object({
  Id: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  Digest: Type.String(),
  Annotations: Labels,
});
export type Image = Static<typeof Image>;
const Images = Type.Array(Type.Object({ Id: Type.String(), Names: Type.Optional(NullOr(Type.Array(Type.String()))) }));
const Loaded = Type.Object({ Names: Type.Array(Type.String(), { minItems: 1 }) });
const Created = Type.Object({ Id: Type.String({ pattern: '^[0-9a-f]{64}$' }) });
const Fault = Type.Object({ cause: Type.Optional(Type.String()), message: Type.Optional(Type.String()) });

const Container = Type.Object({
  Id: Type.String(),
  State: Type.Object({
    Status: Type.String(),
    Running: Type.Boolean(),
    Pid: Type.Optional(Type.Integer()),
    OOMKilled: Type.Optional(Type.Boolean()),
    ExitCode: Type.Integer(),
    Error: Type.Optional(Type.String()),
    StartedAt: Type.String(),
  }),
  Config: Type.Object({ Labels }),
});
export type Container = Static<typeof Container>;
const Exec = Type.Object({
  Running: Type.Boolean(),
  ExitCode: Type.Optional(NullOr(Type.Integer())),
  Pid: Type.Optional(NullOr(Type.Integer())),
});
const Volume = Type.Object({ Mountpoint: Type.String({ minLength: 1 }) });

export interface Podman {
  /** Answers the engine's id of the image that was in the tar. @throws Refusal `disk-full`, `image-unusable` */
  load(tar: AsyncIterable<Uint8Array>): Promise<string>;
  image(name: string): Promise<Image | undefined>;
  tag(id: string, repository: string, tag: string): Promise<void>;
  /** By all the names that images have. */
  images(): Promise<{ id: string; names: string[] }[]>;
  /** False where something still uses it. */
  untag(name: string): Promise<boolean>;
  create(spec: ContainerSpec): Promise<string>;
  start(id: string): Promise<void>;
  /** SIGTERM, after so many seconds SIGKILL. Resolves when it has ended; nothing happens where it had. */
  stop(id: string, graceSeconds: number): Promise<void>;
  /** Resolves when the container has ended. */
  ended(id: string, signal: AbortSignal): Promise<void>;
  container(id: string): Promise<Container | undefined>;
  containers(label: string): Promise<{ id: string; state: string; labels: Record<string, string> }[]>;
  /** Also what a kill left half-made. Nothing happens where there is none. */
  remove(id: string): Promise<void>;
  /** The end of what it printed, in the engine's frames. */
  output(id: string, keepBytes: number): Promise<Buffer>;
  /** Runs the command inside and answers how it ended; null when the signal came first. */
  exec(id: string, command: readonly string[], signal: AbortSignal): Promise<number | null>;
  createVolume(name: string, options: Record<string, string>, labels: Record<string, string>): Promise<void>;
  /** Where on this machine it is; undefined when there is none. */
  volume(name: string): Promise<string | undefined>;
  removeVolume(name: string): Promise<void>;
  close(): void;
}

const base = '/v4.0.0/libpod';
const fullDisk = /no space left on device|disk quota exceeded/i;

function faultIn({ status, body }: Answer): string {
  const parsed = parseJson(Fault, body);
  const said = parsed.ok ? (parsed.value.message ?? parsed.value.cause) : undefined;
  return (said ?? `the engine answered ${status}`).slice(0, 500);
}

function read<T extends TSchema>(schema: T, answer: Answer): Static<T> {
  const parsed = parseJson(schema, answer.body);
  if (parsed.ok) return parsed.value;
  throw new Refusal('runtime-failed', `the engine's answer cannot be read: ${describeFaults(parsed.faults)}`);
}

export function createPodman({ client }: { client: SocketClient }): Podman {
  const named = encodeURIComponent;

  /** @throws Refusal `runtime-failed`, `disk-full` for any other status than these */
  async function ask(wish: Parameters<SocketClient['ask']>[0], ...statuses: number[]): Promise<Answer> {
    const answer = await client.ask({ ...wish, path: `${base}${wish.path}` });
    if (statuses.includes(answer.status)) return answer;
    const said = faultIn(answer);
    throw new Refusal(fullDisk.test(said) ? 'disk-full' : 'runtime-failed', said);
  }
  const get = (path: string, ...statuses: number[]) => ask({ method: 'GET', path }, ...statuses);
  const post = (path: string, body: object | undefined, ...statuses: number[]) =>
    ask({ method: 'POST', path, ...(body ? { body } : {}) }, ...statuses);

  return {
    async load(tar) {
      const body = Readable.from(tar, { objectMode: false });
      const answer = await client.ask({ method: 'POST', path: `${base}/images/load`, body });
      if (answer.status !== 200) {
        const said = faultIn(answer);
        throw new Refusal(fullDisk.test(said) ? 'disk-full' : 'image-unusable', said);
      }
      const [name = ''] = read(Loaded, answer).Names;
      return name.replace(/^sha256:/, '');
    },
    async image(name) {
      const answer = await get(`/images/${named(name)}/json`, 200, 404);
      return answer.status === 404 ? undefined : read(Image, answer);
    },
    async tag(id, repository, tag) {
      await post(`/images/${id}/tag?repo=${named(repository)}&tag=${named(tag)}`, undefined, 201);
    },
    async images() {
      const answer = read(Images, await get('/images/json', 200));
      return answer.map(({ Id, Names }) => ({ id: Id, names: Names ?? [] }));
    },
    async untag(name) {
      const answer = await ask({ method: 'DELETE', path: `/images/${named(name)}` }, 200, 404, 409);
      return answer.status !== 409;
    },
    async create(spec) {
      return read(Created, await post('/containers/create', spec, 201)).Id;
    },
    async start(id) {
      await post(`/containers/${id}/start`, undefined, 204, 304);
    },
    async stop(id, graceSeconds) {
      await post(`/containers/${id}/stop?timeout=${graceSeconds}`, undefined, 204, 304, 404);
    },
    async ended(id, signal) {
      // The engine looks that often at each container that is waited for.
      // `stopped` is a state in passing, with an exit code that is not set yet; `exited` is the end.
      await ask({ method: 'POST', path: `/containers/${id}/wait?condition=exited&interval=1s`, signal }, 200, 404);
    },
    async container(id) {
      const answer = await get(`/containers/${named(id)}/json`, 200, 404);
      return answer.status === 404 ? undefined : read(Container, answer);
    },
    async containers(label) {
      const filters = named(JSON.stringify({ label: [label] }));
      const answer = read(Listed, await get(`/containers/json?all=true&filters=${filters}`, 200));
      return answer.map(({ Id, State, Labels }) => ({ id: Id, state: State, labels: Labels ?? {} }));
    },
    async remove(id) {
      await ask({ method: 'DELETE', path: `/containers/${id}?force=true&timeout=0` }, 200, 204, 404);
    },
    async output(id, keepBytes) {
      const path = `/containers/${id}/logs?stdout=true&stderr=true`;
      const answer = await ask({ method: 'GET', path, keepBytes }, 200, 404);
      return answer.status === 404 ? Buffer.alloc(0) : answer.body;
    },
    async exec(id, command, signal) {
      const made = await post(`/containers/${id}/exec`, { Cmd: command, AttachStdout: true, AttachStderr: true }, 201);
      const exec = read(Created, made).Id;
      const session = async () => {
        const answer = await get(`/exec/${exec}/json`, 200, 404);
        // Forgotten before it was asked how it ended: that says nothing about the app.
        if (answer.status === 404) throw new Refusal('runtime-unavailable', 'the engine has forgotten how it ended');
        return read(Exec, answer);
      };
      try {
        await ask({ method: 'POST', path: `/exec/${exec}/start`, body: { Detach: false }, signal, keepBytes: 1 }, 200);
      } catch (error) {
        if (!signal.aborted) throw error;
        const { Running, Pid } = await session();
        // Nobody waits for it any more; left alone it would run until the app ends.
        if (Running && Pid) kill(Pid);
        return null;
      }
      return (await session()).ExitCode ?? null;
    },
    async createVolume(Name, Options, Label) {
      await post('/volumes/create', { Name, Driver: 'local', Options, Label, Labels: Label }, 201);
    },
    async volume(name) {
      const answer = await get(`/volumes/${named(name)}/json`, 200, 404);
      return answer.status === 404 ? undefined : read(Volume, answer).Mountpoint;
    },
    async removeVolume(name) {
      await ask({ method: 'DELETE', path: `/volumes/${named(name)}?force=true` }, 204, 404);
    },
    close: () => client.close(),
  };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile, or belongs to a user that this agent may not signal: the app's limit of processes holds.
  }
}
