/** The app as it lies in its folder: which files, named by one digest, and word of it when they change. */
import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Manifest } from '#contract/manifest.js';

interface Seen {
  folders: string[];
  /** SHA-256 over names, modes and contents, hex. */
  digest: string;
}

async function look(root: string): Promise<Seen> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = entries.map((entry) => ({ entry, file: path.join(entry.parentPath, entry.name) }));
  const hash = createHash('sha256');
  for (const { entry, file } of paths.toSorted((a, b) => (a.file < b.file ? -1 : 1))) {
    // What goes away while it is looked at is a change, which is told by itself.
    const about = entry.isSymbolicLink()
      ? await readlink(file).catch(() => '')
      : entry.isFile()
        ? await readFile(file).catch(() => '')
        : '';
    const mode = entry.isFile()
      ? await stat(file).then(
          ({ mode }) => mode & 0o111,
          () => 0,
        )
      : 0;
    hash.update(JSON.stringify([path.relative(root, file), entry.isDirectory(), mode, about.length])).update(about);
  }
  return {
    folders: [root, ...paths.filter(({ entry }) => entry.isDirectory()).map(({ file }) => file)],
    digest: hash.digest('hex'),
  };
}

/** The name of these files with this manifest, in the form of a release's id. */
export async function releaseNow(folder: string, manifest: Manifest): Promise<string> {
  const { digest } = await look(path.join(folder, 'app'));
  return createHash('sha256')
    .update(JSON.stringify([manifest, digest]))
    .digest('hex');
}

/** So long nothing more may change: an editor writes a file in several goes, a compiler many files. */
const restMilliseconds = 150;

/**
 * Tells, some time after the last change, that something in the folder, in `app/` below it or in one of the others may be new. Each folder is
 * watched by itself: Node's own recursive watch loses what is made in new ones.
 */
export function watchApp(
  folder: string,
  also: readonly string[],
  onChange: () => void,
): { started: Promise<void>; close(): void } {
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function drop(place: string): void {
    watchers.get(place)?.close();
    watchers.delete(place);
  }

  function add(place: string): void {
    if (watchers.has(place) || closed) return;
    try {
      const watcher = watch(place, (_kind, name) => {
        // What the tools write themselves lies in `.webizen`, and an archive beside it.
        if (place === folder && (name?.startsWith('.') || name?.endsWith('.wza'))) return;
        changed();
      });
      watcher.on('error', () => drop(place));
      watchers.set(place, watcher);
    } catch {
      // it has gone meanwhile
    }
  }

  async function watchAll(): Promise<void> {
    const { folders } = await look(path.join(folder, 'app'));
    const wanted = new Set([folder, ...also, ...folders]);
    for (const place of [...watchers.keys()]) if (!wanted.has(place)) drop(place);
    for (const place of wanted) add(place);
  }

  function changed(): void {
    clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(() => {
      // A folder that was removed and made anew is another one: what is watched is looked up each time.
      drop(path.join(folder, 'app'));
      void watchAll().then(onChange);
    }, restMilliseconds);
  }

  return {
    started: watchAll(),
    close() {
      closed = true;
      clearTimeout(timer);
      for (const place of [...watchers.keys()]) drop(place);
    },
  };
}
