/** The agent as a box has it: one bundle, its native part, its pages, what it pins. */
import { copyFileSync, cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as esbuild from 'esbuild';
import { type Architecture, built, root } from './places.js';

/** classic-level as one file beside its native part, as its loader looks for it. */
async function classicLevel(home: string, architecture: Architecture): Promise<void> {
  const from = path.join(root, 'node_modules/classic-level');
  const prebuilds = `prebuilds/linux-${architecture === 'amd64' ? 'x64' : 'arm64'}`;
  const [native] = readdirSync(path.join(from, prebuilds)).filter((name) => !name.includes('musl'));
  if (native === undefined) throw new Error(`classic-level has nothing built for ${architecture}`);
  mkdirSync(path.join(home, prebuilds), { recursive: true });
  copyFileSync(path.join(from, prebuilds, native), path.join(home, prebuilds, native));
  copyFileSync(path.join(from, 'LICENSE'), path.join(home, 'LICENSE'));
  const entryPoints = [path.join(from, 'index.js')];
  const outfile = path.join(home, 'index.js');
  await esbuild.build({ entryPoints, outfile, bundle: true, platform: 'node', target: 'node20', format: 'cjs' });
}

/** @param alliance a directory with keys.json and directory.jws */
export async function putAgent(tree: string, architecture: Architecture, alliance: string): Promise<void> {
  const home = path.join(tree, 'usr/lib/webizen');
  mkdirSync(path.join(home, 'bin'), { recursive: true });
  copyFileSync(built('bin/webizen-agent.js'), path.join(home, 'bin/webizen-agent.js'));
  writeFileSync(path.join(home, 'package.json'), '{"type":"module"}\n');
  cpSync(built('owner'), path.join(home, 'owner'), { recursive: true });
  const level = path.join(home, 'node_modules/classic-level');
  await classicLevel(level, architecture);
  writeFileSync(path.join(level, 'package.json'), '{"name":"classic-level","main":"index.js"}\n');
  cpSync(alliance, path.join(home, 'alliance'), { recursive: true });
}
