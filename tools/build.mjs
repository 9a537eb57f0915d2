// Builds everything into build/: the commands as bundles (what a box ships), every source file one by one (what the
// tests import), and the consoles' static files.

import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

/** @param {string} dir @param {RegExp} pattern */
async function filesUnder(dir, pattern) {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name));
}

// An ESM bundle of CommonJS packages dies with "Dynamic require is not supported" without a require of its own.
const banner = {
  js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
};
const node = /** @type {const} */ ({ platform: 'node', target: 'node20', format: 'esm', logLevel: 'warning' });
const command = { outdir: 'build/bin', banner: { js: `#!/usr/bin/env node\n${banner.js}` } };
/** Names are kept: esbuild's keepNames would wrap each closure, which cost a third of a busy provider's time. */
const bundle = {
  ...node,
  bundle: true,
  minifySyntax: true,
  minifyWhitespace: true,
  external: ['classic-level'],
  banner,
};

// Memory is dear on a box, and a module that is never used still costs its text and its first run. MQTT goes over TLS
// alone; bodies are checked by typebox and answers written by JSON.stringify (agent/api/application.ts); only tests inject.
const leftOut = /^(ws|socks|@fastify\/ajv-compiler|@fastify\/fast-json-stringify-compiler|light-my-request)$/;
/** @type {esbuild.Plugin} */
const lean = {
  name: 'lean',
  setup(build) {
    build.onResolve({ filter: leftOut }, ({ path }) => ({ path, namespace: 'left-out' }));
    build.onLoad({ filter: /./, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};' }));
  },
};
/** readable-stream is Node's own streams once more. */
const box = { ...bundle, plugins: [lean], alias: { 'readable-stream': 'node:stream' } };

const rooms = ['agent', 'common', 'image', 'provisioning', 'sdk', 'test'];
const all = (await Promise.all(rooms.map((room) => filesUnder(room, /\.ts$/)))).flat();
/** A skeleton is built by whoever takes it. */
const sources = all.filter((file) => !file.startsWith('sdk/templates/'));
/** The consoles: where each one's pages are written, and where they are built to. */
const consoles = [
  { from: 'provisioning/console/web', to: 'build/console' },
  { from: 'agent/owner/web', to: 'build/owner' },
];

await rm('build/test', { recursive: true, force: true }); // a deleted test must not run on
await rm('build/templates', { recursive: true, force: true });
for (const { to } of consoles) await rm(to, { recursive: true, force: true }); // nor an old part of a page be served
await mkdir('build/bin', { recursive: true });
await Promise.all([
  esbuild.build({ ...node, entryPoints: sources, outdir: 'build', outbase: '.', sourcemap: 'linked' }),
  esbuild.build({ ...box, ...command, entryPoints: { 'webizen-agent': 'agent/main.ts' } }),
  esbuild.build({ ...bundle, ...command, entryPoints: { 'webizen-provider': 'provisioning/main.ts' } }),
  esbuild.build({ ...bundle, ...command, entryPoints: { webizen: 'sdk/cli/main.ts' } }),
  // Started by `webizen app dev`: the agent with what stands in for provider and owner. No box has it.
  esbuild.build({ ...box, ...command, entryPoints: { 'webizen-dev': 'agent/dev/main.ts' } }),
  esbuild.build({
    ...bundle,
    entryPoints: {
      visits: 'sdk/examples/visits/main.ts',
      tour: 'sdk/examples/tour/main.ts',
      'messages-server': 'sdk/examples/messages/server.ts',
    },
    outdir: 'build/examples',
  }),
  // What a maker's server takes along to read what its apps write: one file that needs nothing else.
  esbuild.build({
    ...bundle,
    entryPoints: { 'webizen-backend': 'sdk/backend/backend.ts' },
    outdir: 'build/backend',
    outExtension: { '.js': '.mjs' },
  }),
  // The skeletons of apps bring the client of the API along, which has no dependencies.
  esbuild.build({
    ...node,
    bundle: true,
    entryPoints: { 'webizen-client': 'sdk/client/client.ts' },
    outdir: 'build/templates/node/app',
    outExtension: { '.js': '.mjs' },
  }),
  // What the bench holds the agent's start against, and an agent whose clock it moves, bundled as the agent is.
  esbuild.build({
    ...bundle,
    entryPoints: { 'one-route': 'test/bench/parts/one-route.ts' },
    outdir: 'build/test/bench/bundled',
  }),
  esbuild.build({
    ...box,
    entryPoints: { 'passing-box': 'test/bench/parts/passing-box.ts' },
    outdir: 'build/test/bench/bundled',
  }),
  ...consoles.map(({ from, to }) =>
    esbuild.build({
      bundle: true,
      minify: true,
      splitting: true,
      chunkNames: '[name]-[hash]',
      platform: 'browser',
      target: 'es2022',
      format: 'esm',
      jsx: 'automatic',
      jsxImportSource: 'preact',
      logLevel: 'warning',
      entryPoints: [path.join(from, 'main.tsx')],
      outbase: from,
      outdir: to,
    }),
  ),
]);
for (const { from, to } of consoles)
  for (const file of await filesUnder(from, /\.(html|svg)$/)) await cp(file, path.join(to, path.relative(from, file)));
await cp('sdk/templates', 'build/templates', { recursive: true });
const clientTypes = await filesUnder('sdk/client', /\.ts$/);
for (const file of clientTypes)
  await cp(file, path.join('build/templates/typescript/src/webizen', path.basename(file)));
await cp('sdk/client/webizen_box.py', 'build/templates/python/app/webizen_box.py');
await cp('sdk/client/webizen.sh', 'build/templates/shell/app/webizen.sh');
await cp('docs/spec/openapi.json', 'build/spec/openapi.json');
