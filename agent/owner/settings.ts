/** What the owner set in the console, and how far the setup has come: one small file, replaced whole. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Files } from '#common/files.js';
import { type OwnerSettings, OwnerSettings as Schema } from '#contract/owner.js';
import { parseJson } from '#contract/parse.js';

export interface Settings {
  now(): OwnerSettings;
  /** On the disk when it resolves. */
  change(change: Partial<OwnerSettings>): Promise<void>;
}

export const firstSettings: OwnerSettings = {
  recoverySaved: false,
  ownJurisdiction: null,
  setupDone: false,
  httpsOnly: false,
};

/** A file that cannot be read counts as none: the setup asks again, and nothing of the owner's is in it. */
export async function openSettings({ directory, files }: { directory: string; files: Files }): Promise<Settings> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = path.join(directory, 'settings.json');
  const parsed = parseJson(Schema, (await files.read(file)) ?? '');
  let settings = parsed.ok ? parsed.value : firstSettings;
  let writing = Promise.resolve();

  return {
    now: () => settings,
    async change(change) {
      const turn = writing.then(async () => {
        const next = { ...settings, ...change };
        await files.write(file, JSON.stringify(next));
        settings = next;
      });
      writing = turn.catch(() => {}); // the next one is not refused for this one
      await turn;
    },
  };
}
