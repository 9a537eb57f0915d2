/** What a provider asks of its boxes: kept until it is answered, sent in order, and never twice under another number. */

import { spawn } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { type CommandResult, largestCommand } from '#contract/commands.js';
import type { FleetEvent } from '#contract/operator.js';
import { mostOpen } from '../../provisioning/commands/desk.js';
import { box, boxRecord, commandDesk, type TestCommandDesk } from '../support/command-desk.js';
import { ownFolder } from '../support/folder.js';

const hour = 3_600_000;

async function bench(t: Test, wish: Partial<Parameters<typeof commandDesk>[0]> = {}): Promise<TestCommandDesk> {
  const made = await commandDesk({ directory: await ownFolder(t), ...wish });
  t.teardown(() => made.close());
  made.link.start();
  return made;
}

const done = (command: string, more: Partial<CommandResult> = {}): CommandResult => ({
  ...{ command, outcome: 'done', text: 'it is done', at: 1, ...more },
});
const stateOf = async ({ desk }: TestCommandDesk, id: string) => (await desk.find(box, id)).state;

t.test('commands go one at a time, in order, until each is answered', async (t) => {
  const made = await bench(t);
  const [first, second] = [
    await made.desk.send(box, { kind: 'refresh', by: 'Ana' }),
    await made.desk.send(box, { kind: 'rotate-key', by: 'Ben' }),
  ];
  t.ok(second.sequence > first.sequence);
  t.same(made.published, [], 'the box is away');
  made.born();
  await made.until(() => made.published.length === 1);
  t.match(made.commands(), [{ id: first.id, territory: 'north', box, by: 'Ana', kind: 'refresh' }]);
  t.ok(Buffer.byteLength(made.published[0]!.payload) < largestCommand);
  t.equal(await stateOf(made, first.id), 'sent');
  made.born();
  await made.until(() => made.published.length === 2);
  t.equal(made.commands()[1]!.id, first.id, 'a new session has it again');
  await made.say(done(first.id));
  await made.until(() => made.published.length === 3);
  t.equal(made.commands()[2]!.id, second.id);
  await made.say(done(second.id, { outcome: 'waits-for-owner' }));
  t.equal(await stateOf(made, second.id), 'waits-for-owner');
  const third = await made.desk.send(box, { kind: 'refresh', by: 'Ana' });
  await made.until(() => made.published.length === 4);
  t.equal(made.commands()[3]!.id, third.id, 'what waits for the owner has been taken: the next may come');
  await made.say(done(second.id, { outcome: 'refused', code: 'command-declined' }));
  t.match(await made.desk.list(box), {
    commands: [
      { id: third.id, state: 'sent' },
      { id: second.id, state: 'refused', answer: { code: 'command-declined' } },
      { id: first.id, state: 'done' },
    ],
  });
});

t.test('an answer counts once, and only of who was asked', async (t) => {
  const made = await bench(t);
  const other = 'box-000000000002';
  await made.store.commit([{ type: 'put', sublevel: made.store.boxes, key: other, value: boxRecord }]);
  const asked = await made.desk.send(box, { kind: 'refresh', by: 'Ana' });
  await made.say(done(asked.id), other);
  t.equal(await stateOf(made, asked.id), 'pending', 'not by a neighbour');
  await made.say(done(asked.id));
  await made.say(done(asked.id, { outcome: 'failed', text: 'no, it is not' }));
  t.match(await made.desk.find(box, asked.id), { state: 'done', answer: { text: 'it is done' } });
  t.same(made.desk.open(), []);
  const told = async (code: string) => (await made.events.recent(100)).filter((event) => event.code === code).length;
  t.equal(await told('command-unknown'), 1);
  for (const bytes of ['', '{', '[]', '{"command":1}', JSON.stringify(done('1'.repeat(16)))])
    t.ok(await made.raw('result', Buffer.from(bytes)), 'taken, told and dropped');
  t.equal(await told('message-malformed'), 1, 'told once, however often');
});

