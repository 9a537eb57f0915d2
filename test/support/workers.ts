/** A provider at size: mosquitto, PostgreSQL, workers as processes of the built command, and boxes that never rest. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import type { Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { placesIn } from '../../provisioning/store/pack.js';
import { openPostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import { ownFolder } from './folder.js';
import { enterBoxes } from './identities.js';
import { type Elsewhere, type TestMosquitto, testMosquitto } from './mosquitto.js';
import { type TestPostgres, testPostgres } from './postgres.js';
import { askCommand, command, type TestProvider, testProvider } from './provider.js';
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
  worker(number: number, place?: Partial<WorkerPlace>): Promise<WorkerProcess>;
  /** Shards by the names of their owners, as the database has them. */
  shares(): Promise<Map<string, number>>;
  /** Resolves once these own all the shards, evenly, and nobody else lives. */
  shared(...names: string[]): Promise<void>;
  /** Resolves once every box has something acknowledged that it took after the call. */
  moved(): Promise<void>;
  /** Resolves once no box has a session. */
  silent(): Promise<void>;
  /** The boxes rest until all is acknowledged; resolves with how many samples that is, and what the database lacks. */
  counted(): Promise<{ samples: number; wrong: string[] }>;
}

const tickMilliseconds = 200;

export interface WorkerPlace {
  directory: string;
  broker: string;
  database: string;
  /** What the command is put behind. */
  run?: readonly string[];
}

/** Of the territory in the directory, as the built command. */
export async function startWorker(
  t: Test,
  { directory, broker, database, run = [] }: WorkerPlace,
  number: number,
): Promise<WorkerProcess> {
  const out = path.join(await ownFolder(t), `${number}`);
  const made = await askCommand('webizen-provider', [
    ...['worker', 'add', '--dir', directory, '--number', `${number}`, '--out', out],
  ]);
  if (made.status !== 0) throw new Error(made.stderr);
  const [program = '', ...before] = [...run, process.execPath];
  const child = spawn(
    program,
    [
      ...before,
      ...[command('webizen-provider'), 'serve', '--role', 'ingest', '--dir', out, '--metrics-port', '0'],
      ...['--broker', broker, '--database', database, '--lease', '3s'],
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
}

export interface FleetWish {
  boxes: number;
  /** Where the broker runs. */
  broker?: Elsewhere;
  /** Of the database's `postgresql.conf`. */
  settings?: Record<string, string>;
}

export async function openFleet(t: Test, { boxes: count, broker, settings }: FleetWish): Promise<Fleet> {
  const provider = await testProvider(t);
  const { boxes: identities, admissions } = await enterBoxes(provider.directory, count);
  const [mosquitto, postgres] = await Promise.all([
    testMosquitto(t, provider.directory, 4, broker),
    testPostgres(t, settings),
  ]);
  const database = postgres.create('fleet');
  const store = await openPostgresFleet({ url: database, territory: 'test', clock: systemClock });
  await store.admit(admissions);
  await store.close();

  const boxes = identities.map((identity) => createSpeakingBox(identity, mosquitto.outside.url));
  let resting = false;
  const taking = setInterval(() => {
    if (resting) return;
    for (const box of boxes) box.take(1);
  }, tickMilliseconds);
  t.teardown(async () => {
    clearInterval(taking);
    await Promise.all(boxes.map((box) => box.stop()));
  });

  const pool = new pg.Pool({ connectionString: database, max: 1, connectionTimeoutMillis: 5000 });
  pool.on('error', () => {});
  pool.on('connect', (session) => void session.on('error', () => {}));
  t.teardown(() => pool.end());

  async function shares(): Promise<Map<string, number>> {
    const { rows } = await pool.query<{ name: string; count: string }>(
      'SELECT name, count(*) FROM shards JOIN workers ON owner = workers.id WHERE expires > now() GROUP BY name',
    );
    return new Map(rows.map(({ name, count }) => [name, Number(count)]));
  }

  return {
    ...{ provider, mosquitto, postgres, database, boxes, shares },
    worker: (number, place) =>
      startWorker(t, { directory: provider.directory, broker: mosquitto.outside.url, database, ...place }, number),
    async shared(...names) {
      const least = Math.floor(256 / names.length);
      for (;;) {
        const now = await shares().catch(() => new Map<string, number>());
        if (now.size === names.length && names.every((name) => [least, least + 1].includes(now.get(name) ?? 0))) return;
        await systemClock.sleep(50); // a look, not an event
      }
    },
    async moved() {
      await Promise.all(boxes.map((box) => box.until(box.last() + 1)));
    },
    async silent() {
      await Promise.all(boxes.map((box) => box.lost()));
    },
    async counted() {
      resting = true;
      await Promise.all(boxes.map((box) => box.until(box.last())));
      const { rows } = await pool.query<{ box: string; pack: Buffer }>('SELECT box, pack FROM sample_packs');
      const stored = new Map<string, number[]>();
      for (const { box, pack } of rows)
        for (const { epoch, seq } of placesIn(pack))
          (stored.get(`${box} ${epoch}`) ?? stored.set(`${box} ${epoch}`, []).get(`${box} ${epoch}`)!).push(seq);
      const found = new Map(
        [...stored].map(([key, all]): [string, string] => {
          const [box = '', epoch = ''] = key.split(' ');
          const ends = [Math.min(...all), Math.max(...all)];
          return [box, [epoch, all.length, new Set(all).size, ...ends].join(' ')];
        }),
      );
      const wrong = boxes.flatMap((box) => {
        const whole = [box.epoch, box.last(), box.last(), 1, box.last()].join(' ');
        return found.get(box.id) === whole ? [] : [`${box.id}: ${found.get(box.id)} is not ${whole}`];
      });
      if (stored.size !== boxes.length) wrong.push(`${stored.size} epochs of ${boxes.length} boxes`);
      resting = false;
      return { samples: boxes.reduce((sum, box) => sum + box.last(), 0), wrong };
    },
  };
}
