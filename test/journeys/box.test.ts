import { totalmem } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { newClaimCode } from '#contract/claim-code.js';
import { call } from '../support/api-box.js';
import { testBox } from '../support/box.js';
import { testProvider } from '../support/provider.js';
import { storedSamples, wholeUpTo } from '../support/stored.js';

const has = (code: string) => (status: { refusals: { code: string; remedy: string }[] }) =>
  status.refusals.some((refusal) => refusal.code === code && refusal.remedy !== '');

t.test("a box enrols by claim code, and the provider sees it online with this machine's memory", async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  const claim = await provider.claim();
  const box = await testBox(t, { ...provider, claim: claim.code });
  await box.start();
  const status = await box.until(({ health }) => health.acknowledged > 0);
  const [seen] = await provider.boxes();
  t.match(seen, { id: status.box, state: 'online', gaps: 0 });
  t.equal(seen?.health?.values['system.memory.limit'], totalmem());
  t.match(await provider.claims(), [{ id: claim.id, state: 'used', box: status.box }]);
  const detail = await provider.api<{ birth: { hardware: { cpus: number } } }>(`/v1/boxes/${status.box}`);
  t.ok(detail.birth.hardware.cpus >= 1, 'the inventory came with the birth');

  await box.stop();
  const offline = await provider.until(({ state }) => state === 'offline');
  t.equal(offline.id, status.box, 'a clean stop is told at once');
  await box.start();
  await box.until(({ link }) => link.online);
  t.equal((await provider.boxes()).length, 1, 'started again it is the same box');
});

t.test('what an app holds is told to the provider, with its reason, over a restart of the agent too', async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  const command = [process.execPath, '-e', 'console.log("up"); setInterval(() => {}, 1e9)'];
  const apps = [{ id: 'holder', command, grants: [], quotaBytes: 1000 }];
  const box = await testBox(t, { ...provider, claim: (await provider.claim()).code, apps });
  await box.start();
  const { box: id } = await box.until(({ link }) => link.online);
  const socket = path.join(box.folder, 'run', 'apps', 'holder', 'api.sock');
  const headers = { 'content-type': 'application/json' };
  const wish = { hold: 'reboot', reason: 'Copies <b>photos</b>', seconds: 3600 };
  const taken = await call(socket, 'POST', '/v1/leases', { headers, body: JSON.stringify(wish) });
  t.equal(taken.status, 201, taken.text);
  t.match((await call(socket, 'GET', '/v1/self/logs')).text, /^up\n/, 'and it reads what it printed');
  type Seen = { reported: { leases?: { app: string; hold: string; reason: string; until: number }[] } | null };
  const until = async (holds: (leases: NonNullable<Seen['reported']>['leases']) => boolean) => {
    for (;;) {
      const { reported } = await provider.api<Seen>(`/v1/boxes/${id}`);
      if (reported && holds(reported.leases)) return reported.leases;
      await systemClock.sleep(20); // the provider is asked, it does not tell
    }
  };
  const [seen] = (await until((leases) => leases?.length === 1)) ?? [];
  t.match(seen, { app: 'holder', hold: 'reboot', reason: wish.reason });
  await box.stop();
  await box.start();
  await box.until(({ link }) => link.online);
  const lease = (await call(socket, 'GET', '/v1/leases')).json as { leases: { id: string; secondsLeft: number }[] };
  t.ok((lease.leases[0]?.secondsLeft ?? 0) > 3500);
  t.equal((await call(socket, 'DELETE', `/v1/leases/${lease.leases[0]?.id}`)).status, 204);
  await until((leases) => leases?.length === 0);
  t.pass('given up, the provider sees it go');
});

t.test('while the broker is away nothing is lost, and afterwards all of it arrives once and in order', async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
  await box.start();
  await box.until(({ health }) => health.acknowledged >= 2);
  await provider.stop();
  const away = await box.until(({ link, health }) => !link.online && health.waiting >= 3);
  t.ok(has('link-unreachable')(await box.until(has('link-unreachable'))), 'why it is offline is told');
  await provider.start();
  await box.until(({ health }) => health.acknowledged > away.health.lastSequence);
  const [seen] = await provider.boxes();
  t.equal(seen?.gaps, 0);
  const told = box.agent?.status();
  t.match(told?.health, { lost: 0, deadLetters: 0 });
  await box.stop();
  await provider.stop();
  const [stored = []] = (await storedSamples(provider.directory)).values();
  t.ok(wholeUpTo(stored) > away.health.lastSequence);
});

