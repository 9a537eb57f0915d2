/** `webizen`: what owners and developers run on their own machines. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Refusal } from '#contract/problems.js';
import { verifyExport } from './ledger.js';

const help = `webizen: tools for owners and developers of Webizen boxes

  webizen ledger verify FILE [--root CERTIFICATE] [--json]
      check an exported ledger offline, and say where it breaks; with the territory's root certificate (PEM) the
      provider's receipt in it is checked too

Exit codes: 0 it is whole, 1 it is not or could not be checked, 2 the command line is wrong.
`;

async function read(file: string): Promise<Buffer> {
  return readFile(file).catch((error: unknown) => {
    throw new Refusal('file-unreadable', file, { cause: error });
  });
}

async function rootIn(file: string): Promise<X509Certificate> {
  const bytes = await read(file);
  try {
    return new X509Certificate(bytes);
  } catch (error) {
    throw new Refusal('file-unreadable', `${file}: it is no certificate`, { cause: error });
  }
}

async function main(args: string[]): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    throw new Refusal('arguments-invalid', error instanceof Error ? error.message.split('\n', 1)[0] : undefined);
  }
  const { values, positionals } = parsed;
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const [noun, verb, file, ...more] = positionals;
  if (noun !== 'ledger' || verb !== 'verify' || file === undefined || more.length > 0)
    throw new Refusal('arguments-invalid', 'expected: webizen ledger verify FILE');
  const verdict = verifyExport(await read(file), values.root === undefined ? undefined : await rootIn(values.root));
  process.stdout.write(`${values.json ? JSON.stringify(verdict.result, null, 2) : verdict.text}\n`);
  return verdict.result.ok ? 0 : 1;
}

const parse = (args: string[]) =>
  parseArgs({
    args,
    allowPositionals: true,
    options: { root: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  });

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    const isOurs = error instanceof Refusal;
    const text = isOurs ? `${error.code}: ${error.message}\n  ${error.remedy}` : String(error);
    process.stderr.write(`webizen: ${text}\n`);
    process.exit(isOurs && error.code === 'arguments-invalid' ? 2 : 1);
  },
);
