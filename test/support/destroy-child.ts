/** Writes a file and destroys it, over and over, until it is killed. */
import { files } from '#common/files.js';

const file = process.argv[2] ?? '';
process.stdout.write('ready\n');
for (;;) {
  await files.write(file, 'a'.repeat(100_000));
  await files.destroy(file);
}