t.test('whatever a box says of commands, nothing is thrown', async (t) => {
  const made = await bench(t);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('result', 'live'), fc.uint8Array({ maxLength: 400 }), async (kind, bytes) =>
      made.raw(kind, Buffer.from(bytes)),
    ),
    { numRuns: 200 },
  );
  t.pass();
});

t.test('what runs out, is too much, or is meant for nobody', async (t) => {
  const made = await bench(t);
  for (let count = 0; count < mostOpen; count += 1) await made.desk.send(box, { kind: 'refresh', by: 'Ana' });
  await t.rejects(made.desk.send(box, { kind: 'refresh', by: 'Ana' }), { code: 'commands-full' });
  await t.rejects(made.desk.send('box-none00000000', { kind: 'refresh', by: 'Ana' }), { code: 'box-unknown' });
  await t.rejects(made.desk.send(box, { kind: 'live', parameters: { seconds: 0 }, by: 'A' }), {
    code: 'command-parameters',
  });
  made.clock.advance(25 * hour);
  t.equal(await made.desk.expire(), mostOpen);
  t.same(made.desk.open(), []);
  const { commands } = await made.desk.list(box);
  t.ok(commands.every(({ state }) => state === 'expired'));
  const late = commands[0]!;
  await made.say(done(late.id));
  t.equal(await stateOf(made, late.id), 'done', 'it had been done in time, and the answer came late');
  for (let count = 0; count < 120; count += 1) {
    const { id } = await made.desk.send(box, { kind: 'refresh', by: 'Ana' });
    await made.say(done(id));
  }
  t.equal((await made.desk.list(box)).commands.length, 100);

  const last = await made.desk.send(box, {
    kind: 'set-intervals',
    parameters: { sampleSeconds: 60, batchSeconds: 600 },
    by: 'A',
  });
  await made.link.ended(box);
  t.equal(await stateOf(made, last.id), 'expired');
  t.match(
    made.published.at(-1),
    { topic: /down\/desired$/, payload: '', retain: true },
    'and nothing is retained for it',
  );
  await made.store.commit([
    { type: 'put', sublevel: made.store.boxes, key: box, value: { ...boxRecord, revokedAt: 1 } },
  ]);
  await t.rejects(made.desk.send(box, { kind: 'refresh', by: 'Ana' }), { code: 'box-revoked' });
});

t.test('of intervals the newest counts, and is said again at each start', async (t) => {
  const directory = await ownFolder(t);
  const made = await bench(t, { directory });
  const intervals = { sampleSeconds: 60, batchSeconds: 600 };
  const first = await made.desk.send(box, {
    kind: 'set-intervals',
    parameters: { ...intervals, batchSeconds: 900 },
    by: 'A',
  });
  const second = await made.desk.send(box, { kind: 'set-intervals', parameters: intervals, by: 'A' });
  t.equal(await stateOf(made, first.id), 'expired');
  made.born();
  await made.until(() => made.published.length > 0);
  t.match(made.published[0], { topic: /down\/desired$/, retain: true });
  await made.say(done(second.id));
  const { clock } = made;
  await made.close();
  const again = await bench(t, { directory, clock });
  await again.until(() => again.published.length > 0);
  t.match(again.published[0], { topic: /down\/desired$/, retain: true });
  t.match(await again.desk.list(box), { intervals });
});

t.test('sequences stay above those that a restored backup has forgotten', async (t) => {
  const made = await bench(t);
  made.clock.advance(1000);
  const { sequence } = await made.desk.send(box, { kind: 'refresh', by: 'Ana' });
  const restored = await bench(t);
  restored.clock.advance(2000);
  t.ok((await restored.desk.send(box, { kind: 'refresh', by: 'Ana' })).sequence > sequence);
  restored.clock.advance(-hour);
  const [before, after] = [
    await restored.desk.send(box, { kind: 'refresh', by: 'Ana' }),
    await restored.desk.send(box, { kind: 'refresh', by: 'Ana' }),
  ];
  t.ok(after.sequence > before.sequence && before.sequence > sequence, 'also with a clock that was set back');
});

