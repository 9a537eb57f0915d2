/** What Prometheus reads: the real answer, and the rules over it, both held by Debian's promtool. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { conditionTable } from '#contract/conditions-table.js';
import type { FleetGlance } from '#contract/fleet.js';
import { fleetGauges } from '../../provisioning/console/fleet-metrics.js';
import { boxOf, secret, startConsole } from '../support/console.js';
import { ownFolder } from '../support/folder.js';
import { testProvider } from '../support/provider.js';

const rules = path.resolve('docs/alerts/webizen.rules.yml');

async function promtool(args: string[], input = ''): Promise<{ code: number | null; said: string }> {
  const child = spawn('promtool', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (part: Buffer) => {
      said += part;
    });
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

const namesIn = (text: string): Set<string> =>
  new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name));

t.test('what a provider answers is well-formed, and has every metric that the rules use', async (test) => {
  const provider = await testProvider(test);
  await provider.start();
  test.teardown(() => provider.stop());
  const authorization = `Bearer ${(await readFile(path.join(provider.directory, 'operator.secret'), 'utf8')).trim()}`;
  await fetch(`${provider.urls().console}/v1/claims/none`, { method: 'DELETE', headers: { authorization } });
  const text = await (await fetch(`${provider.urls().console}/metrics`, { headers: { authorization } })).text();
  const checked = await promtool(['check', 'metrics'], text);
  test.equal(checked.code, 0, checked.said);
  const names = namesIn(text);
  const used = new Set((await readFile(rules, 'utf8')).match(/\b(?:webizen|process|nodejs)_[a-z_]+/g));
  test.ok(used.size > 8);
  // With the provider's own broker there is none that could be out of reach, and with its own records no standby.
  const none = ['webizen_broker_reachable', 'webizen_standbys'];
  for (const name of used) test.ok(names.has(name) || none.includes(name), name);
  test.match(text, /^webizen_audit_entries 2$/m);
});

t.test('however boxes call their versions and conditions, the series are few', async (test) => {
  const many = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));
  const tally = { values: [], others: { values: 0, boxes: 0 } };
  const glance: FleetGlance = {
    ...{ at: 0, states: { enrolled: 1, online: 2, offline: 3, revoked: 4, left: 5 }, gaps: 7 },
    care: { trouble: 1, attention: 2, good: 3, none: 4 },
    conditions: [
      { kind: 'disk-filling', severity: 'trouble', boxes: 3, fresh: 0 },
      ...many(99, (n) => ({ kind: `made-up-${n}`, severity: 'trouble' as const, boxes: 1, fresh: 0 })),
    ],
    agents: {
      values: many(20, (n) => ({ value: n % 2 ? `0.${n}.0` : `evil"\n${n}`, boxes: 20 - n })),
      others: { values: 900, boxes: 1000 },
    },
    ...{ models: tally, places: tally, changes: { since: 0, types: [] } },
  };
  const gauges = fleetGauges(glance);
  const series = (name: string) => gauges.find((gauge) => gauge.name === name)?.series ?? [];
  test.same(series('webizen_boxes_with_condition'), [
    [{ kind: 'disk-filling', severity: 'trouble' }, 3],
    [{ kind: 'other', severity: 'trouble' }, 99],
  ]);
  const versions = series('webizen_boxes_agent');
  test.equal(versions.length, 11);
  test.equal(
    versions.reduce((sum, [, boxes]) => sum + boxes, 0),
    1210,
    'each box is counted once',
  );
  test.ok('disk-filling' in conditionTable);
});

t.test('asking often does not read every claim each time', async (test) => {
  const { url, fleet, claims } = await startConsole(test);
  fleet.boxes.set('box-a', boxOf('box-a', Date.now()));
  let reads = 0;
  const list = claims.list;
  claims.list = async () => {
    reads += 1;
    return list();
  };
  const headers = { authorization: `Bearer ${secret}` };
  for (let ask = 0; ask < 5; ask += 1) await (await fetch(`${url}/metrics`, { headers })).text();
  test.equal(reads, 1);
});

t.test('the alerting rules are well-formed, and fire when they should', async (test) => {
  const checked = await promtool(['check', 'rules', rules]);
  test.equal(checked.code, 0, checked.said);
  const folder = await ownFolder(test);
  const file = path.join(folder, 'test.yml');
  const up = `{series: 'up{job="webizen", instance="p"}', values: '1x600'}`;
  const fires = (alert: string, at: string, labels: string, annotations: string) =>
    `{alertname: ${alert}, eval_time: ${at}, exp_alerts: [{exp_labels: {${labels}}, exp_annotations: {${annotations}}}]}`;
  const quiet = (alert: string, at: string) => `{alertname: ${alert}, eval_time: ${at}, exp_alerts: []}`;
  await writeFile(
    file,
    `rule_files: [${JSON.stringify(rules)}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - ${up}
      - {series: 'webizen_boxes{job="webizen", instance="p", state="online"}', values: '100x30 60x600'}
      - {series: 'webizen_boxes{job="webizen", instance="p", state="offline"}', values: '0x30 40x600'}
      - {series: 'webizen_boxes_connected{job="webizen", instance="p"}', values: '60x600'}
      - {series: 'webizen_ingest_messages_total{job="webizen", instance="p"}', values: '0+10x60 600x600'}
    alert_rule_test:
      - ${quiet('WebizenManyBoxesOffline', '40m')}
      - ${fires('WebizenManyBoxesOffline', '50m', 'severity: trouble, job: webizen', 'summary: "40% of the boxes are offline.", remedy: "If they share a place it is without power or network; if not, look at the broker and its certificate."')}
      - ${quiet('WebizenIngestStopped', '60m')}
      - ${fires('WebizenIngestStopped', '120m', 'severity: trouble, job: webizen, instance: p', 'summary: "Boxes are connected, and nothing of what they say is taken.", remedy: "Look for events of the type store; the disk may be full. Boxes keep what they have."')}
      - ${quiet('WebizenProviderDown', '120m')}
  - interval: 1m
    input_series: [{series: 'other', values: '1x60'}]
    alert_rule_test:
      - ${fires('WebizenProviderDown', '10m', 'severity: trouble, job: webizen', 'summary: "The provider does not answer.", remedy: "Boxes keep what they measure. Look at its log, and at whether it runs and the disk has room."')}
`,
  );
  const tested = await promtool(['test', 'rules', file]);
  test.equal(tested.code, 0, tested.said);
});
