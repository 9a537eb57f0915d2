/** Which setup code this box answers to: its label's, the one in webizen.json, or one that it made and wrote there. */
import path from 'node:path';
import type { Files } from '#common/files.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { newSetupCode, parseSetupCode, setupVerifier, verifySetupCode } from '#contract/setup-code.js';
import type { BootFile } from './boot-file.js';
import { StoredSetupCode } from './places.js';

/** On the boot partition, for whoever has the card in hand. */
export const setupCodeFile = 'webizen-setup-code.txt';

async function keep(
  files: Files,
  file: string,
  source: StoredSetupCode['source'],
  code: string,
): Promise<StoredSetupCode> {
  const stored = { source, verifier: await setupVerifier(parseSetupCode(code) ?? code) };
  await files.write(file, JSON.stringify(stored), 0o600);
  return stored;
}

/** @throws Refusal `boot-unwritable` */
async function tell(files: Files, bootDir: string, code: string): Promise<void> {
  const text = `The setup code of this box. Open http://webizen.local on the same network and enter it.\r\n\r\n${code}\r\n`;
  await files.write(path.join(bootDir, setupCodeFile), text).catch((error: unknown) => {
    throw new Refusal('boot-unwritable', error instanceof Error ? error.message : undefined, { cause: error });
  });
}

/**
 * Undefined for a box that nobody can set up: no label, nothing in webizen.json, no boot partition to write to.
 * @throws Refusal `boot-unwritable`
 */
export async function openSetupCode({
  files,
  file,
  bootDir,
  boot,
}: {
  files: Files;
  file: string;
  bootDir: string | undefined;
  boot: BootFile;
}): Promise<StoredSetupCode | undefined> {
  const found = await files.read(file);
  const parsed = found && parseJson(StoredSetupCode, found);
  if (parsed && !parsed.ok) throw new Error(`cannot read ${file}: ${describeFaults(parsed.faults)}`);
  const stored = parsed?.value;
  if (stored?.source === 'label') return stored;
  if (boot.setupCode !== undefined) {
    const same = stored && (await verifySetupCode(boot.setupCode, stored.verifier));
    return same ? stored : keep(files, file, 'webizen.json', boot.setupCode);
  }
  if (stored || bootDir === undefined) return stored;
  const code = newSetupCode();
  await tell(files, bootDir, code); // first: a code that is kept and told to nobody would lock the owner out
  return keep(files, file, 'made', code);
}
