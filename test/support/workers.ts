/** A provider at size: mosquitto, PostgreSQL, workers as processes of the built command, and boxes that never rest. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { openPostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import { ownFolder } from './folder.js';
import { enterBoxes } from './identities.js';
import { type TestMosquitto, testMosquitto } from './mosquitto.js';
import { type TestPostgres, testPostgres } from './postgres.js';
import { command, runCommand, type TestProvider, testProvider } from './provider.js';
import { createSpeakingBox, type SpeakingBox } from './speaking-box.js';

export interface WorkerProcess {
  name: string;
  child: ChildProcess;
  signal(name: NodeJS.Signals): void;
  /** Resolves with its exit code. */
  ended: Promise<number | null>;
  metrics(): Promise<Map<string, number>>;
}

export interface Fleet {
  provider: TestProvider;
  mosquitto: TestMosquitto;
  postgres: TestPostgres;
  database: string;
  boxes: readonly SpeakingBox[];
  worker(number: number): Promise<WorkerProcess>;
  /** Shards by the names of their owners, as the database has them. */
  shares(): Map<string, number>;
  /** Resolves once these own all the shards, evenly. */
  shared(...names: string[]): Promise<void>;
  /** Resolves once every box has something acknowledged that it took after the call. */
  moved(): Promise<void>;
  /** Every box takes no more; resolves with what the database holds once all is acknowledged. */
  counted(): Promise<{ boxes: number; samples: number; wrong: string[] }>;
}

const tickMilliseconds = 200;

export async function openFleet(t: Test, { boxes: count }: { boxes: number }): Promise<Fleet> {
  const provider = await testProvider(t);
  const { boxes: identities, admissions } = await enterBoxes(provider.directory, count);
  const [mosquitto, postgres] = await Promise.all([testMosquitto(t, provider.directory), testPostgres(t)]);
  const database = postgres.create('fleet');
  const store = await openPostgresFleet({ url: database, territory: 'test', clock: systemClock });
  await store.admit(admissions);
  await store.close();
  const folder = await ownFolder(t);

  const boxes = identities.map((identity) => createSpeakingBox(identity, mosquitto.outside.url));
  const taking = setInterval(() => {
    for (const box of boxes) box.take(1);
  }, tickMilliseconds);
  t.teardown(async () => {
    clearInterval(taking);
    await Promise.all(boxes.map((box) => box.stop()));
  });

  function shares(): Map<string, number> {
    const text = postgres.ask(
      'fleet',
      'SELECT name, count(*) FROM shards JOIN workers ON owner = workers.id GROUP BY name',
    );
    return new Map(
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => [line.split('|')[0] ?? '', Number(line.split('|')[1])]),
    );
  }

  return {
    ...{ provider, mosquitto, postgres, database, boxes, shares },
    async worker(number) {
      const out = path.join(folder, `${number}`);
      const made = runCommand('webizen-provider', [
        ...['worker', 'add', '--dir', provider.directory, '--number', `${number}`, '--out', out],
      ]);
      if (made.status !== 0) throw new Error(made.stderr);
      const child = spawn(
        process.execPath,
        [
          ...[command('webizen-provider'), 'serve', '--role', 'ingest', '--dir', out, '--metrics-port', '0'],
          ...['--broker', mosquitto.outside.url, '--database', database, '--lease', '3s'],
        ],
        { stdio: ['ignore', 'pipe', process.env.WORKER_LOG ? 'inherit' : 'ignore'] },
      );
      const ended = once(child, 'exit').then(([code]) => code as number | null);
      t.teardown(async () => {
        child.kill('SIGCONT');
        child.kill('SIGKILL');
        await ended;
      });
      let page = '';
      for await (const line of createInterface({ input: child.stdout })) {
        if (line.startsWith('metrics ')) page = line.slice('metrics '.length);
        if (line === 'ready') break;
      }
      child.stdout.resume();
      return {
        ...{ name: `ingest-${number}.webizen`, child, ended },
        signal: (name) => void child.kill(name),
        async metrics() {
          const text = await (await fetch(page)).text();
          return new Map(
            text.split('\n').flatMap((line) => {
              const [, name, value] = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? [];
              return name === undefined ? [] : [[name, Number(value)] as const];
            }),
          );
        },
      };
    },
    async shared(...names) {
      const least = Math.floor(256 / names.length);
      for (;;) {
        const now = shares();
        if (now.size === names.length && names.every((name) => [least, least + 1].includes(now.get(name) ?? 0))) return;
        await systemClock.sleep(50); // a look, not an event
      }
    },
    async moved() {
      await Promise.all(boxes.map((box) => box.until(box.last() + 1)));
    },
    async counted() {
      clearInterval(taking);
      await Promise.all(boxes.map((box) => box.until(box.last())));
      const text = postgres.ask(
        'fleet',
        'SELECT box, epoch, count(*), count(DISTINCT seq), min(seq), max(seq) FROM samples GROUP BY box, epoch',
      );
      const rows = new Map(text.split('\n').map((line) => [line.split('|')[0], line]));
      const wrong = boxes.flatMap((box) => {
        const whole = [box.id, box.epoch, box.last(), box.last(), 1, box.last()].join('|');
        return rows.get(box.id) === whole ? [] : [`${rows.get(box.id)} is not ${whole}`];
      });
      return { boxes: rows.size, samples: boxes.reduce((sum, box) => sum + box.last(), 0), wrong };
    },
  };
}
