// Runs in a namespace of its own, where a full disk is a small one that anybody may mount.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';

const script = `
mount -t tmpfs -o size=2m,mode=700 tmpfs "$1" || exit 99
about='--territory kowhai --name Kowhai --jurisdiction AU --law AU'
"$2" build/bin/webizen-provider.js init --dir "$1/territory" $about
dd if=/dev/zero of="$1/fill" bs=1k 2>/dev/null
echo FULL
"$2" build/bin/webizen-provider.js claim create --dir "$1/territory"; echo "ended with $?"
mkdir -m 700 "$1/other"
"$2" build/bin/webizen-provider.js init --dir "$1/other" $about; echo "ended with $?"
rm "$1/fill"
echo ROOM
"$2" build/bin/webizen-provider.js claim create --dir "$1/territory"; echo "ended with $?"
"$2" build/bin/webizen-provider.js init --dir "$1/other" $about; echo "ended with $?"
`;

t.test('a full disk is said to be one, and nothing is broken once there is room again', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'full-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const text = await new Promise<string>((resolve) => {
    const args = ['-rm', 'sh', '-c', `exec 2>&1\n${script}`, 'sh', directory, process.execPath];
    execFile('unshare', args, (_error, out) => resolve(out));
  });
  const [before = '', full = '', room = ''] = text.split(/^(?:FULL|ROOM)$/m);
  t.match(before, 'territory kowhai');
  t.equal(full.match(/^webizen-provider: disk-full: /gm)?.length, 2, full);
  t.equal(full.match(/^ended with 1$/gm)?.length, 2);
  t.equal(room.match(/^ended with 0$/gm)?.length, 2, room);
});
