/** `backup verify`, `backup list`, `backup ledger` and `backup identity`: an owner's backup, away from any box. */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { type BackupKeys, keysOf } from '#common/backup/code.js';
import { readBackup } from '#common/backup/format.js';
import { unseal } from '#common/backup/sealed.js';
import type { BackupHead } from '#contract/backup.js';
import { LedgerExport } from '#contract/ledger.js';
import { verifyLedger } from '#contract/ledger-chain.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { choice, flag, noMoreThan, readArguments, required, text } from './arguments.js';
import type { Command, Io } from './command.js';

/** Of the store as this release knows it. */
const storeVersion = 1;
const options = { 'code-file': text, json: flag } as const;

/** Never from the command line, which everybody on the machine can see. @throws Refusal `backup-code-invalid` */
async function codeOf(file: string | undefined, env: Io['env']): Promise<BackupKeys> {
  if (file === undefined) return keysOf(required(env.WEBIZEN_BACKUP_CODE, '--code-file or WEBIZEN_BACKUP_CODE'));
  const read = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Refusal('file-unreadable', file, { cause: error });
  });
  return keysOf(read.trim());
}

interface Contents {
  head: BackupHead;
  sizeBytes: number;
  keys: string[];
  hasOwner: boolean;
  rows: Record<string, { count: number; bytes: number }>;
  blobs: { digest: string; size: number }[];
  ledger: LedgerExport;
}

async function contentsOf(file: string, { identity, macKey }: BackupKeys): Promise<Contents> {
  const { size } = await stat(file).catch((error: unknown) => {
    throw new Refusal('file-unreadable', file, { cause: error });
  });
  const found: Omit<Contents, 'head' | 'ledger'> = { sizeBytes: size, keys: [], hasOwner: false, rows: {}, blobs: [] };
  const entries: unknown[] = [];
  let meta: { ownerKeys?: unknown } = {};
  const json = (value: Uint8Array): unknown => JSON.parse(Buffer.from(value).toString('utf8'));
  const head = await readBackup(unseal(createReadStream(file, { highWaterMark: 256 * 1024 }), identity), {
    ...{ macKey, storeVersion },
    sink: {
      head: () => {},
      owner() {
        found.hasOwner = true;
      },
      key: (app) => void found.keys.push(app),
      rows(concern, rows) {
        const before = found.rows[concern] ?? { count: 0, bytes: 0 };
        const bytes = rows.reduce((sum, { value }) => sum + value.length, before.bytes);
        found.rows[concern] = { count: before.count + rows.length, bytes };
        if (concern === 'ledger') entries.push(...rows.map(({ value }) => json(value)));
        if (concern === 'ledgerMeta') for (const { value } of rows) meta = json(value) as typeof meta;
      },
      async blob(blob) {
        found.blobs.push(blob);
        return { write: async () => {}, end: async () => {} };
      },
    },
  });
  const read = check(LedgerExport, { format: 'webizen-ledger-1', ownerKeys: meta.ownerKeys ?? [], entries });
  if (!read.ok) throw new Refusal('backup-broken', `its ledger: ${describeFaults(read.faults)}`);
  return { ...found, head, ledger: read.value };
}

async function opened(args: string[], env: Io['env']): Promise<{ contents: Contents; json: boolean }> {
  const { values, positionals } = readArguments(args, options);
  noMoreThan(1, positionals);
  const file = required(positionals[0], 'the file of the backup');
  return { contents: await contentsOf(file, await codeOf(values['code-file'], env)), json: values.json ?? false };
}

const time = (at: number): string => new Date(at).toISOString();

const verify: Command = async (args, { out, env }) => {
  const { contents, json } = await opened(args, env);
  const { head, sizeBytes, ledger } = contents;
  const verdict = verifyLedger(ledger);
  const why = verdict.ok ? null : `entry ${verdict.index} of its ledger: ${verdict.why}`;
  if (json) out(JSON.stringify({ ok: verdict.ok, id: head.id, at: head.at, sizeBytes, why }, null, 2));
  else if (why !== null) out(`broken: ${why}`);
  else
    out(`OK: of ${head.box.name}, made ${time(head.at)}, ${sizeBytes} bytes, ${ledger.entries.length} ledger entries`);
  return verdict.ok;
};

const list: Command = async (args, { out, env }) => {
  const { contents, json } = await opened(args, env);
  const { head, keys, hasOwner, rows, blobs } = contents;
  if (json) {
    out(JSON.stringify({ head, keys, hasOwner, rows, blobs }, null, 2));
    return true;
  }
  out(`box      ${head.box.name}${head.box.id === null ? '' : `, ${head.box.id} of ${head.box.territory}`}`);
  out(`made     ${time(head.at)} by webizen-agent ${head.agent}`);
  out(`owner    ${hasOwner ? 'the owner’s key, wrapped by passphrase and recovery code' : 'none'}`);
  for (const { id, name, version, source, usedBytes } of head.apps)
    out(
      `app      ${id} ${version} (${name}), ${usedBytes} bytes kept, from ${source === 'file' ? 'a file' : 'the catalogue'}`,
    );
  for (const app of keys) out(`key      ${app}`);
  for (const [concern, { count, bytes }] of Object.entries(rows)) out(`rows     ${concern}: ${count}, ${bytes} bytes`);
  for (const { digest, size } of blobs) out(`blob     ${digest}, ${size} bytes`);
  return true;
};

const ledger: Command = async (args, { out, env }) => {
  const { contents } = await opened(args, env);
  out(JSON.stringify(contents.ledger, null, 1));
  return true;
};

const identity: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, options);
  noMoreThan(0, positionals);
  out((await codeOf(values['code-file'], env)).identity);
  return true;
};

export const backup = choice('backup', {
  verify: async () => verify,
  list: async () => list,
  ledger: async () => ledger,
  identity: async () => identity,
});
