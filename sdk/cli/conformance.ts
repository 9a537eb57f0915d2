/** `conformance SOCKET|URL` */
import { readFile } from 'node:fs/promises';
import { Refusal } from '#contract/problems.js';
import { call, placeOf } from '../conformance/http.js';
import { type Result, tryPromises } from '../conformance/run.js';
import { readSpecification, type Specification } from '../conformance/specification.js';
import { flag, noMoreThan, readArguments, required } from './arguments.js';
import type { Command, Io } from './command.js';

async function specificationIn(file: string): Promise<Specification> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Refusal('file-unreadable', file, { cause: error });
  });
  const specification = readSpecification(JSON.parse(text));
  if (!specification) throw new Refusal('file-unreadable', `${file}: it is no specification`);
  return specification;
}

function linesOf(result: Result): string[] {
  const head = `${(result.outcome === 'failed' ? 'FAILED' : result.outcome).padEnd(11)}  ${result.id.padEnd(23)}  ${result.says}`;
  if (result.outcome === 'failed') return [head, `    expected ${result.expected}`, `    seen     ${result.seen}`];
  if (result.outcome === 'not tried') return [`${head} (${result.why})`];
  return [result.outcome === 'not granted' ? `${head} (${result.capability})` : head];
}

/** Tells each result as it comes, then how many there are of each. Answers whether nothing failed. */
export async function tellPromises(
  target: string,
  { out, specificationFile }: Pick<Io, 'out' | 'specificationFile'>,
  { json = false }: { json?: boolean } = {},
): Promise<boolean> {
  const place = placeOf(target);
  if (!place)
    throw new Refusal('arguments-invalid', `${target} is neither a socket nor an address such as http://host:80`);
  const specification = await specificationIn(specificationFile);
  await call(place, 'GET', '/v1/box').catch((error: unknown) => {
    throw new Refusal('conformance-unreachable', target, { cause: error });
  });
  const results = await tryPromises({
    place,
    specification,
    told: (result) => {
      if (!json) for (const line of linesOf(result)) out(line);
    },
  });
  const count = (outcome: Result['outcome']): number => results.filter((result) => result.outcome === outcome).length;
  const counts = {
    passed: count('passed'),
    failed: count('failed'),
    notGranted: count('not granted'),
    notTried: count('not tried'),
  };
  if (json) out(JSON.stringify({ target, specification: specification.version, ...counts, results }, null, 2));
  else
    out(
      `${counts.passed} passed, ${counts.failed} failed, ${counts.notGranted} not granted, ${counts.notTried} not tried`,
    );
  return counts.failed === 0;
}

export const conformance: Command = async (args, io) => {
  const { values, positionals } = readArguments(args, { json: flag });
  noMoreThan(1, positionals);
  return tellPromises(required(positionals[0], 'the socket or the http address'), io, { json: values.json === true });
};