t.test('a claim that does not serve is refused with its own code, and a right one mends it', async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  const revoked = await provider.claim();
  await provider.api(`/v1/claims/${revoked.id}`, { method: 'DELETE' });
  const used = await provider.claim();
  const first = await testBox(t, { ...provider, claim: used.code });
  await first.start();
  await first.until(({ state }) => state === 'enrolled');
  const expired = await provider.claim({ lifetimeSeconds: 1 });
  const right = await provider.claim();
  while ((await provider.claims()).find(({ id }) => id === expired.id)?.state !== 'expired')
    await systemClock.sleep(50);

  for (const [code, claim] of [
    ['claim-malformed', 'ABCDE-FGHJK-MNPQR-STVWX'],
    ['claim-unknown', newClaimCode()],
    ['claim-revoked', revoked.code],
    ['claim-used', used.code],
    ['claim-expired', expired.code],
  ] as const) {
    const box = await testBox(t, { ...provider, claim });
    await box.start();
    const status = await box.until(has(code));
    t.match(status, { state: 'enrolling', box: null }, code);
    await box.stop();
  }

  const mended = await testBox(t, { ...provider, claim: newClaimCode() });
  await mended.start();
  await mended.until(has('claim-unknown'));
  await mended.setClaim(right.code);
  await mended.until(({ link }) => link.online);
  t.equal((await provider.boxes()).length, 2, 'what was refused made no box');
});

t.test('a provider whose CA is not the pinned one gets nothing, the claim code least of all', async (t) => {
  const provider = await testProvider(t);
  const other = await testProvider(t);
  await provider.start();
  const claim = await provider.claim();
  const box = await testBox(t, { est: provider.est, caSha256: other.caSha256, claim: claim.code });
  await box.start();
  const status = await box.until(has('ca-mismatch'));
  t.equal(status.state, 'enrolling');
  t.match(await provider.claims(), [{ state: 'open' }]);
});

t.test('a revoked box is cut, refused from then on, and both sides say why', async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
  await box.start();
  const { box: id } = await box.until(({ health }) => health.acknowledged > 0);
  await provider.api(`/v1/boxes/${id}/revoke`, { method: 'POST', body: {} });
  await box.until(({ link }) => !link.online);
  await box.until((status) => has('box-revoked')(status) || has('link-refused')(status));
  const event = await provider.happened(({ code }) => code === 'box-revoked');
  t.match(event, { type: 'refused', box: id });
  t.ok(event.remedy);
  t.match(await provider.boxes(), [{ id, state: 'revoked' }]);
});

t.test('a certificate is renewed before it ends; the new one is used, and the old one refused', async (t) => {
  const provider = await testProvider(t, { leafLifetime: '12s' });
  await provider.start();
  const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
  await box.start();
  const before = await box.until(({ link }) => link.online);
  const after = await box.until(({ certificate }) => certificate?.serial !== before.certificate?.serial);
  t.equal(after.box, before.box, 'it is the same box');
  const seen = await provider.until(({ certificate }) => certificate.serial === after.certificate?.serial);
  t.equal(seen.id, before.box, 'the provider has seen the new certificate in use');
  await provider.stop();
  await provider.start();
  const reached = box.agent?.status().health.lastSequence ?? 0;
  await box.until(({ health }) => health.acknowledged > reached);
  t.equal((await provider.boxes())[0]?.gaps, 0);
});

t.test('a provider that was restored from an older backup is told what the box no longer has', async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
  await box.start();
  const { box: id } = await box.until(({ health }) => health.acknowledged >= 3);
  await box.stop();
  await provider.stop();
  const { openStore } = await import('../../provisioning/store/store.js');
  const store = await openStore(provider.directory);
  await store.lives.clear();
  await store.packs.clear();
  await store.close();
  await provider.start();
  await box.start();
  const reached = box.agent?.status().health.lastSequence ?? 0;
  await box.until(({ health }) => health.acknowledged > reached);
  const seen = (await provider.boxes()).find((one) => one.id === id);
  t.ok((seen?.gaps ?? 0) >= 3, 'what is gone on both sides is counted, and does not block what follows');
});
