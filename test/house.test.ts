/** The pages that walk a newcomer through the house are true. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';

const page = readFileSync('ARCHITECTURE.md', 'utf8');
const named = [...page.matchAll(/`([a-z]+(?:\/[\w.-]+)*)`/g)].map((match) => match[1] ?? '');
const rooms = ['agent', 'provisioning', 'sdk'].flatMap((side) =>
  readdirSync(side)
    .map((name) => path.join(side, name))
    .filter((place) => statSync(place).isDirectory()),
);

t.test('every path that ARCHITECTURE.md names is there', async (t) => {
  const paths = named.filter((name) => name.includes('/') && !name.startsWith('up/') && !name.startsWith('down/'));
  t.ok(paths.length > 30);
  for (const place of paths) t.ok(existsSync(place), place);
});

t.test('every room of the house is named in it', async (t) => {
  for (const room of [...rooms, 'common', 'common/pki', 'test', 'tools', 'docs/spec', 'docs/decisions'])
    t.ok(named.includes(room), room);
});

t.test('it is read in a few minutes', async (t) => {
  t.ok(page.split(/\s+/).filter(Boolean).length <= 1000);
});

t.test('every target that README.md names is in the Makefile', async (t) => {
  const targets = new Set([...readFileSync('Makefile', 'utf8').matchAll(/^([a-z]+):/gm)].map((match) => match[1]));
  const told = [...readFileSync('README.md', 'utf8').matchAll(/(?:`|^ {4})make ([a-z]+)/gm)].map((match) => match[1]);
  t.ok(told.length > 1);
  for (const target of told) t.ok(targets.has(target), `make ${target}`);
});
