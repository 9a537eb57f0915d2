// Runs the suites and says in sentences what failed. A suite whose real part is missing on this machine is left out by
// name; with CI=true that is a failure unless .ci/left-out gives the suite and the reason.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

process.chdir(path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..'));
const ci = process.env.CI === 'true';
const only = process.argv.slice(2);

/** @type {{ parts: Record<string, { package: string, works: string[] }>, suites: Record<string, string[]> }} */
const needs = JSON.parse(readFileSync('test/needs.json', 'utf8'));
const allowed = existsSync('.ci/left-out')
  ? new Map(
      readFileSync('.ci/left-out', 'utf8')
        .split('\n')
        .filter((line) => line.trim() && !line.startsWith('#'))
        .map((line) => /** @type {[string, string]} */ ([line.split(/\s+/, 1)[0], line.replace(/^\S+\s*/, '')])),
    )
  : new Map();

const present = new Map(
  Object.entries(needs.parts).map(([name, part]) => [
    name,
    spawnSync(part.works[0], part.works.slice(1), { stdio: 'ignore', timeout: 20_000 }).status === 0,
  ]),
);

/** @type {string[]} */
const leftOut = [];
let missing = 0;
for (const [suite, parts] of Object.entries(needs.suites)) {
  const absent = parts.filter((name) => !present.get(name));
  if (absent.length === 0) continue;
  leftOut.push(suite);
  const packages = absent.map((name) => needs.parts[name].package).join(' ');
  console.log(`left out: ${suite} needs ${absent.join(', ')} (sudo apt-get install ${packages})`);
  if (!ci) continue;
  if (allowed.has(suite)) console.log(`  allowed by .ci/left-out: ${allowed.get(suite)}`);
  else {
    missing += 1;
    console.log('  with CI=true every part must be there, or .ci/left-out must name the suite and the reason');
  }
}

const files = readdirSync('test', { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => `test/${file}`)
  .filter((file) => !leftOut.includes(file))
  .filter((file) => only.length === 0 || only.some((word) => file.includes(word)))
  .sort();

const tap = spawn(
  'node_modules/.bin/tap',
  ['run', '--reporter=tap', ...files.map((file) => `build/${file.replace(/ts$/, 'js')}`)],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, FORCE_COLOR: '0' },
  },
);
const counts = { passed: 0, failed: 0, skipped: leftOut.length };
/** @type {string[]} */
let block = [];
for await (const line of createInterface({ input: tap.stdout })) {
  if (/^\s*# (?!Subtest).*SEED=\d+/.test(line)) console.log(line.trim().replace(/^# /, '')); // repeats what is random
  const file = /^(not )?ok \d+ - (\S+)(?: # time=(\S+))?/.exec(line);
  const test = /^ {4}(not )?ok \d+ - (.*?)(?: # time=(\S+))?(?: \{)?$/.exec(line);
  if (test) {
    const skipped = /# (SKIP|TODO)/i.test(line);
    if (skipped) counts.skipped += 1;
    else if (test[1]) counts.failed += 1;
    else counts.passed += 1;
    if (test[1] && !skipped) console.log(`\nFAILED: ${test[2]}\n${block.join('\n')}`);
    if (skipped) console.log(`skipped: ${test[2]}`);
    block = [];
  } else if (file) {
    if (file[1]) {
      console.log(`\nFAILED: ${file[2]}\n${block.slice(-60).join('\n')}`);
      if (counts.failed === 0) counts.failed += 1;
    } else console.log(`${file[2].replace(/^build\//, '')}  ${file[3] ?? ''}`);
    block = [];
  } else if (line.trim()) block.push(line);
}
const status = tap.exitCode ?? (await new Promise((resolve) => tap.once('exit', (code) => resolve(code ?? 1))));
if (status !== 0 && counts.failed === 0) counts.failed += 1;
counts.failed += missing;
console.log(`${counts.passed} passed, ${counts.failed} failed${counts.skipped ? `, ${counts.skipped} skipped` : ''}`);
process.exit(counts.failed > 0 ? 1 : 0);
