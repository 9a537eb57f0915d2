/** `make spec`. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { specFiles } from './spec.js';

for (const [file, text] of await specFiles()) {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
}
