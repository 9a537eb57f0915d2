/** A production line and what stands around it: an alliance with its directory, a maker's desk, a territory that keeps both. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { certificatesFromPem } from '#common/pki/pem.js';
import { parseWays } from '../../provisioning/admission/ways.js';
import { someMaker, testAlliance } from './alliance.js';
import { type TestBox, testBox } from './box.js';
import { ownFolder } from './folder.js';
import { command, type TestProvider, testProvider } from './provider.js';

export interface Line {
  provider: TestProvider;
  /** The alliance publishes what `work` alters, and the territory takes it. */
  republish(work: (alliance: Awaited<ReturnType<typeof testAlliance>>['alliance']) => Promise<void>): Promise<void>;
  /** A box that has been through the line, and has not been switched on. */
  box(serial: string, wish?: { voucher?: boolean }): Promise<TestBox>;
}

const run = promisify(execFile);

/** A built command to its end, while what runs in this process goes on. */
async function done(name: string, ...args: string[]): Promise<string> {
  return (await run(process.execPath, [command(name), ...args], { timeout: 60_000 })).stdout;
}

/** The provider runs. */
export async function openLine(t: Test, ways: string): Promise<Line> {
  const folder = await ownFolder(t);
  const provider = await testProvider(t, { territory: 'home', provider: { admission: parseWays(ways) } });
  const maker = path.join(folder, 'maker');
  const out = path.join(folder, 'made');
  const directory = path.join(folder, 'directory.jws');
  await done('webizen-provider', 'maker', 'init', '--dir', maker, '--id', 'acme', '--name', 'Acme');
  const [ca] = certificatesFromPem(await readFile(path.join(maker, 'ca.crt'), 'utf8'));
  const { alliance, publish, directory: desk } = await testAlliance(t, systemClock);
  const keys = path.join(desk, 'keys.json');
  await alliance.addTerritory(provider.listing);
  await alliance.addMaker(await someMaker('acme', ca));

  async function republish(work: (desk: typeof alliance) => Promise<void>): Promise<void> {
    await work(alliance);
    await writeFile(directory, await publish());
    await done('webizen-provider', 'directory', 'accept', directory, '--dir', provider.directory, '--keys', keys);
  }
  await republish(async () => {});
  await provider.start();

  return {
    provider,
    republish,
    async box(serial, { voucher = false } = {}) {
      const box = await testBox(t, { more: { directory: { file: directory, keysFile: keys } } });
      const csr = path.join(box.folder, 'box.csr');
      await writeFile(
        csr,
        await done('webizen-agent', 'factory', 'csr', '--config', box.configFile, '--serial', serial),
      );
      const sold = voucher ? ['--territory', 'home', '--directory', directory, '--keys', keys] : [];
      const made = ['--dir', maker, '--serial', serial, '--csr', csr, '--out', out];
      await done('webizen-provider', 'maker', 'make-box', ...made, ...sold);
      await done('webizen-agent', 'factory', 'install', '--config', box.configFile, '--from', path.join(out, serial));
      return box;
    },
  };
}
