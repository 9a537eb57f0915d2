/** What an app keeps, read out for the owner page by page: nothing waits for it, and it holds one value at a time. */
import type { Kept } from '#contract/app-export.js';
import { Refusal } from '#contract/problems.js';
import type { AppData } from './features.js';

const pageSize = 100;

/** Each value as it stands when its turn comes; what the app has deleted until then is not in it. */
export async function* keptBy(data: AppData, app: string): AsyncGenerator<Kept> {
  let after: string | undefined;
  for (;;) {
    const { entries, more } = await data.list(app, { prefix: '', after, limit: pageSize });
    for (const { key } of entries) {
      const value = find(data, app, key);
      if (value) yield { key, ...value };
    }
    after = entries.at(-1)?.key;
    if (!more) return;
  }
}

function find(data: AppData, app: string, key: string) {
  try {
    const { contentType, modifiedAt, value } = data.get(app, key);
    return { contentType, modifiedAt, value };
  } catch (error) {
    if (error instanceof Refusal && error.code === 'key-not-found') return undefined;
    throw error;
  }
}
