/**
 * `webizen.json` as its author writes it: like the manifest of a release, but for the icon and the texts of plans,
 * which may name files beside it. Everything that is wrong is said at once, each with its JSON pointer (RFC 6901).
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { TSchema } from 'typebox';
import { HealthCheck, Manifest, messagesFault } from '#contract/manifest.js';
import { check, type Fault } from '#contract/parse.js';
import { planFault, textHash } from '#contract/plan-digest.js';
import { Refusal } from '#contract/problems.js';

export const manifestName = 'webizen.json';
export const largestIconBytes = 64 * 1024;
const pngStart = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a pattern means, for who has broken it; `*` stands for any one step of the pointer. */
const meanings: readonly [pointer: RegExp, meaning: string][] = [
  [/^\/id$/, 'must be a reverse-domain name in lower case, such as example.visits'],
  [/^\/version$/, 'must be a version as Semantic Versioning 2.0.0 has it, such as 1.0.0, without build metadata'],
  [/^\/api$/, 'must be a version of the standard API, such as "1.0"'],
  [/^\/icon$/, 'must be the name of a PNG file of at most 64 KiB in this folder'],
  [/^\/channel$/, 'must be a short name in lower case, such as stable'],
  [/^\/health\/path$/, 'must begin with a slash and have no blanks'],
  [
    /^\/capabilities\/\d+\/capability$/,
    'must be a permission that there is: storage, health.read, identity.attest, notify, messages, metering, or network.egress: with a host name or *',
  ],
];

const inWords = ({ path: pointer, message }: Fault): Fault => ({
  path: pointer,
  message: /\bpattern\b|anyOf|^must be one of|^must match|^must be /.test(message)
    ? (meanings.find(([at]) => at.test(pointer))?.[1] ?? message)
    : message,
});

