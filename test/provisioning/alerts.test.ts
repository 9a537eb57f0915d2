/** Alert rules: what fires, when, what is told of it and how it gets there. Real store, real servers, the clock moved by hand. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import type { AlertGroup, AlertRule, NewAlertRule } from '#contract/alerts.js';
import type { BoxDetail } from '#contract/operator.js';
import type { Refusal } from '#contract/problems.js';
import { holds, type LiveAlert, lengthOf, step, subjectOf } from '../../provisioning/alerts/evaluate.js';
import { postWithin } from '../../provisioning/alerts/post.js';
import { mostAttempts, mostWaiting, pauseAfter } from '../../provisioning/alerts/queue.js';
import { createRecentRefusals } from '../../provisioning/alerts/refusals.js';
import { openWatch } from '../support/alert-watch.js';
import { boxOf } from '../support/console.js';
import { ownFolder } from '../support/folder.js';
import { testProvider } from '../support/provider.js';
import { randomFrom, seed } from '../support/random.js';
import { isSigned, startReceiver } from '../support/receiver.js';

const minute = 60_000;
const hour = 60 * minute;
const disk = { kind: 'disk-filling', severity: 'trouble', since: 0, evidence: 'full in about 9 days' } as const;
const hot = { kind: 'hot', severity: 'attention', since: 0, evidence: '81 °C' } as const;
const everyBox: Omit<NewAlertRule, 'when' | 'name'> = {
  ...{ severity: 'attention', forSeconds: 0, clearSeconds: 300, scope: {}, enabled: true },
};

const ruleOf = (when: AlertRule['when'], change: Partial<AlertRule> = {}): AlertRule => ({
  ...{ ...everyBox, id: 'r', name: 'R', when, changedAt: 0 },
  ...change,
});

t.test('a rule holds for what it says, within its scope, and never for a box that is gone', async (test) => {
  const now = Date.UTC(2026, 10, 1);
  const box = (change: Partial<BoxDetail>) => subjectOf(boxOf('box-1', now, change));
  const evidence = (when: AlertRule['when'], change: Partial<BoxDetail>, more?: Partial<AlertRule>) =>
    holds(ruleOf(when, more), box(change), now, () => undefined)?.evidence;
  const condition = { kind: 'condition' } as const;
  test.match(evidence(condition, { conditions: [hot, disk] }), /^disk-filling: full in about 9 days \(and 1 more\)$/);
  test.equal(evidence(condition, { conditions: [] }), undefined);
  test.equal(evidence({ ...condition, severity: 'trouble' }, { conditions: [hot] }), undefined);
  test.match(evidence({ ...condition, conditions: ['hot'] }, { conditions: [hot, disk] }), /^hot: 81/);
  test.match(evidence({ kind: 'offline' }, { state: 'offline', lastSeen: now - hour }), /^last heard 2026-10-31T23/);
  test.equal(evidence({ kind: 'offline' }, { state: 'enrolled', lastSeen: null }), undefined, 'it has never come');
  test.ok(evidence({ kind: 'cloned' }, { cloned: { since: now, at: now } }));
  const ending = { certificate: { serial: '1', notAfter: now + hour } };
  test.ok(evidence({ kind: 'certificate', withinSeconds: 3600 }, ending));
  test.equal(evidence({ kind: 'certificate', withinSeconds: 3599 }, ending), undefined);
  test.ok(evidence({ kind: 'gaps', samples: 10 }, { gaps: 10 }));
  for (const state of ['revoked', 'left'] as const)
    test.equal(evidence(condition, { state, conditions: [disk] }), undefined, state);
  const where = { place: 'Newcastle', model: 'Pi 4', label: 'Flat 3' };
  for (const [scope, isIn] of [
    [{ place: 'Newcastle', model: 'Pi 4', labelPrefix: 'Flat' }, true],
    [{ place: 'Sydney' }, false],
    [{ model: 'Pi 5' }, false],
    [{ labelPrefix: 'House' }, false],
  ] as const)
    test.equal(
      evidence(condition, { conditions: [disk], ...where }, { scope }) !== undefined,
      isIn,
      JSON.stringify(scope),
    );
  test.equal(lengthOf(5400), '1 hour');
});

t.test('nothing fires before it has held for its time, nor resolves before it has been over for its time', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.boolean()), { maxLength: 60 }),
      fc.integer({ min: 0, max: 600 }),
      fc.integer({ min: 0, max: 600 }),
      (looks, forSeconds, clearSeconds) => {
        let alert: LiveAlert | undefined;
        let now = 1_000_000;
        let heldSince: number | undefined;
        let overSince: number | undefined;
        for (const [seconds, isHeld] of looks) {
          now += seconds * 1000;
          heldSince = isHeld ? (heldSince ?? now) : undefined;
          overSince = isHeld ? undefined : (overSince ?? now);
          const before = alert;
          const rule = { forSeconds, clearSeconds };
          alert = step(rule, isHeld ? { evidence: 'so' } : undefined, before, { label: '', place: '' }, now);
          if (alert?.state === 'firing' && before?.state !== 'firing' && now - heldSince! < forSeconds * 1000)
            return false;
          if (alert?.state === 'resolved' && before?.state !== 'resolved' && now - overSince! < clearSeconds * 1000)
            return false;
          if (isHeld && now - heldSince! >= forSeconds * 1000 && alert?.state !== 'firing') return false;
          if (alert?.state === 'resolved') alert = undefined; // told
        }
        return true;
      },
    ),
  );
});

t.test(
  'a rule holds for a while after what befell a box, by its kind and severity, and for that box alone',
  async (test) => {
    const { settings, alerts, events, set, after, firing } = await openWatch(test);
    const rule = { ...everyBox, clearSeconds: 0, name: 'Cuts', severity: 'attention' } as const;
    const { id } = await settings.createRule({
      ...rule,
      when: { kind: 'event', events: ['boot-unexpected'], severity: 'attention', withinSeconds: 3600 },
    });
    const any = await settings.createRule({ ...rule, when: { kind: 'event', withinSeconds: 60 } });
    set('box-1', { conditions: [] });
    set('box-2', { conditions: [] });
    const happen = (type: string, severity: 'info' | 'attention', box: string) =>
      events
        .compose({ type: 'event', box, text: 'it told', said: { seq: 1, at: 1, type, severity, facts: {} } })
        .tell();
    happen('boot', 'info', 'box-1');
    await after(0);
    test.same([firing(id), firing(any.id)], [0, 1]);
    happen('boot-unexpected', 'attention', 'box-1');
    happen('boot-unexpected', 'info', 'box-2');
    await after(0);
    test.equal(firing(id), 1);
    test.match(alerts.list(id, { limit: 10 }), [
      { box: 'box-1', evidence: 'The machine started after a power cut or a crash' },
    ]);
    await after(3_600_001);
    test.same([firing(id), firing(any.id)], [0, 0], 'and then it is over');
  },
);

t.test('refusals count within their time, and the clock may be set back', async (test) => {
  const counts = new Map<Refusal['code'], number>();
  const recent = createRecentRefusals(counts);
  recent.note(0);
  counts.set('packet-rate', 5);
  recent.note(10 * minute);
  counts.set('packet-rate', 7).set('secret-wrong', 1);
  recent.note(20 * minute);
  test.equal(recent.within(undefined, 1200, 20 * minute), 8);
  test.equal(recent.within(undefined, 600, 20 * minute), 3);
  test.equal(recent.within(['packet-rate'], 600, 20 * minute), 2);
  recent.note(5 * minute);
  test.equal(recent.within(undefined, 60, 5 * minute), 8, 'what is not known to be older counts');
});

t.test(
  'a box in trouble is told once, signed, and again when it is over; a restart in between tells nothing',
  async (test) => {
    const receiver = await startReceiver(test);
    const first = await openWatch(test);
    const { secret } = await first.webhooks.create({ name: 'Pager', url: receiver.url });
    first.set('box-a', { conditions: [disk], label: 'Jo, flat 3', place: 'Newcastle' });
    await first.after(1000);
    test.equal(first.firing('trouble'), 1);
    test.equal(receiver.received.length, 0, 'what fires together is gathered');
    await first.after(31_000);
    const [told] = await receiver.count(1);
    test.ok(told && isSigned(told, secret));
    test.equal(told?.headers['idempotency-key'], told?.delivery.id);
    test.match(told?.delivery, {
      kind: 'alert',
      territory: 'test',
      rule: { id: 'trouble', severity: 'trouble' },
      firing: {
        count: 1,
        boxes: [{ box: 'box-a', label: 'Jo, flat 3', place: 'Newcastle', evidence: /disk-filling/ }],
      },
      resolved: { count: 0 },
      stillFiring: 1,
    });
    test.equal(first.told.filter(({ type }) => type === 'alert').length, 1);
    while (first.webhooks.counts().waiting > 0) await new Promise((resolve) => setImmediate(resolve));
    await first.close();

    const again = await openWatch(test, first);
    again.set('box-a', { conditions: [disk] });
    await again.after(minute);
    await again.after(hour);
    test.equal(again.firing('trouble'), 1);
    test.same(
      again.told.filter(({ type }) => type === 'alert'),
      [],
      'it fires on, not anew',
    );
    test.equal(receiver.received.length, 1);
    again.set('box-a', { conditions: [] });
    await again.after(minute);
    again.set('box-a', { conditions: [disk] });
    await again.after(minute);
    again.set('box-a', { conditions: [] });
    for (let minutes = 0; minutes < 13; minutes += 1) await again.after(minute);
    const [, over] = await receiver.count(2);
    test.match(over?.delivery, {
      firing: { count: 0 },
      resolved: { count: 1, boxes: [{ box: 'box-a' }] },
      stillFiring: 0,
    });
    test.equal(again.firing('trouble'), 0);
    test.equal((await again.store.alerts.keys().all()).length, 0, 'nothing is left of it');
  },
);

t.test('a blackout of 2,000 boxes is one delivery, and their return another', async (test) => {
  const receiver = await startReceiver(test);
  const watch = await openWatch(test);
  await watch.webhooks.create({ name: 'Pager', url: receiver.url });
  const ids = Array.from({ length: 2000 }, (_, n) => `box-${String(n).padStart(4, '0')}`);
  for (const id of ids) watch.set(id, {});
  await watch.after(10 * minute); // the provider itself has long been up
  // The keepalives run out over half a minute.
  for (const [n, id] of ids.entries()) {
    watch.set(id, { state: 'offline', lastSeen: watch.clock.now() });
    if (n % 200 === 199) await watch.after(3000);
  }
  await watch.after(minute);
  test.equal(watch.firing('offline'), 0);
  for (let look = 0; look < 8; look += 1) await watch.after(look === 0 ? 59 * minute - 20_000 : 10_000);
  await watch.after(minute);
  const [dark] = await receiver.count(1);
  test.equal(watch.firing('offline'), 2000);
  test.equal(dark?.delivery.firing.count, 2000);
  test.equal(dark?.delivery.firing.boxes.length, 20);
  test.ok((dark?.text.length ?? 0) < 16_384);
  for (const id of ids) watch.set(id, { state: 'online', lastSeen: watch.clock.now() });
  for (let look = 0; look < 8; look += 1) await watch.after(minute);
  const all = await receiver.count(2);
  test.match(all.at(-1)?.delivery, { resolved: { count: 2000 }, firing: { count: 0 }, stillFiring: 0 });
  test.equal(all.length, 2);
});

t.test(
  'after a restart of the provider boxes have five minutes to come back before they count as offline',
  async (test) => {
    const watch = await openWatch(test);
    await watch.settings.createRule({ ...everyBox, name: 'At once', when: { kind: 'offline' } });
    const { id } = [...watch.settings.rules().values()].find(({ name }) => name === 'At once')!;
    watch.set('box-a', { state: 'offline', lastSeen: watch.clock.now() - hour });
    await watch.after(4 * minute);
    test.equal(watch.firing(id), 0);
    await watch.after(2 * minute);
    test.equal(watch.firing(id), 1);
  },
);

t.test('what is acknowledged or silenced is not told while that lasts', async (test) => {
  const receiver = await startReceiver(test);
  const watch = await openWatch(test);
  const { alerts, settings, after } = watch;
  await watch.webhooks.create({ name: 'Pager', url: receiver.url });
  await test.rejects(alerts.acknowledge({ rule: 'trouble', note: '' }, 'jo'), { code: 'alert-not-firing' });
  await test.rejects(alerts.acknowledge({ rule: 'none', note: '' }, 'jo'), { code: 'alert-rule-unknown' });
  watch.set('box-a', { conditions: [disk], place: 'Newcastle' });
  watch.set('box-b', { conditions: [disk], place: 'Sydney' });
  const silence = await settings.createSilence({ place: 'Sydney', forSeconds: 3600, reason: 'works' }, 'jo');
  await after(0);
  test.equal(await alerts.acknowledge({ rule: 'trouble', box: 'box-a', forSeconds: 600, note: 'on it' }, 'jo'), 1);
  for (let look = 0; look < 5; look += 1) await after(minute);
  test.equal(receiver.received.length, 0);
  const group = alerts.groups()[0]!;
  test.match(group, { rule: { id: 'trouble' }, firing: 2, acknowledged: 1, silenced: 1 });
  test.match(
    group.alerts.find(({ box }) => box === 'box-a'),
    { acknowledged: { by: 'jo', note: 'on it' }, silenced: false },
  );
  for (let look = 0; look < 8; look += 1) await after(minute);
  const [reminded] = await receiver.count(1);
  test.match(reminded?.delivery.firing, { count: 1, boxes: [{ box: 'box-a' }] }, 'its time is over and it still fires');
  await after(hour);
  await after(minute);
  const [, spoken] = await receiver.count(2);
  test.match(spoken?.delivery.firing, { count: 1, boxes: [{ box: 'box-b' }] }, 'the silence is over');
  await test.rejects(settings.endSilence(silence.id), { code: 'silence-unknown' }, 'it has gone by itself');
});

t.test('a rule that is removed or disabled fires no more; one that names no webhook tells none', async (test) => {
  const receiver = await startReceiver(test);
  const watch = await openWatch(test);
  await watch.webhooks.create({ name: 'Pager', url: receiver.url });
  const when: NewAlertRule['when'] = { kind: 'condition', conditions: ['hot'] };
  const rule = await watch.settings.createRule({ ...everyBox, name: 'Hot', when, webhooks: [], clearSeconds: 0 });
  watch.set('box-a', { conditions: [hot] });
  await watch.after(0);
  await watch.after(hour);
  test.equal(watch.firing(rule.id), 1);
  const { id, changedAt: _, ...same } = rule;
  await watch.settings.setRule(id, { ...same, enabled: false });
  await watch.after(minute);
  test.equal(watch.firing(rule.id), 0);
  await watch.settings.setRule(id, same);
  await watch.after(minute);
  test.equal(watch.firing(rule.id), 1);
  await watch.settings.removeRule(id);
  await watch.after(minute);
  test.equal((await watch.store.alerts.keys().all()).length, 0);
  test.equal(receiver.received.length, 0);
  for (const builtIn of ['trouble', 'offline', 'cloned', 'certificate']) await watch.settings.removeRule(builtIn);
  await watch.close();
  const again = await openWatch(test, watch);
  test.equal(again.settings.rules().size, 0, 'what was removed does not come back');
});

t.test('a receiver that fails, hangs, redirects or is away gets the same delivery until it takes it', async (test) => {
  const receiver = await startReceiver(test);
  const watch = await openWatch(test, { post: (posted) => postWithin(250, posted) });
  const { webhooks } = watch;
  await webhooks.create({ name: 'Pager', url: receiver.url });
  const endless = (reply: { writeHead(status: number): unknown; write(text: string): boolean }) => {
    reply.writeHead(500);
    for (let part = 0; part < 64; part += 1) reply.write('x'.repeat(16_384));
  };
  receiver.answers(500, 302, 'drop', 'hang', endless, 404);
  watch.set('box-a', { conditions: [disk] });
  await watch.after(0);
  await watch.after(31_000);
  const whys: string[] = [];
  const failed = async (attempts: number) => {
    await watch.until(() => webhooks.counts().failed >= attempts);
    whys.push(webhooks.list()[0]?.failing?.why ?? '');
  };
  for (let attempts = 1; attempts <= 6; attempts += 1) await failed(attempts);
  await receiver.stop();
  await failed(webhooks.counts().failed + 1); // one may have been on its way
  await failed(webhooks.counts().failed + 1);
  receiver.answers(200);
  await receiver.startAgain();
  await watch.until(() => webhooks.list()[0]?.waiting === 0);
  const all = receiver.received;
  test.same(new Set(all.map(({ delivery }) => delivery.id)).size, 1, 'always the same id');
  test.match(whys.slice(0, 6).join('; '), /500; .* 302; .*(hang up|ECONNRESET); .* within 0.25 .*; .* 500; .* 404$/);
  test.match(whys.at(-1), /ECONNREFUSED/);
  test.equal(webhooks.list()[0]?.failing, null);
  test.equal((await watch.store.alertDeliveries.keys().all()).length, 0);
});

t.test(
  'pauses grow to a quarter of an hour, with jitter; after twenty tries a delivery is given up and told',
  async (test) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: mostAttempts }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (n, random) => {
          const pause = pauseAfter(n, random);
          return pause >= 3750 && pause <= 1_125_000 && pauseAfter(n + 1, random) >= pause;
        },
      ),
    );
    const receiver = await startReceiver(test);
    receiver.answers(503);
    const watch = await openWatch(test);
    await watch.webhooks.create({ name: 'Pager', url: receiver.url });
    watch.set('box-a', { conditions: [disk] });
    await watch.after(0);
    await watch.after(31_000);
    await watch.until(() => watch.webhooks.list()[0]?.waiting === 0);
    test.equal(receiver.received.length, mostAttempts);
    test.equal(watch.webhooks.list()[0]?.givenUp, 1);
    test.match(
      watch.told.find(({ type }) => type === 'alert-undelivered')?.text,
      /a delivery to Pager was given up: it answered 503/,
    );
  },
);

t.test('what waits is bounded: the oldest is given up for the newest, and survives no restart twice', async (test) => {
  const receiver = await startReceiver(test);
  receiver.answers('hang');
  const watch = await openWatch(test);
  const { id } = await watch.webhooks.create({ name: 'Pager', url: receiver.url });
  const nothing = { count: 0, boxes: [] };
  for (let n = 0; n < mostWaiting + 5; n += 1) {
    const { operations, queued } = watch.webhooks.compose([id], {
      ...{ at: n, kind: 'alert', territory: 'test', firing: nothing, resolved: nothing, stillFiring: n },
      rule: { id: 'trouble', name: 'Trouble', severity: 'trouble' },
    });
    await watch.store.commit(operations);
    queued();
  }
  await receiver.count(1);
  test.match(watch.webhooks.list()[0], { waiting: mostWaiting, givenUp: 5 });
  await watch.close();
  receiver.answers(200);
  const again = await openWatch(test, watch);
  const all = await receiver.count(mostWaiting + 1);
  test.same(
    all.slice(1).map(({ delivery }) => delivery.at),
    [0, ...Array.from({ length: mostWaiting - 1 }, (_, n) => n + 6)],
    'in order, but for those that were given up',
  );
  await again.close();
});

t.test('a webhook is tried at once when an operator asks, and says why it failed', async (test) => {
  const receiver = await startReceiver(test);
  const watch = await openWatch(test);
  const { id } = await watch.webhooks.create({ name: 'Pager', url: receiver.url });
  await watch.webhooks.test(id);
  test.match(receiver.received[0]?.delivery, { kind: 'test', territory: 'test' });
  receiver.answers(401);
  const refused = await watch.webhooks.test(id).catch((error: unknown) => error);
  test.match(refused, { code: 'webhook-failed', detail: 'it answered 401' });
  await watch.webhooks.remove(id);
  test.same(watch.webhooks.list(), []);
  await test.rejects(watch.webhooks.remove(id), { code: 'webhook-unknown' });
});

t.test('a provider that runs looks at its rules by itself, and tells what fires as an event', async (test) => {
  const provider = await testProvider(test);
  await provider.start();
  test.teardown(() => provider.stop());
  const when = { kind: 'refusals', codes: ['secret-wrong'], count: 1, withinSeconds: 60 };
  await provider.api('/v1/alert-rules', { method: 'POST', body: { ...everyBox, name: 'Guessing', when } });
  const guess = { authorization: 'Bearer guessed' };
  test.equal((await fetch(`${provider.urls().console}/v1/boxes`, { headers: guess })).status, 401);
  const event = await provider.happened(({ type }) => type === 'alert');
  test.equal(event.text, 'Guessing: fires');
  const [group] = await provider.api<AlertGroup[]>('/v1/alerts');
  test.match(group, {
    rule: { name: 'Guessing' },
    firing: 1,
    alerts: [{ box: null, evidence: /1 refusals? within 1 minute/ }],
  });
});

t.test('through SIGKILL: each box is told, and what is told twice has the same id', async (test) => {
  console.log(`# seed ${seed}`);
  const random = randomFrom(seed);
  const receiver = await startReceiver(test);
  receiver.answers((reply) => void reply.writeHead(random() < 0.3 ? 500 : 200).end());
  const directory = await ownFolder(test);
  const boxes = 30;
  const base = Date.now();
  const child = path.join(import.meta.dirname, '../support/alerts-child.js');
  const start = async () => {
    const process = fork(child, [directory, receiver.url, String(base), String(boxes)], { stdio: 'inherit' });
    await once(process, 'message');
    return process;
  };
  for (let kill = 0; kill < 6; kill += 1) {
    const process = await start();
    await delay(random() * 1200);
    process.kill('SIGKILL');
    await once(process, 'exit');
  }
  const last = await start();
  const isFull = () => {
    const ids = new Map(receiver.received.map(({ delivery }) => [delivery.id, delivery]));
    return [...ids.values()].reduce((sum, { firing }) => sum + firing.count, 0) >= boxes;
  };
  for (let count = 1; !isFull(); count += 1) await receiver.count(Math.max(count, receiver.received.length + 1));
  last.kill('SIGKILL');
  await once(last, 'exit');
  const byId = new Map<string, string>();
  for (const { delivery, text } of receiver.received) {
    test.ok((byId.get(delivery.id) ?? text) === text, 'the same id, the same words');
    byId.set(delivery.id, text);
  }
  test.ok(byId.size > 0, 'somebody was told');
  const told = [...byId.values()].map((text) => JSON.parse(text).firing.count as number);
  test.equal(
    told.reduce((sum, count) => sum + count, 0),
    boxes,
    'each box once, however often it was cut',
  );
});
