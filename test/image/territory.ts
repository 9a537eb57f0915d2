/** A territory for a guest to come into: alliance, provider, one claim code; the real commands, in a folder of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { get } from 'node:https';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type Static, type TSchema, Type } from 'typebox';
import { BoxDetail, BoxSummary } from '#contract/operator.js';
import { check, describeFaults } from '#contract/parse.js';
import { built } from '../../image/places.js';
import type { Publisher } from '../../image/publisher.js';

export interface Territory {
  /** With keys.json and directory.jws, for the image. */
  alliance: string;
  /** Its provider's directory, for further commands. */
  provider: string;
  /** `webizen-provider` at its directory; answers what it says. */
  operate(...args: string[]): string;
  claimCode(): string;
  /** While it serves: a release of the system is signed, taken in, selected, and this box told to look for it. */
  update(box: string, release: SystemRelease): void;
  serve(): Promise<Serving>;
}

export interface SystemRelease {
  bundle: string;
  compatible: string;
  version: string;
  publisher: Pick<Publisher, 'keyFile' | 'keysFile'>;
}

export interface Serving {
  boxes(): Promise<BoxSummary[]>;
  box(id: string): Promise<BoxDetail>;
  stop(): Promise<void>;
}

const command = (...args: string[]): string =>
  execFileSync(process.execPath, [built('bin/webizen-provider.js'), ...args], { encoding: 'utf8' });

const textOf = (url: string, authorization: string, ca: string): Promise<string> =>
  new Promise((resolve, reject) => {
    get(url, { headers: { authorization }, ca }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      reply.once('end', () => resolve(text)).once('error', reject);
    }).once('error', reject);
  });

const placesOf = (home: string) => ({
  provider: path.join(home, 'provider'),
  desk: path.join(home, 'desk'),
  alliance: path.join(home, 'alliance'),
});

/** @param host the address that boxes reach it by */
export function makeTerritory(home: string, host: string, port: number): void {
  const { provider, desk, alliance } = placesOf(home);
  const about = ['--name', 'Image test', '--jurisdiction', 'AU-NSW', '--law', 'New South Wales, Australia'];
  command('init', '--dir', provider, '--territory', 'home', ...about);
  command('alliance', 'init', '--dir', desk);
  const reached = ['--est', `https://${host}:${port}`, '--ca', path.join(provider, 'ca/root.crt')];
  const entry = ['--id', 'home', ...about, '--provider', 'Image test', ...reached];
  command('alliance', 'territory', 'add', '--dir', desk, ...entry);
  mkdirSync(alliance, { recursive: true });
  command('alliance', 'publish', '--dir', desk, '--out', path.join(alliance, 'directory.jws'));
  copyFileSync(path.join(desk, 'keys.json'), path.join(alliance, 'keys.json'));
}

/** One that was made, or a copy of it; `host` and `port` as it was made for. */
export function openTerritory(home: string, host: string, port: number): Territory {
  const { provider, alliance } = placesOf(home);
  return {
    alliance,
    provider,
    operate: (...args) => command(...args, '--dir', provider),
    claimCode() {
      const made = check(
        Type.Array(Type.Object({ code: Type.String() })),
        JSON.parse(command('claim', 'create', '--dir', provider, '--json')),
      );
      const code = made.ok ? made.value[0]?.code : undefined;
      if (code === undefined) throw new Error('cannot read the claim code');
      return code;
    },
    update(box, { bundle, compatible, version, publisher }) {
      const release = path.join(home, `${version}.jws`);
      const about = ['--compatible', compatible, '--version', version, '--notes', 'It has another number.'];
      command('os', 'sign', '--key', publisher.keyFile, '--bundle', bundle, ...about, '--out', release);
      const given = ['--release', release, '--bundle', bundle, '--keys', publisher.keysFile];
      const [digest = ''] = /[0-9a-f]{64}/.exec(command('os', 'publish', '--dir', provider, ...given)) ?? [];
      command('os', 'schedule', digest, '--dir', provider);
      command('box', 'command', box, 'update', '--what', 'os', '--to', version, '--dir', provider);
    },
    async serve() {
      const args = ['serve', '--dir', provider, '--host', host, '--port-base', String(port)];
      const child: ChildProcess = spawn(process.execPath, [built('bin/webizen-provider.js'), ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child.stderr?.pipe(createWriteStream(path.join(home, 'provider.log')));
      const urls: Record<string, string> = {};
      if (child.stdout)
        for await (const line of createInterface({ input: child.stdout })) {
          const [name = '', value = ''] = line.split(' ');
          if (name === 'ready') break;
          urls[name] = value;
        }
      const { console: address } = urls;
      if (address === undefined) throw new Error(`the provider does not serve: see ${home}/provider.log`);
      const authorization = `Bearer ${readFileSync(path.join(provider, 'operator.secret'), 'utf8').trim()}`;
      const ca = readFileSync(path.join(provider, 'ca/root.crt'), 'utf8');
      async function ask<T extends TSchema>(place: string, schema: T): Promise<Static<T>> {
        const answer = check(schema, JSON.parse(await textOf(`${address}${place}`, authorization, ca)));
        if (!answer.ok) throw new Error(`cannot read ${place} of the provider: ${describeFaults(answer.faults)}`);
        return answer.value;
      }
      return {
        boxes: () => ask('/v1/boxes', Type.Array(BoxSummary)),
        box: (id) => ask(`/v1/boxes/${id}`, BoxDetail),
        async stop() {
          child.kill('SIGTERM');
          if (child.exitCode === null) await once(child, 'exit');
        },
      };
    },
  };
}