/** Of one place once; a place whose parent is wrong only there. */
function sorted(faults: readonly Fault[]): Fault[] {
  const said = new Map(faults.map((fault) => [`${fault.path} ${fault.message}`, fault]));
  return [...said.values()].toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

const below = (prefix: string, schema: TSchema, value: unknown): Fault[] => {
  const read = check(schema, value, mostFaults);
  return read.ok ? [] : read.faults.map(({ path: inner, message }) => ({ path: `${prefix}${inner}`, message }));
};

const mostFaults = 100;
const kinds: readonly unknown[] = ['http', 'command', 'ready'];

/** A union says of each of its kinds what is wrong; only the kind that is meant counts. */
function healthFaults(health: unknown): Fault[] {
  const kind = isFields(health) ? health.kind : undefined;
  const index = kinds.indexOf(kind);
  const meant = HealthCheck.anyOf[index];
  if (!isFields(health) || !meant) return [{ path: '/health/kind', message: `must be one of ${kinds.join(', ')}` }];
  return below('/health', meant, health);
}

const languageFaults = (prefix: string, words: unknown): Fault[] =>
  Object.keys(isFields(words) ? words : {}).flatMap((language) => {
    try {
      Intl.getCanonicalLocales(language);
      return [];
    } catch {
      return [{ path: `${prefix}/${language}`, message: 'is not a language tag (RFC 5646), such as en or pt-BR' }];
    }
  });

/** What the schema cannot say: that the parts go together. */
function soundFaults(manifest: Fields): Fault[] {
  const faults = ['name', 'summary', 'terms'].flatMap((name) => languageFaults(`/${name}`, manifest[name]));
  const asked = Array.isArray(manifest.capabilities) ? manifest.capabilities : [];
  const names = asked.map((one: unknown) => (isFields(one) ? one.capability : undefined));
  asked.forEach((one: unknown, at) => {
    const name = names[at];
    if (typeof name === 'string' && names.indexOf(name) < at)
      faults.push({ path: `/capabilities/${at}/capability`, message: `asks for ${name} a second time` });
    if (isFields(one)) faults.push(...languageFaults(`/capabilities/${at}/reason`, one.reason));
  });
  const keyFault = messagesFault(names, manifest.messages);
  if (keyFault !== undefined) faults.push({ path: '/messages', message: keyFault });
  const { resources, health, run } = manifest;
  const quota = isFields(resources) ? resources.storageMiB : undefined;
  const keeps = names.includes('storage');
  if (keeps && quota === 0)
    faults.push({ path: '/resources/storageMiB', message: 'is 0, and the app asks for storage' });
  if (!keeps && typeof quota === 'number' && quota > 0)
    faults.push({ path: '/resources/storageMiB', message: 'is not 0, and the app does not ask for storage' });
  if (isFields(health) && typeof health.timeoutSeconds === 'number' && typeof health.intervalSeconds === 'number')
    if (health.timeoutSeconds > health.intervalSeconds)
      faults.push({ path: '/health/timeoutSeconds', message: 'is longer than the interval' });
  const environment = isFields(run) && isFields(run.environment) ? run.environment : {};
  for (const name of Object.keys(environment)) {
    const at = `/run/environment/${name}`;
    if (name.startsWith('WEBIZEN_')) faults.push({ path: at, message: 'is set by the box: take another name' });
    if (!/^[A-Z_][A-Z0-9_]{0,63}$/.test(name))
      faults.push({ path: at, message: 'has a name that is not of A-Z, 0-9, _' });
  }
  return faults;
}

async function iconOf(folder: string, icon: string): Promise<{ data: string } | { fault: string }> {
  const file = path.resolve(folder, icon);
  if (path.relative(folder, file).startsWith('..')) return { fault: 'leads out of this folder' };
  const bytes = await readFile(file).catch(() => undefined);
  if (!bytes) return { fault: `names ${icon}, which cannot be read` };
  if (!bytes.subarray(0, pngStart.length).equals(pngStart)) return { fault: `names ${icon}, which is no PNG` };
  if (bytes.length > largestIconBytes) return { fault: `names ${icon}, which is larger than 64 KiB` };
  return { data: `data:image/png;base64,${bytes.toString('base64')}` };
}

const largestText = 32 * 1024;

/** The text of a plan may stand in a file of its own: it is put in its place, with its hash. */
async function planTexts(folder: string, written: Fields, faults: Fault[]): Promise<void> {
  if (!Array.isArray(written.plans)) return;
  written.plans = await Promise.all(
    written.plans.map(async (plan: unknown, at) => {
      if (!isFields(plan) || !isFields(plan.text)) return plan;
      const text = await Promise.all(
        Object.entries(plan.text).map(async ([language, name]) => {
          if (typeof name !== 'string') return [language, name] as const;
          const file = path.resolve(folder, name);
          const isInside = !path.relative(folder, file).startsWith('..');
          const bytes = isInside ? await readFile(file).catch(() => undefined) : undefined;
          if (!bytes || bytes.length > largestText) {
            const message = `names ${name}, which is no text in this folder`;
            faults.push({ path: `/plans/${at}/text/${language}`, message });
            return [language, undefined] as const;
          }
          const said = bytes.toString('utf8');
          return [language, { text: said, sha256: textHash(said) }] as const;
        }),
      );
      return { ...plan, text: Object.fromEntries(text.filter(([, one]) => one !== undefined)) };
    }),
  );
}

export type ReadManifest = { ok: true; manifest: Manifest } | { ok: false; faults: Fault[] };

/** @throws Refusal `file-unreadable` when there is no such file */
export async function readManifest(folder: string): Promise<ReadManifest> {
  const file = path.join(folder, manifestName);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Refusal('file-unreadable', file, { cause: error });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, faults: [{ path: '', message: error instanceof Error ? error.message : 'is not JSON' }] };
  }
  if (!isFields(value)) return { ok: false, faults: [{ path: '', message: 'is not an object' }] };
  const written: Fields = { ...value };
  const faults: Fault[] = [];
  if (typeof written.icon === 'string' && !written.icon.startsWith('data:')) {
    const icon = await iconOf(folder, written.icon);
    if ('fault' in icon) {
      faults.push({ path: '/icon', message: icon.fault });
      delete written.icon;
    } else written.icon = icon.data;
  }
  await planTexts(folder, written, faults);
  const isHealth = (pointer: string) => pointer === '/health' || pointer.startsWith('/health/');
  const known = check(Manifest, written, mostFaults);
  if (!known.ok) faults.push(...known.faults.filter(({ path: at }) => !('health' in written && isHealth(at))));
  if ('health' in written) faults.push(...healthFaults(written.health));
  faults.push(...soundFaults(written));
  const wrong = known.ok ? planFault(known.value.plans) : undefined;
  if (wrong !== undefined) faults.push({ path: '/plans', message: wrong });
  if (known.ok && faults.length === 0) return { ok: true, manifest: known.value };
  return { ok: false, faults: sorted(faults.map(inWords)) };
}

/** @throws Refusal `manifest-faulty` with every fault, one a line; `file-unreadable` */
export async function soundManifest(folder: string): Promise<Manifest> {
  const read = await readManifest(folder);
  if (read.ok) return read.manifest;
  throw new Refusal('manifest-faulty', faultLines(read.faults).join('\n'));
}

export const faultLines = (faults: readonly Fault[]): string[] =>
  faults.map(({ path: at, message }) => `  ${at || '/'} ${message}`);
