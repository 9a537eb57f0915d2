/**
 * The provider is killed with SIGKILL while members roll releases out and boxes tell what became of them: whatever was
 * acknowledged holds, the counts are those of the results, and one rollout of an app goes on at most.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { callControl } from '#common/control.js';
import { keyToPem, newPrivateKey } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { cataloguePath, type NewRelease } from '#contract/catalogue.js';
import { parseJson } from '#contract/parse.js';
import { type Outcome, type RolloutVerb, RolloutView } from '#contract/rollout.js';
import { positionOf, reachOf } from '../../provisioning/rollouts/plan.js';
import { openStore } from '../../provisioning/store/store.js';
import { controlSocket } from '../../provisioning/territory.js';
import { admitted, anApp, call, codeIn, type MemberClient, send, uploadAll } from '../support/catalogue.js';
import { answered, basicOf, certificateIn, csr, est } from '../support/est.js';
import { testProvider } from '../support/provider.js';
import { kills as asked, randomFrom, seed } from '../support/random.js';
import { failed, outcomeOf } from '../support/rollouts.js';

const kills = Math.max(6, Math.ceil(asked / 3));
console.log(`# seed ${seed} (SEED=${seed} KILLS=${asked} repeats it)`);
t.setTimeout(60_000 + kills * 10_000);

const firstWave = 60;
const releases = `${cataloguePath}/releases`;
const verbs: RolloutVerb[] = ['pause', 'resume', 'next', 'pause', 'resume', 'abort'];

t.test(`killed ${kills} times, rollouts and results are what was acknowledged`, async (t) => {
  const random = randomFrom(seed);
  const provider = await testProvider(t, { provider: {} });
  const ask = (operation: string, parameters: unknown) =>
    callControl(controlSocket(provider.directory), operation, parameters);
  const ca = await readFile(path.join(provider.directory, 'ca/root.crt'), 'utf8');
  const origin = { url: new URL(provider.est), ca };
  const boxes: { id: string; with: { cert: string; key: string } }[] = [];
  let member: MemberClient | undefined;
  let version = 0;

  async function enrol(): Promise<void> {
    const key = newPrivateKey();
    const { code } = await provider.claim();
    const headers = { 'content-type': 'application/pkcs10', authorization: basicOf(`claim:${code}`) };
    const wish = { method: 'POST', place: `${est}/simpleenroll`, headers, body: await csr(key) };
    const { status, body } = await call(origin, wish);
    const certificate = certificateIn({ status, body, headers: '' });
    boxes.push({
      id: certificate.subject.replace('CN=', ''),
      with: { cert: certificateToPem(certificate.raw), key: keyToPem(key) },
    });
  }

  /** What was acknowledged last, and what was sent since and may have come or not. */
  const told = new Map<string, { known?: string; sent: string[] }>();
  const acts = new Map<string, { known?: string; sent: string[] }>();
  const noted = (of: typeof told, key: string) => {
    const one = of.get(key) ?? { sent: [] };
    of.set(key, one);
    return one;
  };
  let current: string | undefined;

  async function publishNext(who: MemberClient): Promise<void> {
    version += 1;
    const made = await anApp(
      t,
      who,
      { version: `1.${version}.0` },
      { text: `${version}`, more: { territory: 'test' } },
    );
    await uploadAll(who, made);
    const rollout = { waves: [firstWave, 100], stopAt: 100, holdHours: 720 };
    noted(acts, made.id).sent.push('running');
    for (const [id, one] of acts) if (id !== made.id) one.sent.push('superseded');
    const reply = await send(who, releases, { release: made.jws, rollout } satisfies NewRelease);
    if (reply.status !== 201) throw new Error(`${reply.status} ${reply.body}`);
    current = made.id;
    acts.set(made.id, { known: 'running', sent: [] });
  }

  const become: Record<RolloutVerb, string[]> = {
    pause: ['paused'],
    resume: ['running'],
    next: ['running', 'complete'],
    abort: ['aborted'],
    complete: ['complete'],
  };

  async function act(who: MemberClient, release: string): Promise<void> {
    const verb = verbs[Math.floor(random() * verbs.length)] ?? 'pause';
    const one = noted(acts, release);
    one.sent.push(...become[verb]);
    const reply = await send(who, `${releases}/${release}/rollout`, { act: verb });
    if (reply.status === 200) {
      one.known = answered(parseJson(RolloutView, reply.body)).state;
      one.sent = [];
    } else if (codeIn(reply) === 'rollout-over') current = undefined;
    else if (codeIn(reply) !== 'rollout-paused') throw new Error(`${reply.status} ${reply.body}`);
  }

  async function tell(release: string): Promise<void> {
    const box = boxes[Math.floor(random() * boxes.length)];
    if (!box) return;
    const outcome: Outcome = outcomeOf(release, random() < 0.4 ? failed : {});
    const one = noted(told, `${release} ${box.id}`);
    one.sent.push(outcome.outcome);
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ outcomes: [outcome], dropped: 0 });
    const wish = { method: 'POST', place: `${cataloguePath}/outcomes`, headers, body, with: box.with };
    const reply = await call(origin, wish);
    if (reply.status === 429) one.sent.pop();
    else if (reply.status !== 204) throw new Error(`${reply.status} ${reply.body}`);
    else told.set(`${release} ${box.id}`, { known: outcome.outcome, sent: [] });
  }

  /** Until the provider is gone. */
  async function work(who: MemberClient): Promise<void> {
    for (;;) {
      if (current === undefined) await publishNext(who);
      else if (random() < 0.25) await act(who, current);
      else await tell(current);
    }
  }

  for (let kill = 1; kill <= kills; kill += 1) {
    const child = await provider.spawn();
    t.teardown(() => child.kill('SIGKILL'));
    const exit = once(child, 'exit');
    while (boxes.length < 6) await enrol();
    member ??= await admitted({ ...origin, ask }, 'example-soft');
    let isKilled = false;
    const killed = delay(200 + random() * 800).then(() => {
      isKilled = true;
      child.kill('SIGKILL');
    });
    await work(member).catch((error: unknown) => {
      if (!isKilled) throw error;
    });
    await killed;
    await exit;

    const store = await openStore(provider.directory);
    const faults: string[] = [];
    const counts = new Map<string, Record<string, number>>();
    const there = new Map<string, string>();
    for await (const [key, { box, outcome }] of store.outcomes.iterator()) {
      const release = key.slice(0, 64);
      there.set(`${release} ${box}`, outcome);
      const its = counts.get(release) ?? {};
      counts.set(release, { ...its, [outcome]: (its[outcome] ?? 0) + 1 });
    }
    for await (const [release, { outcomes }] of store.outcomeCounts.iterator()) {
      const recounted = counts.get(release) ?? {};
      const words = [...Object.keys(outcomes), ...Object.keys(recounted)];
      if (words.some((word) => outcomes[word] !== recounted[word])) faults.push(`the counts of ${release}`);
      counts.delete(release);
    }
    if (counts.size > 0) faults.push('results without counts');
    for (const [key, { known, sent }] of told) {
      const stands = there.get(key);
      // A box outside the wave has no say, and is answered all the same.
      if (stands !== undefined && stands !== known && !sent.includes(stands)) faults.push(`${key}: ${stands}`);
      if (stands === undefined && known !== undefined) {
        const [release = '', box = ''] = key.split(' ');
        if (positionOf(release, box) < reachOf(firstWave, [])) faults.push(`${key}: lost`);
      }
    }
    const open: string[] = [];
    for (const [release, { known, sent }] of acts) {
      const record = await store.rollouts.get(release);
      const text = await store.releaseTexts.get(release);
      if ((record === undefined) !== (text === undefined)) faults.push(`${release}: half published`);
      const stands = record?.state;
      if (stands !== known && !(stands !== undefined && sent.includes(stands)))
        faults.push(`${release} is ${stands}: ${known}, or ${sent}`);
      if (stands === 'running' || stands === 'paused') open.push(release);
    }
    await store.close();
    t.strictSame(faults, [], `kill ${kill}: ${told.size} results, ${acts.size} rollouts`);
    t.ok(open.length <= 1, 'one goes on at most');
    [current] = open;
  }
  t.ok(told.size > 0 && acts.size > 0);
});
