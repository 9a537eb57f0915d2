/** A VAR's way to a release in the catalogue of a real territory: admitted, published, resumed after cuts, withdrawn. */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { patchBytes } from '#contract/catalogue.js';
import { runCommand, type TestProvider, testProvider } from '../support/provider.js';
import { type Laptop, laptop, packedBase } from '../support/var.js';

const base = await packedBase(t);
const { layers } = JSON.parse(await readFile(path.join(base, 'base.json'), 'utf8')) as {
  layers: { layer: { size: number } }[];
};
const baseBytes = layers[0]?.layer.size ?? 0;

function done(t: Test, finished: { status: number | null; stdout: string; stderr: string }): string {
  t.equal(finished.status, 0, finished.stderr);
  return finished.stdout;
}

/** A provider that serves, a member that it has admitted, and an app of theirs, signed. */
async function admitted(
  t: Test,
): Promise<{ own: Laptop; provider: TestProvider; operator(...args: string[]): string }> {
  const [own, provider] = [await laptop(t), await testProvider(t)];
  const serving = await provider.spawn();
  t.teardown(async () => {
    const gone = once(serving, 'exit');
    if (serving.kill('SIGTERM')) await gone;
  });
  const operator = (...args: string[]) =>
    done(t, runCommand('webizen-provider', [...args, '--dir', provider.directory]));
  const who = ['--id', 'acme-apps', '--level', '2', '--charter', '1', '--vetted', 'papers', '--by', 'Ann Operator'];
  done(t, own.webizen('member', 'request', '--name', 'Acme Apps', '--class', 'var', '--out', own.member));
  operator('member', 'admit', path.join(own.member, 'request.jws'), ...who);
  operator('member', 'credential', 'acme-apps', '--out', own.at('credential.jwt'));
  const root = path.join(provider.directory, 'ca/root.crt');
  done(t, own.webizen('member', 'accept', 'credential.jwt', '--catalogue', provider.est, '--ca', root));
  done(t, own.webizen('app', 'init', 'visits', '--id', 'example.visits'));
  release(t, own, '1.0.0');
  return { own, provider, operator };
}

/** The app as this version, built and signed. Answers the release's id. */
function release(t: Test, own: Laptop, version: string): string {
  done(t, own.webizen('app', 'build', 'visits', '--base', base));
  return /release ([0-9a-f]{64})/.exec(done(t, own.webizen('app', 'sign', 'visits')))?.[1] ?? version;
}

async function setVersion(own: Laptop, version: string): Promise<void> {
  const file = own.at('visits', 'webizen.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...manifest, version }));
}

/** Passes everything on to the territory, and cuts once, when so many bytes have passed. */
async function cuttingLine(t: Test, to: URL, afterBytes: number): Promise<{ origin: string; cuts(): number }> {
  const open = new Set<Socket>();
  let [cuts, passed] = [0, 0];
  const server = createServer((near) => {
    const far = connect(Number(to.port), to.hostname);
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {}).once('close', () => open.delete(socket));
    }
    const cut = (): void => {
      near.destroy();
      far.destroy();
    };
    near.on('data', (bytes: Buffer) => {
      passed += bytes.length;
      if (cuts > 0 || passed <= afterBytes) return;
      cuts += 1;
      cut();
    });
    near.pipe(far);
    far.pipe(near);
    near.once('close', cut);
    far.once('close', cut);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, cuts: () => cuts };
}

t.test('a release is published through a killed command and a cut line, and nothing is sent twice', async (t) => {
  const { own, provider } = await admitted(t);
  t.match(own.webizen('app', 'status', 'visits'), { status: 1, stderr: /app-unpublished/ });

  const killed = own.start('app', 'publish', 'visits');
  if (!killed.process.stderr) throw new Error('it says nothing');
  for await (const line of createInterface({ input: killed.process.stderr })) {
    const [, there, whole] = /^sha256:[0-9a-f]{64} (\d+) of (\d+) bytes$/.exec(line) ?? [];
    if (Number(whole) === baseBytes && Number(there) >= patchBytes) break;
  }
  killed.process.kill('SIGKILL');
  await killed.ended;

  const line = await cuttingLine(t, new URL(provider.est), patchBytes * 1.5);
  const resumed = await own.start('app', 'publish', 'visits', '--catalogue', line.origin).ended;
  t.match(done(t, resumed), /example\.visits 1\.0\.0 is published/);
  t.equal(line.cuts(), 1);
  const sent = Number(/(\d+) bytes sent/.exec(resumed.stdout)?.[1]);
  t.ok(sent > 0 && sent < baseBytes - patchBytes / 2, `${sent} of ${baseBytes} bytes: it went on where it was`);
  t.match(done(t, own.webizen('app', 'publish', 'visits')), /\n0 bytes sent/, 'once more is no harm');
  t.match(done(t, own.webizen('app', 'status', 'visits')), /example\.visits, of acme-apps\n.*\n1\.0\.0 +published/);
});

