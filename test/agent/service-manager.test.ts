import { watch } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { createServiceManager } from '../../agent/host/service-manager.js';
import { ownFolder } from '../support/folder.js';

/** In the place of systemd-notify: it writes down what it was told. */
async function listener(t: Test) {
  const home = await ownFolder(t);
  const [program, file] = [path.join(home, 'notify'), path.join(home, 'told')];
  await writeFile(file, '');
  await writeFile(program, `#!/bin/sh\nprintf '%s\\n' "$*" >> ${file}\n`, { mode: 0o755 });
  const told = async () => (await readFile(file, 'utf8')).split('\n').filter(Boolean);
  /** Resolves when so many words were told, with them. */
  const heard = (count: number) =>
    new Promise<string[]>((resolve) => {
      const watcher = watch(file, () => look());
      const look = (): void =>
        void told().then((words) => {
          if (words.length < count) return;
          watcher.close();
          resolve(words);
        });
      look();
    });
  return { program, told, heard };
}

const fails = (error: Error): never => {
  throw error;
};

t.test('systemd hears that the agent is ready, that it lives for as long as it does, and that it stops', async (t) => {
  const { program, heard } = await listener(t);
  const manager = createServiceManager({ NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '300000' }, fails, program);
  manager.ready();
  const words = await heard(3);
  t.strictSame(words.toSorted().slice(0, 1), ['READY=1']);
  t.ok(words.includes('WATCHDOG=1'));
  const sofar = words.length;
  manager.stopping();
  t.ok((await heard(sofar + 1)).includes('STOPPING=1'));
});

t.test('a service without a watchdog is only told of beginning and end', async (t) => {
  const { program, heard } = await listener(t);
  const manager = createServiceManager({ NOTIFY_SOCKET: '/run/notify' }, fails, program);
  manager.ready();
  await heard(1);
  manager.stopping();
  t.strictSame(await heard(2), ['READY=1', 'STOPPING=1']);
});

t.test('whoever was not started by systemd tells nobody', async (t) => {
  const { program, told } = await listener(t);
  const manager = createServiceManager({ WATCHDOG_USEC: '1000' }, fails, program);
  manager.ready();
  manager.stopping();
  t.strictSame(await told(), []);
});

t.test('systemd that cannot be told is a fault that is heard, and no end of the agent', async (t) => {
  const fault = await new Promise<Error>((resolve) =>
    createServiceManager({ NOTIFY_SOCKET: '/run/notify' }, resolve, '/nowhere/notify').ready(),
  );
  t.match(fault.message, 'ENOENT');
});
