/** How a command ends: a refusal is one line with its code, one with the remedy; anything else shows its stack. */
import { Refusal } from '#contract/problems.js';
import { isErrno } from './files.js';

/** Exit code 2: what was asked is wrong. 1: it could not be done. */
const wrongRequest = new Set(['arguments-invalid', 'config-invalid', 'config-unreadable', 'socket-path-too-long']);

export function explain(program: string, thrown: unknown): { text: string; exitCode: number } {
  const error = isErrno(thrown, 'ENOSPC', 'EDQUOT') ? new Refusal('disk-full', undefined, { cause: thrown }) : thrown;
  if (error instanceof Refusal)
    return {
      text: `${program}: ${error.code}: ${error.message}\n  ${error.remedy}`,
      exitCode: wrongRequest.has(error.code) ? 2 : 1,
    };
  return {
    text: `${program}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    exitCode: 1,
  };
}

/** Turns node:util parseArgs' complaints into ours. */
export function parseOrRefuse<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const said = error instanceof Error ? error.message.split('\n', 1)[0] : undefined; // advice follows; ours is --help
    throw new Refusal('arguments-invalid', said, { cause: error });
  }
}
