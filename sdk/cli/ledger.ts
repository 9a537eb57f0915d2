/** `ledger verify` and `ledger receipt` */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Refusal } from '#contract/problems.js';
import { choice, flag, noMoreThan, readArguments, required, text } from './arguments.js';
import type { Command } from './command.js';
import { verifyExport, verifyReceipt } from './ledger-verdict.js';

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

const verify: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { root: text, json: flag });
  noMoreThan(1, positionals);
  const bytes = await read(required(positionals[0], 'the file of the exported ledger'));
  const { result, text: said } = verifyExport(bytes, values.root === undefined ? undefined : await rootIn(values.root));
  out(values.json ? JSON.stringify(result, null, 2) : said);
  return result.ok;
};

const receipt: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { ledger: text, json: flag });
  noMoreThan(1, positionals);
  const bytes = await read(required(positionals[0], 'the file of the consent receipt'));
  const whole = values.ledger === undefined ? undefined : await read(values.ledger);
  const { result, text: said } = verifyReceipt(bytes, whole);
  out(values.json ? JSON.stringify(result, null, 2) : said);
  return result.ok;
};

export const ledger = choice('ledger', { verify: async () => verify, receipt: async () => receipt });
