/** `backup` and `restore`: the territory in one file, and out of it. */
import path from 'node:path';
import { Type } from 'typebox';
import { systemClock } from '#common/clock.js';
import { when } from '#common/columns.js';
import { callControl } from '#common/control.js';
import { files } from '#common/files.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { backUp } from '../backup/backup.js';
import { restore as restoreTo } from '../backup/restore.js';
import { openAudit } from '../operators/audit.js';
import { machine } from '../operators/commands.js';
import { openRooms } from '../rooms.js';
import { openStore } from '../store/store.js';
import { checkDirectory, controlSocket } from '../territory.js';
import { noMore, readArguments, required, text } from './arguments.js';
import type { Command } from './command.js';

const Result = Type.Object({ files: Type.Number(), entries: Type.Number(), sizeBytes: Type.Number() });

async function made(directory: string, file: string): Promise<unknown> {
  try {
    return await callControl(controlSocket(directory), 'backup', { file });
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'not-running') throw error;
  }
  const rooms = await openRooms({ directory, files, clock: systemClock });
  try {
    return await backUp({ directory, territory: rooms.territory.id, store: rooms.store, clock: systemClock, file });
  } finally {
    await rooms.close();
  }
}

export const backup: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, out: text });
  noMore(positionals);
  const directory = path.resolve(required(values.dir, '--dir'));
  const file = path.resolve(required(values.out, '--out'));
  await checkDirectory(directory);
  const result = check(Result, await made(directory, file));
  if (!result.ok) throw new Error(`cannot read the answer: ${describeFaults(result.faults)}`);
  const { entries, sizeBytes } = result.value;
  out(`${file}: ${result.value.files} files, ${entries} entries of the store, ${sizeBytes} bytes`);
  out('It holds the keys of the CA and the operator secret, not encrypted: whoever reads it can be this territory.');
};

/** The log goes on from where the backup ends: what was done since then is in nobody's log but a noted one. */
async function writeDown(directory: string, backupAt: number): Promise<void> {
  const store = await openStore(directory);
  try {
    const audit = await openAudit({ store, clock: systemClock });
    const act = { act: 'restore', who: machine, role: 'admin', via: 'command' as const, facts: [{ backupAt }] };
    await audit.note(act, 'ok');
  } finally {
    await store.close();
  }
}

export const restore: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, from: text, crl: text });
  noMore(positionals);
  const directory = path.resolve(required(values.dir, '--dir'));
  const from = path.resolve(required(values.from, '--from'));
  if (!(await files.read(from))) throw new Refusal('arguments-invalid', `${from} is not there`);
  const crl = values.crl === undefined ? undefined : (await files.read(path.resolve(values.crl)))?.toString('utf8');
  if (values.crl !== undefined && crl === undefined)
    throw new Refusal('arguments-invalid', `${values.crl} is not there`);
  const done = await restoreTo({ from, directory, crl, files, clock: systemClock });
  await writeDown(directory, done.at);
  out(`territory ${done.territory} as it was at ${when(done.at)} is in ${directory}`);
  out(`${done.claimsRevoked} open claims are revoked: hand out new ones`);
  out('Boxes that enrolled or renewed since are known again when they come, each as an event "readmitted".');
  out(
    crl === undefined
      ? 'What was revoked since is not known: revoke it again, or restore with --crl and the newest list.'
      : `${done.revokedSince} certificates were revoked since and stay so.`,
  );
};
