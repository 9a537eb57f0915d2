/** A territory for a guest to come into: alliance, provider, one claim code; the real commands, in a folder of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Type } from 'typebox';
import { BoxSummary } from '#contract/operator.js';
import { check } from '#contract/parse.js';
import { built } from '../../image/places.js';

export interface Territory {
  /** With keys.json and directory.jws, for the image. */
  alliance: string;
  claimCode(): string;
  serve(): Promise<Serving>;
}

export interface Serving {
  boxes(): Promise<BoxSummary[]>;
  stop(): Promise<void>;
}

const command = (...args: string[]): string =>
  execFileSync(process.execPath, [built('bin/webizen-provider.js'), ...args], { encoding: 'utf8' });

/** @param host the address that boxes reach it by */
export function makeTerritory(home: string, host: string, port: number): Territory {
  const [provider, desk, alliance] = ['provider', 'desk', 'alliance'].map((name) => path.join(home, name)) as [
    string,
    string,
    string,
  ];
  const about = ['--name', 'Image test', '--jurisdiction', 'AU-NSW', '--law', 'New South Wales, Australia'];
  command('init', '--dir', provider, '--territory', 'home', ...about);
  command('alliance', 'init', '--dir', desk);
  const reached = ['--est', `https://${host}:${port}`, '--ca', path.join(provider, 'ca/root.crt')];
  const entry = ['--id', 'home', ...about, '--provider', 'Image test', ...reached];
  command('alliance', 'territory', 'add', '--dir', desk, ...entry);
  mkdirSync(alliance, { recursive: true });
  command('alliance', 'publish', '--dir', desk, '--out', path.join(alliance, 'directory.jws'));
  copyFileSync(path.join(desk, 'keys.json'), path.join(alliance, 'keys.json'));

  return {
    alliance,
    claimCode() {
      const made = check(
        Type.Array(Type.Object({ code: Type.String() })),
        JSON.parse(command('claim', 'create', '--dir', provider, '--json')),
      );
      const code = made.ok ? made.value[0]?.code : undefined;
      if (code === undefined) throw new Error('cannot read the claim code');
      return code;
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
      return {
        async boxes() {
          const reply = await fetch(`${address}/v1/boxes`, { headers: { authorization } });
          const boxes = check(Type.Array(BoxSummary), await reply.json());
          if (!boxes.ok) throw new Error(`cannot read the provider's boxes: ${reply.status}`);
          return boxes.value;
        },
        async stop() {
          child.kill('SIGTERM');
          if (child.exitCode === null) await once(child, 'exit');
        },
      };
    },
  };
}