t.test('a member rotates its key, publishes for one box, withdraws, and is told why it is refused', async (t) => {
  const { own, operator } = await admitted(t);
  const first = /release ([0-9a-f]{64})/.exec(done(t, own.webizen('app', 'publish', 'visits')))?.[1] ?? '';

  done(t, own.webizen('member', 'rotate'));
  operator('member', 'key', 'acme-apps', '--rotation', path.join(own.member, 'next-rotation.jws'));
  done(t, own.webizen('member', 'accept'));
  t.match(JSON.parse(done(t, own.webizen('member', 'show', '--json'))), { nextKey: null, keysBefore: 1 });
  await setVersion(own, '1.1.0');
  const second = release(t, own, '1.1.0');
  t.match(done(t, own.webizen('app', 'publish', 'visits', '--box', 'wb-0001-abcd')), /for the named boxes alone/);

  t.match(own.webizen('app', 'withdraw', '1.0.0', '--reason', 'x'), { status: 2, stderr: /64 hex digits/ });
  done(t, own.webizen('app', 'withdraw', first, '--reason', 'counts wrongly'));
  const { releases } = JSON.parse(done(t, own.webizen('app', 'status', 'example.visits', '--json'))) as {
    releases: object[];
  };
  t.match(releases, [
    { id: second, version: '1.1.0', state: 'published', private: true },
    { id: first, version: '1.0.0', state: 'withdrawn', reason: 'counts wrongly', private: false },
  ]);

  operator('member', 'suspend', 'acme-apps', '--reason', 'unanswered complaints', '--decided-by', 'Ann Operator');
  await setVersion(own, '1.2.0');
  release(t, own, '1.2.0');
  t.match(own.webizen('app', 'publish', 'visits'), { status: 1, stderr: /^webizen: member-suspended/m });
  t.match(own.webizen('app', 'publish', 'visits', '--catalogue', 'https://127.0.0.1:9'), {
    status: 1,
    stderr: /catalogue-unreachable/,
  });
});

t.test(
  'a release is rolled out in waves by command, and what is wrong with the waves is said before anything is sent',
  async (t) => {
    const { own } = await admitted(t);
    const wrong = (...args: string[]) => own.webizen('app', 'publish', 'visits', ...args);
    t.match(wrong('--rollout', '50,20,100'), { status: 1, stderr: /rollout-plan-wrong/ });
    t.match(wrong('--rollout', '50'), { status: 1, stderr: /rollout-plan-wrong/ });
    for (const args of [
      ['--rollout', 'a'],
      ['--rollout', '5,100', '--stop-at', '0'],
      ['--hold-hours', '2'],
    ])
      t.match(wrong(...args), { status: 2, stderr: /arguments-invalid/ }, args.join(' '));
    const published = done(t, wrong('--rollout', '5, 25%,100', '--stop-at', '20%', '--hold-hours', '48'));
    t.match(published, /rollout: running, wave 1 of 3, 5 %/);
    const id = /release ([0-9a-f]{64})/.exec(published)?.[1] ?? '';
    const rollout = (verb: string, ...args: string[]) => own.webizen('app', 'rollout', verb, id, ...args);
    t.match(done(t, own.webizen('app', 'status', 'visits')), /1\.0\.0, rollout: running, wave 1 of 3, 5 %/);
    t.match(done(t, rollout('pause', '--reason', 'over the weekend')), /^paused, wave 1 of 3, 5 %: over the weekend$/m);
    t.match(rollout('next'), { status: 1, stderr: /rollout-paused/ });
    t.match(done(t, rollout('resume')), /^running/);
    t.match(done(t, rollout('next')), /^running, wave 2 of 3, 25 %$/m);
    t.match(JSON.parse(done(t, rollout('show', '--json'))), {
      ...{ release: id, version: '1.0.0', counts: { outcomes: {}, codes: {} }, boxes: [] },
      rollout: { state: 'running', plan: { waves: [5, 25, 100], stopAt: 20, holdHours: 48 }, wave: 2 },
    });
    t.match(done(t, rollout('abort')), /^aborted/);
    t.match(
      done(t, rollout('show')),
      /example\.visits 1\.0\.0: aborted, wave 2 of 3.*\n.*\ntold by boxes: nothing yet/,
    );
    t.match(rollout('complete'), { status: 1, stderr: /rollout-over/ });
    t.match(own.webizen('app', 'rollout', 'show', '1.0.0'), { status: 2, stderr: /64 hex digits/ });
    t.match(own.webizen('app', 'rollout', 'dance', id), { status: 2, stderr: /followed by show, pause/ });
    await setVersion(own, '1.1.0');
    release(t, own, '1.1.0');
    done(t, wrong());
    const late = wrong('--rollout', '5,100');
    t.match(late, { status: 1, stderr: /rollout-late/ });
  },
);
