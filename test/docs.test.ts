/**
 * The guides are true: every command block in them runs here, in order, in a folder of its own, as a reader would type
 * it. A block marked `sh serve NAME` goes on running, and the next block waits for its line `ready`; one marked
 * `sh runs NAME` goes on running and nothing waits. Both end with the guide, or where a block of the same name starts.
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
  /** Goes on running, under this name. */
  stays: string | undefined;
  /** It is there when it says so. */
  tellsReady: boolean;
}

/** Fenced blocks whose language is `sh`. Others show what is printed, or a file. */
function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { fence: string; block: Block | undefined } | undefined;
  markdown.split('\n').forEach((line, index) => {
    const [, fence = '', about = ''] = /^(```+)(.*)$/.exec(line) ?? [];
    if (!open && fence) {
      const [language, mark, name = mark] = about.trim().split(/\s+/);
      if (language === 'sh' && mark !== undefined && mark !== 'serve' && mark !== 'runs')
        throw new Error(`line ${index + 1}: what is ${mark}?`);
      const block =
        language === 'sh' ? { line: index + 1, text: '', stays: name, tellsReady: mark === 'serve' } : undefined;
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
  return { PATH: `${bin}:${process.env.PATH ?? ''}:/usr/sbin`, HOME: folder, LANG: 'C.UTF-8' };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  process.kill(-(child.pid ?? 0), 'SIGTERM');
  await gone;
}

for (const guide of ['docs/provider.md', 'docs/owner.md', 'docs/var.md', 'docs/alliance.md']) {
  t.test(`every command in ${guide} does what it says`, async (test) => {
    const folder = await ownFolder(test);
    const env = await shellFor(folder);
    // The guides use the usual ports, which may be taken on this machine.
    const [own, outside] = [await freePortBase(), await freePortBase()];
    const ports: Record<string, number> = {
      ...{ 8440: own, 8441: own + 1, 8442: own + 2 },
      ...{ 8446: outside, 8883: outside + 1 },
    };
    const running = new Map<string, ChildProcess>();
    test.teardown(() => Promise.all([...running.values()].map(end)));
    const blocks = blocksOf(await readFile(guide, 'utf8'));
    test.ok(blocks.length > 0);
    for (const { line, text, stays, tellsReady } of blocks) {
      const script = text.replace(/\b8\d{3}\b/g, (port) => String(ports[port] ?? port));
      const before = stays === undefined ? undefined : running.get(stays);
      if (before) await end(before);
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
      if (stays !== undefined) running.set(stays, child);
      if (tellsReady) {
        const ready = (async () => {
          for await (const told of createInterface({ input: child.stdout })) if (told === 'ready') return true;
          return false;
        })();
        test.ok(await ready, `${guide}:${line} serves\n${said}`);
        child.stdout.resume();
      } else if (stays === undefined) {
        await gone;
        test.equal(child.exitCode, 0, `${guide}:${line}\n${said}`);
      }
    }
  });
}
