/** `register audit`: a territory's register of decisions about members, read whole and held against what was seen before. */
import { readFile } from 'node:fs/promises';
import { table, when } from '#common/columns.js';
import { files } from '#common/files.js';
import { type Audited, auditRegister } from '#common/members/audit.js';
import { verifyHead } from '#common/members/register.js';
import type { PublicJwk } from '#contract/directory.js';
import type { LedgerEntry } from '#contract/ledger.js';
import { MemberKeys } from '#contract/member.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import {
  mostRegisterEntries,
  RegisterEntries,
  type RegisterHead,
  RegisterState,
  registerEntriesPath,
  registerPath,
} from '#contract/register.js';
import type { Https } from '../publish/https.js';
import { choice, flag, noMoreThan, readArguments, required, text } from './arguments.js';
import type { Command } from './command.js';
import { jsonOf, memberKeysOf, readText, withTerritory } from './territory.js';

async function headOf(jws: string, keys: readonly PublicJwk[], territory: string): Promise<RegisterHead> {
  const read = await verifyHead(jws, { keys, territory });
  if (!read.ok) throw new Refusal(`register-${read.fault}`, territory);
  return read.head;
}

/** What an audit before this one left: a signed head. */
async function seenIn(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').then(
    (jws) => jws.trim(),
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw new Refusal('file-unreadable', file, { cause: error });
    },
  );
}

async function entriesOf(https: Https, size: number): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  while (entries.length < size) {
    const end = Math.min(size, entries.length + mostRegisterEntries);
    const page = await jsonOf(https, `${registerEntriesPath}?start=${entries.length}&end=${end}`, RegisterEntries);
    if (page.entries.length === 0) throw new Refusal('register-forked', `it does not show entry ${entries.length}`);
    entries.push(...page.entries);
  }
  return entries;
}

async function keysIn(file: string): Promise<readonly PublicJwk[]> {
  const read = parseJson(MemberKeys, await readText(file));
  if (!read.ok) throw new Refusal('member-keys-invalid', describeFaults(read.faults));
  return read.value;
}

const codeOf: Partial<Record<Exclude<Audited, { ok: true }>['fault'], ProblemCode>> = {
  chain: 'member-ledger-damaged',
  case: 'register-undue',
};

const audit: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, {
    ...{ catalogue: text, ca: text, keys: text, seen: text, json: flag },
  });
  noMoreThan(1, positionals);
  const territory = required(positionals[0], 'the id of the territory');
  return await withTerritory(values, undefined, async (https) => {
    const believed = values.keys === undefined ? await memberKeysOf(https) : await keysIn(values.keys);
    const state = await jsonOf(https, registerPath, RegisterState);
    const head = await headOf(state.head, believed, territory);
    const kept = values.seen === undefined ? undefined : await seenIn(values.seen);
    // What was signed then may be by a key that has made place since.
    const before = kept === undefined ? undefined : await headOf(kept, [...believed, ...state.keys], territory);
    const register = {
      ...{ format: 'webizen-member-ledger-1' as const, territory, keys: state.keys },
      entries: await entriesOf(https, head.size),
    };
    const audited = await auditRegister({ register, head, before, believed });
    if (!audited.ok) {
      const code = codeOf[audited.fault] ?? 'register-forked';
      throw new Refusal(code, `${audited.why}${before ? `; seen: ${kept}` : ''}; shown: ${state.head}`);
    }
    if (values.seen !== undefined) await files.write(values.seen, `${state.head}\n`, 0o644);
    if (values.json) out(JSON.stringify({ head, entries: register.entries }, null, 2));
    else {
      const rows = register.entries.map(({ index, at, type, facts }) => [
        ...[String(index), when(at), type, String(facts.member ?? '-'), String(facts.reason ?? '')],
      ]);
      for (const line of table([['ENTRY', 'AT', 'DECISION', 'MEMBER', 'REASON'], ...rows])) out(line);
      out(`${head.size} decisions, as ${territory} signed them on ${when(head.at)}; root ${head.root}`);
      if (before) out(`it continues the register of ${before.size} decisions that was seen on ${when(before.at)}`);
    }
    return true;
  });
};

export const register = choice('register', { audit: async () => audit });
