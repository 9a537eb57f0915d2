/** A maker of apps, admitted to the territory, at a laptop with the `webizen` command. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Type } from 'typebox';
import { Manifest } from '#contract/manifest.js';
import { check } from '#contract/parse.js';
import { built } from '../../image/places.js';
import type { Territory } from './territory.js';

export interface AppWish {
  change?: (manifest: Manifest) => Manifest;
  /** Instead of the skeleton's `app/main.mjs`. */
  main?: string;
}

export interface Maker {
  /** The skeleton of a Node app, changed so; while the territory serves. Answers the release. */
  publish(id: string, wish?: AppWish): string;
}

const Status = Type.Object({ releases: Type.Array(Type.Object({ id: Type.String(), version: Type.String() })) });

export interface Laptop {
  /** Made anew. */
  home: string;
  /** Where the territory serves. */
  est: string;
  /** Of the image: what Node apps are built on. */
  base: string;
}

export function admit(territory: Territory, { home, est, base }: Laptop): Maker {
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const member = path.join(home, 'member');
  const env = { PATH: process.env.PATH ?? '', HOME: home, WEBIZEN_MEMBER: member };
  const webizen = (...args: string[]): string =>
    execFileSync(process.execPath, [built('bin/webizen.js'), ...args], { cwd: home, env, encoding: 'utf8' });
  webizen('member', 'request', '--name', 'Acme Apps', '--class', 'var', '--out', member);
  const vetted = ['--charter', '1', '--vetted', 'papers and code', '--by', 'the operator'];
  const credential = path.join(home, 'credential.jwt');
  territory.operate('member', 'admit', path.join(member, 'request.jws'), '--id', 'acme', '--level', '1', ...vetted);
  territory.operate('member', 'credential', 'acme', '--out', credential);
  webizen('member', 'accept', credential, '--catalogue', est, '--ca', path.join(territory.provider, 'ca/root.crt'));

  return {
    publish(id, { change = (manifest: Manifest): Manifest => manifest, main } = {}) {
      webizen('app', 'init', id, '--id', id);
      const file = path.join(home, id, 'webizen.json');
      const manifest = check(Manifest, JSON.parse(readFileSync(file, 'utf8')));
      if (!manifest.ok) throw new Error('cannot read the manifest of the skeleton');
      writeFileSync(file, JSON.stringify(change(manifest.value)));
      if (main !== undefined) writeFileSync(path.join(home, id, 'app/main.mjs'), main);
      webizen('app', 'build', id, '--base', base);
      webizen('app', 'sign', id, '--out', path.join(home, `${id}.wza`));
      webizen('app', 'publish', id);
      const status = check(Status, JSON.parse(webizen('app', 'status', id, '--json')));
      const release = status.ok ? status.value.releases[0]?.id : undefined;
      if (release === undefined) throw new Error('cannot read what was published');
      return release;
    },
  };
}
