/** `maker init | make-box | list`: factory identities, labels and vouchers. */
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { table, when } from '#common/columns.js';
import { verifyDirectory } from '#common/directory/verify.js';
import { files } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { casFromPem } from '../directory/alliance.js';
import { parseDirectoryKeys } from '../directory/directory.js';
import { inParallel, type Line, readBatch } from '../factory/batch.js';
import { makeBox, type Wish } from '../factory/make-box.js';
import { createMaker, openMaker } from '../factory/maker.js';
import { duration, fileText, flag, noMore, readArguments, required, text } from './arguments.js';
import type { Command } from './command.js';

const atOnce = 8;
const day = 86_400;

const init: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, id: text, name: text });
  noMore(positionals);
  const directory = path.resolve(required(values.dir, '--dir'));
  const [id, name] = [required(values.id, '--id'), required(values.name, '--name')];
  await createMaker({ files, clock: systemClock, directory, id, name });
  out(`maker ${id} is in ${directory}; the alliance lists ${path.join(directory, 'ca.crt')}`);
};

type Territory = Wish['territory'];

/** Where boxes were sold to, by id: from the directory, which knows them all, or from one root certificate. */
async function territories(values: {
  directory?: string | undefined;
  keys?: string | undefined;
  'territory-ca'?: string | undefined;
}): Promise<(id: string | undefined) => Territory> {
  if (values['territory-ca'] !== undefined) {
    const [ca] = casFromPem(await fileText(values['territory-ca']));
    return (id) => ({ id, ca: Buffer.from(ca ?? '', 'base64') });
  }
  if (values.directory === undefined)
    return (id) => {
      if (id === undefined) return undefined;
      throw new Refusal('arguments-invalid', '--territory needs --directory and --keys, or --territory-ca');
    };
  const keys = parseDirectoryKeys(await fileText(required(values.keys, '--keys')));
  const { directory } = await verifyDirectory((await fileText(values.directory)).trim(), keys);
  return (id) => {
    if (id === undefined) return undefined;
    const found = directory.territories.find((one) => one.id === id);
    if (!found?.ca[0]) throw new Refusal('territory-unknown', id);
    return { id, ca: new X509Certificate(Buffer.from(found.ca[0], 'base64')).raw };
  };
}

const makeBoxes: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, {
    ...{ dir: text, serial: text, csr: text, out: text, batch: text },
    ...{ territory: text, directory: text, keys: text, 'territory-ca': text, 'voucher-valid': text },
  });
  noMore(positionals);
  const place = path.resolve(required(values.out, '--out'));
  const maker = await openMaker({ files, directory: path.resolve(required(values.dir, '--dir')) });
  const territoryOf = await territories(values);
  const voucherMilliseconds =
    values['voucher-valid'] === undefined
      ? undefined
      : duration(values['voucher-valid'], '--voucher-valid', [1, 36_600 * day]) * 1000;
  await mkdir(place, { recursive: true, mode: 0o700 });
  const parts = { maker, clock: systemClock, out: place, voucherMilliseconds };

  if (values.batch === undefined) {
    const serial = required(values.serial, '--serial');
    const file = required(values.csr, '--csr');
    const csr = await readFile(file).catch((error: unknown) => {
      throw new Refusal('arguments-invalid', `cannot read ${file}`, { cause: error });
    });
    const outcome = await makeBox(parts, { serial, csr, territory: territoryOf(values.territory) });
    return out(`${outcome} ${path.join(place, serial)}`);
  }
  const counts = { made: 0, there: 0 };
  await inParallel(await readBatch(values.batch), atOnce, async ({ serial, csr, territory }: Line) => {
    const bytes = csr.includes('-----BEGIN') ? Buffer.from(csr) : Buffer.from(csr, 'base64');
    const wish = { serial, csr: bytes, territory: territoryOf(territory ?? values.territory) };
    const outcome = await makeBox(parts, wish).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
      throw new Refusal(error.code, `${serial}: ${error.detail ?? ''}`, { cause: error });
    });
    counts[outcome] += 1;
  });
  out(`${counts.made} made, ${counts.there} were there, in ${place}`);
};

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  noMore(positionals);
  const { register } = await openMaker({ files, directory: path.resolve(required(values.dir, '--dir')) });
  if (values.json) return out(JSON.stringify(register.list()));
  const rows = register.list().map(({ serial, name, voucher, at }) => [serial, name, voucher ?? '-', when(at)]);
  for (const line of table([['SERIAL', 'NAME', 'VOUCHER FOR', 'MADE'], ...rows])) out(line);
};

const commands: Record<string, Command | undefined> = { init, 'make-box': makeBoxes, list };

export const maker: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', 'maker is followed by init, make-box or list');
  await command(args, io);
};
