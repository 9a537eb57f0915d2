/** The command line does what the console does: alerts, events, history, commands to many; for people, as JSON and as CSV. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { csvLine } from '#common/csv.js';
import type { AlertGroup, AlertRule, Silence } from '#contract/alerts.js';
import type { FleetPage } from '#contract/fleet.js';
import type { FleetEvent, StoredSample } from '#contract/operator.js';
import type { FleetCommandResult } from '#contract/operator-commands.js';
import { alert } from '../../provisioning/cli/alert.js';
import type { Command } from '../../provisioning/cli/command.js';
import { fleet } from '../../provisioning/cli/fleet.js';
import { operator } from '../../provisioning/cli/operator.js';
import { boxName, fillFleet } from '../support/filled-fleet.js';
import { runCommand, testProvider } from '../support/provider.js';
import { startReceiver } from '../support/receiver.js';

const commands: Record<string, Command> = { alert, fleet, operator };

/** As it is typed, in this process: what it prints. */
function typing(directory: string) {
  const run = async (line: string, ...more: string[]): Promise<string[]> => {
    const [name = '', ...args] = line.split(' ').filter(Boolean);
    const printed: string[] = [];
    const io = { out: (text: string) => void printed.push(text), stop: new AbortController().signal, assetsDir: '' };
    await commands[name]?.([...args, ...more, '--dir', directory], io);
    return printed;
  };
  const json = async <T>(line: string, ...more: string[]): Promise<T> =>
    JSON.parse((await run(line, ...more, '--json'))[0] ?? 'null');
  return { run, json };
}

t.test('alerts are listed, acknowledged and silenced, with the server and without', async (test) => {
  const provider = await testProvider(test);
  await fillFleet(provider.directory, 300, Date.now());
  const { run, json } = typing(provider.directory);
  const rules = await json<AlertRule[]>('alert rules');
  test.same(
    rules.map(({ id }) => id),
    ['certificate', 'cloned', 'offline', 'trouble'],
    'without the server',
  );
  await provider.start();
  test.teardown(() => provider.stop());
  const trouble = async () => (await json<AlertGroup[]>('alert list')).find(({ rule }) => rule.id === 'trouble');
  let group = await trouble();
  while (!group?.firing) group = await trouble(); // it looks at the boxes when it has started
  const count = group.firing;
  test.match(await run('alert list'), [
    /^RULE +NAME/,
    new RegExp(`^trouble +Trouble on a box +trouble +on +${count} `),
  ]);
  const [head, ...boxes] = await run('alert show trouble --csv');
  test.equal(head, 'BOX,LABEL,PLACE,STATE,SINCE,SEEN TO,EVIDENCE');
  test.equal(boxes.length, count);

  const one = group.alerts[0]?.box ?? '';
  test.match(await run(`alert acknowledge trouble ${one} --by jo --for 8h --note`, 'on my way'), ['one alert is']);
  test.match(await json(`alert acknowledge trouble`), { rule: 'trouble', acknowledged: count });
  test.equal((await trouble())?.acknowledged, count);
  await test.rejects(run('alert acknowledge offline'), { code: 'alert-not-firing' });
  await test.rejects(run('alert acknowledge none'), { code: 'alert-rule-unknown' });
  await test.rejects(run('alert acknowledge trouble --by', 'Jo the Great'), { code: 'arguments-invalid' });

  const made = await json<Silence>('alert silence --rule trouble --for 4h --by jo --reason', 'the mains are renewed');
  test.match(made, { rule: 'trouble', by: 'jo', reason: 'the mains are renewed' });
  test.equal((await trouble())?.silenced, count);
  test.match(await run('alert silences'), [/^ID/, /rule trouble .* jo +the mains are renewed$/]);
  await test.rejects(run('alert silence --for 4h'), { code: 'arguments-invalid' });
  await provider.stop();
  test.match(await run(`alert end-silence ${made.id}`), [/has ended/], 'without the server');
  test.same(await json('alert silences'), []);
  test.match(await trouble(), { firing: count, acknowledged: count, silenced: 0 }, 'what fired last is still told');
});

t.test('rules and webhooks are set up and taken away', async (test) => {
  const provider = await testProvider(test);
  await provider.start();
  test.teardown(() => provider.stop());
  const { run, json } = typing(provider.directory);
  const receiver = await startReceiver(test);
  const hook = await json<{ id: string; secret: string }>(`alert add-webhook Pager --url ${receiver.url}`);
  test.ok(hook.secret.length > 40);
  test.match(await run(`alert test-webhook ${hook.id}`), [/has taken a test/]);
  test.equal(receiver.received[0]?.delivery.kind, 'test');
  receiver.answers(503);
  await test.rejects(run(`alert test-webhook ${hook.id}`), { code: 'webhook-failed' });

  const made = await json<AlertRule>(
    `alert add-rule --when condition --condition hot --condition under-voltage --for 10m --place Levin --webhook ${hook.id} --name`,
    'Hot in Levin',
  );
  test.match(made, {
    ...{ when: { kind: 'condition', conditions: ['hot', 'under-voltage'] }, forSeconds: 600, enabled: true },
    ...{ scope: { place: 'Levin' }, webhooks: [hook.id], severity: 'attention', name: 'Hot in Levin' },
  });
  const { id, changedAt: _, ...before } = made;
  const changed = await json<AlertRule>(`alert set-rule ${id} --off --severity trouble`);
  test.match(changed, { ...before, enabled: false, severity: 'trouble' }, 'what is not said stays');
  test.match((await json<AlertRule>(`alert set-rule ${id} --no-webhook --place`, '')).scope, {});
  test.match(await json(`alert set-rule ${id} --when certificate --within 10d`), {
    when: { kind: 'certificate', withinSeconds: 864_000 },
  });
  await test.rejects(run(`alert set-rule ${id} --when gaps`), { code: 'arguments-invalid' });
  await test.rejects(run(`alert set-rule ${id} --on --off`), { code: 'arguments-invalid' });
  await test.rejects(run(`alert set-rule ${id} --webhook 00ff00ff00`), { code: 'webhook-unknown' });
  await test.rejects(run('alert set-rule none --on'), { code: 'alert-rule-unknown' });
  test.match(await run(`alert remove-rule ${id}`), [/is removed/]);
  test.match(await run(`alert remove-webhook ${hook.id}`), [/is removed/]);
  test.same(await json('alert webhooks'), []);
  await test.rejects(run('alert'), { code: 'arguments-invalid' });
  const did = await provider.api<{ entries: { type: string }[] }>('/v1/audit');
  for (const act of ['alert-rule.create', 'alert-rule.set', 'alert-rule.remove', 'webhook.create', 'webhook.test'])
    test.ok(
      did.entries.some(({ type }) => type === act),
      `${act} is in the audit log`,
    );
  test.notMatch(JSON.stringify(did), hook.secret);
});