t.test('what waits goes out under the key of the day', async (t) => {
  const made = await bench(t);
  const [first] = made.keys.listed();
  const asked = await made.desk.send(box, { kind: 'refresh', by: 'Ana' });
  made.born();
  await made.until(() => made.published.length === 1);
  t.equal(made.published[0]!.kid, first!.kid);
  const second = await made.keys.roll({ compromised: false });
  t.same(
    made.keys.listed().map(({ kid }) => kid),
    [second.kid, first!.kid],
  );
  made.born();
  await made.until(() => made.published.length === 2);
  t.match(made.published[1], { kid: second.kid, command: made.published[0]!.command }, 'the same command');
  t.equal(made.commands()[1]!.id, asked.id);
  const third = await made.keys.roll({ compromised: true });
  t.same(made.keys.listed(), [third]);
  made.clock.advance(8 * 24 * hour);
  t.equal(made.keys.signer().kid, third.kid);
  t.ok(createPublicKey(made.keys.signer().key).asymmetricKeyDetails);
});

t.test('live samples are shown to whoever looks on: asked for, and no faster than they may come', async (t) => {
  const made = await bench(t);
  const shown: FleetEvent[] = [];
  made.events.subscribe((event) => event.type === 'live' && shown.push(event));
  const sample = (command: string) =>
    Buffer.from(JSON.stringify({ command, epoch: 'e'.repeat(16), at: 1, values: { 'system.uptime': 5 } }));
  await made.raw('live', sample('1'.repeat(16)));
  t.same(shown, [], 'nobody asked');
  const { id } = await made.desk.send(box, { kind: 'live', parameters: { seconds: 10 }, by: 'Ana' });
  made.born();
  await made.until(() => made.published.length === 1);
  await made.raw('live', sample(id));
  t.match(shown, [{ box, values: { 'system.uptime': 5 } }]);
  for (let flood = 0; flood < 1000; flood += 1) await made.raw('live', sample(id));
  t.ok(shown.length <= 6, 'a flood is dropped');
  made.clock.advance(2 * 60_000);
  await made.raw('live', sample(id));
  t.ok(shown.length <= 6, 'and so is what comes after its end');
  t.notOk(
    (await made.events.recent(1000)).some(({ type }) => type === 'live'),
    'nothing of it is stored',
  );
});

t.test('a provider that is killed before each of its writes loses no command and numbers none twice', async (t) => {
  const run = async (directory: string, cut: number): Promise<string[]> => {
    const child = spawn(process.execPath, ['build/test/support/command-desk-child.js', directory, String(cut)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return (await text(child.stdout)).split('\n').filter(Boolean);
  };
  const whole = await run(await ownFolder(t), 0);
  t.equal(whole.at(-1), 'done');
  const steps = whole.filter((line) => line.startsWith('step')).length;
  t.ok(steps >= 6, `${steps} steps`);
  for (let cut = 1; cut <= steps; cut += 1) {
    const directory = await ownFolder(t);
    const lines = [...(await run(directory, cut)), ...(await run(directory, 0))];
    t.equal(lines.at(-1), 'done', `killed at ${cut}: it goes on to the end`);
    // Of each command that was sent: its id, its sequence.
    const sent = lines.filter((line) => line.startsWith('sent')).map((line) => line.split(' ').slice(1));
    const byId = new Map<string, Set<string>>();
    for (const [id = '', sequence = ''] of sent) byId.set(id, (byId.get(id) ?? new Set()).add(sequence));
    t.ok(
      [...byId.values()].every((sequences) => sequences.size === 1),
      `killed at ${cut}: one sequence each`,
    );
    t.equal(new Set(sent.map(([, sequence]) => sequence)).size, byId.size, `killed at ${cut}: and no two the same`);
    const asked = lines.filter((line) => line.startsWith('asked')).map((line) => line.split(' ')[1]);
    t.ok(
      asked.every((id) => lines.includes(`answered ${id} done`)),
      `killed at ${cut}: all that was taken is answered`,
    );
  }
});
