/** A child that does its work over a folder and kills itself before (`cut`) or behind (`-cut`) one commit; 0: none. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';

/** What it printed: nothing where it was cut. @param name its file's below test/support, without the ending */
export async function cutChild(name: string, folder: string, cut: number): Promise<string> {
  const child = path.resolve(`build/test/support/${name}.js`);
  const its = spawn(process.execPath, [child, folder, String(cut)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = await Promise.all([text(its.stdout), once(its, 'close')]);
  return said.trim();
}
