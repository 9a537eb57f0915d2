// Runs in a namespace of its own, where a full disk is a small one that anybody may mount.
import { execFile } from 'node:child_process';
import path from 'node:path';
import t from 'tap';
import { ownFolder } from '../support/folder.js';

t.test(
  'on a full disk an app is refused with a code, keeps what it stored, and goes on when there is room',
  async (t) => {
    const folder = await ownFolder(t);
    const script = 'mount -t tmpfs -o size=100m,mode=700 tmpfs "$1" && exec "$2" "$3" "$1"';
    const args = [
      '-rm',
      'sh',
      '-c',
      script,
      'sh',
      folder,
      process.execPath,
      path.resolve('build/test/support/full-disk.js'),
    ];
    const text = await new Promise<string>((resolve) => {
      execFile('unshare', args, { timeout: 60_000 }, (_error, out, errors) => resolve(out + errors));
    });
    t.match(text, /^put with room: 20[14]$/m);
    t.match(text, /^put when full: 507 disk-full$/m);
    t.match(text, /^get when full: 200 kept$/m);
    t.match(text, /^put with room again: 20[14]$/m);
    t.match(text, /^get after a restart: 200 kept$/m);
  },
);
