/** The agent's configuration file: JSON, checked whole, so that a person mends every fault in one go. */
import path from 'node:path';
import { Type } from 'typebox';
import { maxSocketPathBytes } from '#common/files.js';
import { AppId } from '#contract/api.js';
import { Capability } from '#contract/capabilities.js';
import { check, type Fault } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { socketPath } from './api/sockets.js';

const seconds = { minimum: 1, maximum: 86_400 };
/** The image leaves a system that has not proved itself five minutes later (webizen-trial.timer). */
const usualTrialSeconds = 900;

export const ConfigFile = Type.Object(
  {
    dataDir: Type.String({ minLength: 1 }),
    runtimeDir: Type.String({ minLength: 1 }),
    /** Elects this territory, without asking an owner. */
    territory: Type.Optional(
      Type.Object(
        {
          est: Type.String({ description: 'https address of the provider’s EST server' }),
          caSha256: Type.String({ description: 'SHA-256 fingerprint of the territory’s root certificate, hex' }),
        },
        { additionalProperties: false },
      ),
    ),
    claimCodeFile: Type.Optional(Type.String({ minLength: 1 })),
    /** The alliance's directory: the copy that was shipped, and the file of public keys that it is held against. */
    directory: Type.Optional(
      Type.Object(
        {
          file: Type.Optional(Type.String({ minLength: 1 })),
          keysFile: Type.String({ minLength: 1, description: 'keys.json of the alliance' }),
        },
        { additionalProperties: false },
      ),
    ),
    /** The owner's console. */
    owner: Type.Optional(
      Type.Object(
        {
          host: Type.String({ minLength: 1 }),
          port: Type.Integer({ minimum: 0, maximum: 65_535 }),
          httpsPort: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
          mdns: Type.Optional(Type.Boolean()),
        },
        { additionalProperties: false },
      ),
    ),
    /** What runs the apps that the owner installs: podman's service. Without it none can be installed. */
    runtime: Type.Optional(
      Type.Object(
        {
          podman: Type.String({ minLength: 1, description: 'path of its socket' }),
          shipped: Type.Optional(
            Type.String({ minLength: 1, description: 'where the image has layers that apps share, by SHA-256' }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
    /** A machine to develop on, which is nobody's box: it belongs to no territory, and installs nothing. */
    developing: Type.Optional(Type.Literal(true)),
    /** The boot partition, where a person can leave files for the box. */
    bootDir: Type.Optional(Type.String({ minLength: 1 })),
    health: Type.Optional(
      Type.Object(
        { intervalSeconds: Type.Optional(Type.Integer(seconds)), batchSeconds: Type.Optional(Type.Integer(seconds)) },
        { additionalProperties: false },
      ),
    ),
    /** Whether the provider may have this machine restarted, where its owner agrees: on a box, not on a computer that is used for more. */
    mayReboot: Type.Optional(Type.Boolean()),
    /** Whether starts that do not last lead to one without apps: on a box, where nobody looks after the agent. */
    safeMode: Type.Optional(Type.Boolean()),
    /** Where the machine has two systems to start from: who may sign releases for them. */
    os: Type.Optional(
      Type.Object(
        {
          keysFile: Type.String({ minLength: 1, description: 'the publisher’s public keys' }),
          leftFile: Type.Optional(
            Type.String({ minLength: 1, description: 'where the machine says why it left a new system' }),
          ),
          trialSeconds: Type.Optional(
            Type.Integer({
              ...seconds,
              description: 'since the machine started: so long a new system may take to work',
            }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
    /** What the data directory lies on, where the system tells. */
    volume: Type.Optional(
      Type.Object(
        {
          stateFile: Type.String({ minLength: 1 }),
          keyFile: Type.String({ minLength: 1, description: 'the storage key, until its owner has it' }),
        },
        { additionalProperties: false },
      ),
    ),
    /** The box looks after its Wi-Fi: where NetworkManager reads profiles. */
    network: Type.Optional(Type.Object({ profiles: Type.String({ minLength: 1 }) }, { additionalProperties: false })),
    /** Where the system mounts disks that the owner plugs in for backups, a folder each. */
    backup: Type.Optional(
      Type.Object(
        { disks: Type.String({ minLength: 1, description: 'absolute path' }) },
        { additionalProperties: false },
      ),
    ),
    apps: Type.Optional(
      Type.Array(
        Type.Object(
          {
            id: AppId,
            command: Type.Array(Type.String(), { minItems: 1, maxItems: 100 }),
            grants: Type.Array(Capability, { maxItems: 100 }),
            quotaBytes: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
          },
          { additionalProperties: false },
        ),
        { maxItems: 100 },
      ),
    ),
  },
  { additionalProperties: false },
);

export interface Config {
  dataDir: string;
  runtimeDir: string;
  territory: { est: URL; caSha256: string } | undefined;
  directory: { file: string | undefined; keysFile: string } | undefined;
  owner: { host: string; port: number; httpsPort: number | undefined; mdns: boolean } | undefined;
  runtime: { podman: string; shipped: string | undefined } | undefined;
  developing: boolean;
  bootDir: string | undefined;
  claimCodeFile: string | undefined;
  health: { intervalSeconds: number; batchSeconds: number };
  mayReboot: boolean;
  safeMode: boolean;
  os: { keysFile: string; leftFile: string | undefined; trialSeconds: number } | undefined;
  volume: { stateFile: string; keyFile: string } | undefined;
  network: { profiles: string } | undefined;
  backup: { disks: string } | undefined;
  apps: { id: string; command: string[]; grants: Capability[]; quotaBytes: number }[];
}

export const adminSocket = (runtimeDir: string): string => path.join(runtimeDir, 'admin.sock');

function estUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.username || url.password || url.search || url.hash) return undefined;
  url.pathname = url.pathname.replace(/\/(\.well-known\/est)?\/*$/, '/');
  return url;
}

/** Colons and case as `openssl x509 -fingerprint` prints them are welcome. */
function fingerprint(text: string): string | undefined {
  const plain = text.replace(/:/g, '').toLowerCase();
  return /^[0-9a-f]{64}$/.test(plain) ? plain : undefined;
}

/** What a schema does not say. Looks only at what has the right type, so that it can speak beside the schema's faults. */
function furtherFaults(json: unknown): Fault[] {
  const faults: Fault[] = [];
  const fields = (value: unknown): Record<string, unknown> => ({ ...(typeof value === 'object' ? value : {}) });
  const file = fields(json);
  const territory = fields(file.territory);
  const directory = fields(file.directory);
  const runtimeDir = typeof file.runtimeDir === 'string' ? file.runtimeDir : undefined;
  const tooLong = (socket: string) => Buffer.byteLength(socket) > maxSocketPathBytes;
  const wrong = (path: string, message: string) => void faults.push({ path, message });

  for (const name of ['dataDir', 'runtimeDir', 'claimCodeFile', 'bootDir'])
    if (typeof file[name] === 'string' && !path.isAbsolute(file[name])) wrong(`/${name}`, 'must be an absolute path');
  const runtime = fields(file.runtime);
  for (const name of ['podman', 'shipped'])
    if (typeof runtime[name] === 'string' && !path.isAbsolute(runtime[name]))
      wrong(`/runtime/${name}`, 'must be an absolute path');
  const backup = fields(file.backup);
  if (typeof backup.disks === 'string' && !path.isAbsolute(backup.disks))
    wrong('/backup/disks', 'must be an absolute path');
  const os = fields(file.os);
  for (const name of ['keysFile', 'leftFile'])
    if (typeof os[name] === 'string' && !path.isAbsolute(os[name])) wrong(`/os/${name}`, 'must be an absolute path');
  const volume = fields(file.volume);
  for (const name of ['stateFile', 'keyFile'])
    if (typeof volume[name] === 'string' && !path.isAbsolute(volume[name]))
      wrong(`/volume/${name}`, 'must be an absolute path');
  for (const name of ['file', 'keysFile'])
    if (typeof directory[name] === 'string' && !path.isAbsolute(directory[name]))
      wrong(`/directory/${name}`, 'must be an absolute path');
  if (typeof territory.est === 'string' && !estUrl(territory.est))
    wrong('/territory/est', 'must be an https address, such as https://provider.example:8440');
  if (typeof territory.caSha256 === 'string' && !fingerprint(territory.caSha256))
    wrong('/territory/caSha256', 'must be a SHA-256 fingerprint: 64 hex digits');
  if (runtimeDir !== undefined && tooLong(adminSocket(runtimeDir)))
    wrong('/runtimeDir', `is too long: a socket path has at most ${maxSocketPathBytes} bytes`);

  const apps = (Array.isArray(file.apps) ? file.apps : []).map(fields);
  apps.forEach(({ id, command }, index) => {
    if (typeof id !== 'string') return;
    if (apps.findIndex((other) => other.id === id) !== index) wrong(`/apps/${index}/id`, `"${id}" stands twice`);
    if (runtimeDir !== undefined && tooLong(socketPath(runtimeDir, id)))
      wrong(`/apps/${index}/id`, `its socket path is over ${maxSocketPathBytes} bytes: shorten runtimeDir or the id`);
    if (Array.isArray(command) && command[0] === '') wrong(`/apps/${index}/command/0`, 'must name a program');
  });
  return faults;
}

const listed = (faults: readonly Fault[]): string =>
  faults.map((fault) => `\n  ${fault.path || '/'}: ${fault.message}`).join('');

/** @throws Refusal `config-invalid` naming every fault, `config-unreadable` when it is not JSON */
export function parseConfig(text: string): Config {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Refusal('config-unreadable', error instanceof Error ? error.message : undefined, { cause: error });
  }
  const parsed = check(ConfigFile, json);
  const faults = [...(parsed.ok ? [] : parsed.faults), ...furtherFaults(json)];
  if (!parsed.ok || faults.length > 0) throw new Refusal('config-invalid', listed(faults));
  const file = parsed.value;
  const est = estUrl(file.territory?.est ?? '');
  const caSha256 = fingerprint(file.territory?.caSha256 ?? '');
  if (file.territory && (!est || !caSha256))
    throw new Refusal('config-invalid', listed([{ path: '/territory', message: 'is wrong' }]));
  return {
    dataDir: path.resolve(file.dataDir),
    runtimeDir: path.resolve(file.runtimeDir),
    territory: est && caSha256 ? { est, caSha256 } : undefined,
    directory: file.directory && {
      file: file.directory.file,
      keysFile: file.directory.keysFile,
    },
    owner: file.owner && {
      host: file.owner.host,
      port: file.owner.port,
      httpsPort: file.owner.httpsPort,
      mdns: file.owner.mdns ?? true,
    },
    runtime: file.runtime && { podman: file.runtime.podman, shipped: file.runtime.shipped },
    developing: file.developing ?? false,
    bootDir: file.bootDir === undefined ? undefined : path.resolve(file.bootDir),
    claimCodeFile: file.claimCodeFile,
    health: { intervalSeconds: file.health?.intervalSeconds ?? 60, batchSeconds: file.health?.batchSeconds ?? 900 },
    mayReboot: file.mayReboot ?? false,
    safeMode: file.safeMode ?? false,
    os: file.os && {
      keysFile: file.os.keysFile,
      leftFile: file.os.leftFile,
      trialSeconds: file.os.trialSeconds ?? usualTrialSeconds,
    },
    volume: file.volume,
    network: file.network,
    backup: file.backup,
    apps: file.apps ?? [],
  };
}
