/** The agent's configuration file: JSON, checked whole, so that a person mends every fault in one go. */
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { maxSocketPathBytes } from '#common/files.js';
import { AppId } from '#contract/api.js';
import { Capability } from '#contract/capabilities.js';
import { check, type Fault } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

const seconds = { minimum: 1, maximum: 86_400 };

export const ConfigFile = Type.Object(
  {
    dataDir: Type.String({ minLength: 1 }),
    runtimeDir: Type.String({ minLength: 1 }),
    territory: Type.Object(
      {
        est: Type.String({ description: 'https address of the provider’s EST server' }),
        caSha256: Type.String({ description: 'SHA-256 fingerprint of the territory’s root certificate, hex' }),
      },
      { additionalProperties: false },
    ),
    claimCodeFile: Type.Optional(Type.String({ minLength: 1 })),
    health: Type.Optional(
      Type.Object(
        { intervalSeconds: Type.Optional(Type.Integer(seconds)), batchSeconds: Type.Optional(Type.Integer(seconds)) },
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
  territory: { est: URL; caSha256: string };
  claimCodeFile: string | undefined;
  health: { intervalSeconds: number; batchSeconds: number };
  apps: { id: string; command: string[]; grants: Capability[]; quotaBytes: number }[];
}

export const appSocket = (runtimeDir: string, app: string): string => path.join(runtimeDir, 'apps', app, 'api.sock');
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

function furtherFaults(file: Static<typeof ConfigFile>): Fault[] {
  const faults: Fault[] = [];
  const tooLong = (socket: string) => Buffer.byteLength(socket) > maxSocketPathBytes;
  for (const name of ['dataDir', 'runtimeDir', 'claimCodeFile'] as const)
    if (file[name] !== undefined && !path.isAbsolute(file[name]))
      faults.push({ path: `/${name}`, message: 'must be an absolute path' });
  if (!estUrl(file.territory.est))
    faults.push({ path: '/territory/est', message: 'must be an https address, such as https://provider.example:8440' });
  if (!fingerprint(file.territory.caSha256))
    faults.push({ path: '/territory/caSha256', message: 'must be a SHA-256 fingerprint: 64 hex digits' });
  if (tooLong(adminSocket(file.runtimeDir)))
    faults.push({ path: '/runtimeDir', message: `is too long: a socket path has at most ${maxSocketPathBytes} bytes` });
  file.apps?.forEach((app, index) => {
    if (file.apps?.findIndex((other) => other.id === app.id) !== index)
      faults.push({ path: `/apps/${index}/id`, message: `"${app.id}" stands twice` });
    if (tooLong(appSocket(file.runtimeDir, app.id)))
      faults.push({
        path: `/apps/${index}/id`,
        message: `its socket path is over ${maxSocketPathBytes} bytes: shorten runtimeDir or the id`,
      });
    if (app.command[0] === '') faults.push({ path: `/apps/${index}/command/0`, message: 'must name a program' });
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
  if (!parsed.ok) throw new Refusal('config-invalid', listed(parsed.faults));
  const file = parsed.value;
  const faults = furtherFaults(file);
  const est = estUrl(file.territory.est);
  const caSha256 = fingerprint(file.territory.caSha256);
  if (faults.length > 0 || !est || !caSha256) throw new Refusal('config-invalid', listed(faults));
  return {
    dataDir: path.resolve(file.dataDir),
    runtimeDir: path.resolve(file.runtimeDir),
    territory: { est, caSha256 },
    claimCodeFile: file.claimCodeFile,
    health: { intervalSeconds: file.health?.intervalSeconds ?? 60, batchSeconds: file.health?.batchSeconds ?? 300 },
    apps: file.apps ?? [],
  };
}
