/**
 * The guides are true: every command block in them runs here, in order, in a folder of its own, as a reader would type
 * it. A block marked `sh serve` goes on running until the guide ends; the next block waits for its line `ready`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { ownFolder } from './support/folder.js';
import { command, freePortBase } from './support/provider.js';

interface Block {
  line: number;
  text: string;
  serves: boolean;
}

/** Fenced blocks whose language is `sh`. Others show what is printed, or a file. */
function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { fence: string; block: Block | undefined } | undefined;
  markdown.split('\n').forEach((line, index) => {
    const [, fence = '', about = ''] = /^(```+)(.*)$/.exec(line) ?? [];
    if (!open && fence) {
      const [language, ...words] = about.trim().split(/\s+/);
      const block = language === 'sh' ? { line: index + 1, text: '', serves: words.includes('serve') } : undefined;
      open = { fence, block };
    } else if (open && fence === open.fence && about === '') {
      if (open.block) blocks.push(open.block);
      open = undefined;
    } else if (open?.block) open.block.text += `${line}\n`;
  });
  return blocks;
}

async function shellFor(folder: string): Promise<NodeJS.ProcessEnv> {
  const bin = path.join(folder, '.bin');
  await mkdir(bin, { recursive: true });
  for (const name of ['webizen-agent', 'webizen-provider', 'webizen']) {
    await writeFile(path.join(bin, name), `#!/bin/sh\nexec "${process.execPath}" "${command(name)}" "$@"\n`);
    await chmod(path.join(bin, name), 0o755);
  }
  return { PATH: `${bin}:${process.env.PATH ?? ''}`, HOME: folder, LANG: 'C.UTF-8' };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  process.kill(-(child.pid ?? 0), 'SIGTERM');
  await gone;
}

for (const guide of ['docs/provider.md', 'docs/owner.md']) {
  t.test(`every command in ${guide} does what it says`, async (test) => {
    const folder = await ownFolder(test);
    const env = await shellFor(folder);
    const portBase = await freePortBase();
    const blocks = blocksOf(await readFile(guide, 'utf8'));
    test.ok(blocks.length > 0);
    for (const { line, text, serves } of blocks) {
      // The guides use the usual ports; three of them may be taken on this machine.
      const script = text.replace(/\b844([0-2])\b/g, (_, place: string) => String(portBase + Number(place)));
      const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
        cwd: folder,
        env,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => {
          said += chunk.toString();
        });
      const gone = once(child, 'exit');
      if (serves) {
        test.teardown(() => end(child));
        const ready = (async () => {
          for await (const told of createInterface({ input: child.stdout })) if (told === 'ready') return true;
          return false;
        })();
        test.ok(await ready, `${guide}:${line} serves\n${said}`);
        child.stdout.resume();
      } else {
        await gone;
        test.equal(child.exitCode, 0, `${guide}:${line}\n${said}`);
      }
    }
  });
}