t.test('the fleet tells its events and its history, and is asked as a whole', async (test) => {
  const provider = await testProvider(test);
  await fillFleet(provider.directory, 40, Date.now());
  await provider.start();
  test.teardown(() => provider.stop());
  const { run, json } = typing(provider.directory);
  const { total } = await json<FleetPage>('fleet list --search 0000001');
  const asked = await json<FleetCommandResult>(`fleet command refresh --search 0000001 --boxes ${total} --by jo`);
  test.equal(asked.asked + asked.refused.length, total);
  await test.rejects(run('fleet command refresh --boxes 3'), { code: 'fleet-count-differs' });
  const wrong = await json<FleetCommandResult>('fleet command live --boxes 40 --seconds 9000');
  test.equal(wrong.asked, 0, 'what no box can do is asked of none');
  const events = await json<FleetEvent[]>('fleet events --type command --limit 4');
  test.equal(events.length, 4);
  test.match(events.at(-1)?.text, /asks for refresh/);
  const earlier = await json<FleetEvent[]>(`fleet events --type command --limit 100 --before ${events[0]?.id}`);
  test.equal(earlier.length, asked.asked - 4, 'page by page');
  const box = events[0]?.box ?? '';
  test.match(await run(`fleet events --box ${box} --csv`), ['WHEN,TYPE,BOX,WHAT,CODE,REMEDY', /,command,/]);
  const authorization = `Bearer ${await readFile(path.join(provider.directory, 'operator.secret'), 'utf8')}`.trim();
  const get = (query: string) =>
    fetch(`${provider.urls().console}/v1/events?${query}`, { headers: { authorization, accept: 'application/json' } });
  test.match(await (await get(`box=${box}&type=command&limit=1`)).json(), [{ box, type: 'command' }]);
  test.equal((await get('limit=0')).status, 400);

  test.same(await json<StoredSample[]>(`fleet history ${boxName(3)} --last 1d`), []);
  await test.rejects(run('fleet history box-none0000'), { code: 'box-unknown' });
  const lines = await run('fleet list --all --csv');
  test.equal(lines.length, 41, 'a heading and each box, once');
  await test.rejects(run('fleet list --csv --json'), { code: 'arguments-invalid' });
  test.match(await json('operator add jo --role viewer'), { name: 'jo', role: 'viewer', secret: String });
});

t.test('each command says what it does, with examples that it takes', async (test) => {
  for (const name of ['alert', 'fleet', 'operator', 'audit', 'box']) {
    const { stdout, status } = runCommand('webizen-provider', [name, '--help']);
    test.equal(status, 0);
    const [, examples = ''] = stdout.split(/^Examples?:$/m);
    for (const line of examples.split('\n').filter((one) => one.trim().startsWith('webizen-provider')))
      test.match(line, new RegExp(`webizen-provider ${name} .*--dir D`));
    if (name !== 'box') test.match(examples, /webizen-provider/, `${name} has examples`);
  }
});

t.test('what is in a cell is read back, and is no formula to a spreadsheet', async (test) => {
  const read = (line: string): string[] => {
    const cells: string[] = [];
    for (const [, quoted, plain] of `${line},`.matchAll(/(?:"((?:[^"]|"")*)"|([^",]*)),/g))
      cells.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
    return cells;
  };
  const cell = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('=', ';', '\t', '1', '"', ',', '-', '＝') }));
  fc.assert(
    fc.property(fc.array(cell, { minLength: 1 }), (cells) => {
      const back = read(csvLine(cells));
      const plain = (all: string[]) => JSON.stringify(all.map((one) => one.replaceAll("'", '')));
      // Also where a semicolon or a tab parts cells.
      const parts = back.flatMap((one) => one.split(/[;\t]/));
      const isNone = parts.every((one) => !/^[=+\-@＝＋－＠]/.test(one) || /^-?\d+(\.\d+)?$/.test(one));
      return plain(cells) === plain(back) && isNone;
    }),
  );
  test.equal(csvLine(['=1+1', '-3.5', '@x', 'a,b', 'say "hi"']), `'=1+1,-3.5,'@x,"a,b","say ""hi"""`);
});
