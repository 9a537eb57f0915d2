/** A box that its maker gave an identity, from the production line to its owner, on real parts. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import type { AdmissionRequest, BoxDetail } from '#contract/operator.js';
import { type Host, realHost } from '../../agent/host/host.js';
import type { TestBox } from '../support/box.js';
import { type Line, openLine } from '../support/line.js';

/** Waits are as long as the provider says; the test's are shorter. */
const hasty: Host = {
  ...realHost,
  clock: { ...systemClock, sleep: (wait, signal) => systemClock.sleep(Math.min(wait, 500), signal) },
};

const show = ({ provider }: Line, box: string) => provider.api<BoxDetail>(`/v1/boxes/${box}`);

async function elect(box: TestBox, wish: { claimCode?: string } = {}): Promise<string | null> {
  const { owner, membership } = box.agent!.rooms();
  const passphrase = 'correct horse battery';
  const signer = owner.isSet() ? await owner.unlock(passphrase) : (await owner.set({ passphrase })).signer;
  return membership.elect({ territory: 'home', ownJurisdiction: 'AU-NSW', ...wish }, signer);
}

const healthy = (box: TestBox) => box.until(({ health, link }) => link.online && health.acknowledged > 0);
/** It may be tried again. */
const problemTold = (box: TestBox, code: string) =>
  box.until(({ membership }) => membership.current.problem?.code === code);
/** Refused, and taken back whole: what comes next can begin. */
const problem = async (box: TestBox, code: string) =>
  box.until(({ membership: { current } }) => current.phase === 'refused' && current.problem?.code === code);

/** As its owner does it; resolves when it has started again as a new box. */
async function reset(box: TestBox, kind: 'reset' | 'hand-over'): Promise<void> {
  const before = box.agent;
  await before?.reset({ kind, by: 'console' });
  await box.until(() => box.agent !== before);
}

t.test('with a voucher and a network a box enrols by itself, and says nothing until its owner confirms', async (t) => {
  const line = await openLine(t, 'voucher');
  const box = await line.box('WZ-0001', { voucher: true });
  await box.start();
  const waiting = await box.until(({ link }) => link.online);
  t.match(waiting, { owner: false, membership: { current: { phase: 'enrolled', electedBy: 'voucher' } } });
  const id = waiting.box ?? '';
  await line.provider.until(({ state }) => state === 'online');
  while ((await show(line, id)).reported?.owner !== false) await systemClock.sleep(20);
  t.match(await show(line, id), {
    health: null,
    birth: { lastSequence: 0 },
    standing: { admittedBy: 'voucher', factory: { maker: 'acme', serial: 'WZ-0001', barred: false } },
  });
  await box.stop();
  await box.start();
  await box.until(({ link }) => link.online);
  t.equal((await line.provider.boxes()).length, 1, 'switched off and on it is the same box');

  t.equal(await elect(box), null, 'confirmed at once');
  const told = await healthy(box);
  t.match(told, { box: id, owner: true, membership: { current: { electedBy: 'owner' } } });
  t.ok((await show(line, id)).health);

  await reset(box, 'hand-over');
  t.match(box.agent?.status(), { box: null, membership: { current: { phase: 'none' } } });
  await elect(box);
  await problem(box, 'admission-closed');
  t.equal((await line.provider.boxes()).length, 1, 'the next owner did not buy from whom the voucher names');
  await box.stop();
  // Whoever has the card in hand can make the box forget that; the provider does not.
  await rm(path.join(box.dataDir, 'factory/voucher-spent.json'));
  await box.start();
  await problemTold(box, 'voucher-used');
  t.equal((await line.provider.boxes()).length, 1);
});

t.test('a refusal that a stop cut off while it was taken back leaves the voucher its turn', async (t) => {
  const line = await openLine(t, 'voucher');
  const box = await line.box('WZ-0001', { voucher: true });
  const voucher = path.join(box.dataDir, 'factory/voucher.vcj');
  const vouched = await readFile(voucher);
  await rm(voucher);
  /** The election cannot be taken back: its pointer cannot be written. */
  const stuck: Host = {
    ...realHost,
    files: {
      ...realHost.files,
      async write(file, data, mode) {
        if (file.endsWith('membership.json') && JSON.parse(String(data)).candidate === null)
          throw new Error('cannot write');
        return realHost.files.write(file, data, mode);
      },
    },
  };
  await box.start(stuck);
  await elect(box);
  await problemTold(box, 'internal');
  await box.stop();
  await writeFile(voucher, vouched);
  await box.start();
  const { membership } = await box.until(({ link }) => link.online);
  t.match(membership.current, { phase: 'enrolled', electedBy: 'voucher' });
});

t.test('a voucher is ignored after a reset, though nobody has used it', async (t) => {
  const line = await openLine(t, 'voucher');
  await line.provider.stop();
  const box = await line.box('WZ-0001', { voucher: true });
  await box.start();
  await box.until(({ membership }) => membership.current.electedBy === 'voucher');
  await reset(box, 'reset');
  await line.provider.start();
  await elect(box);
  await problem(box, 'admission-closed');
  t.equal((await line.provider.boxes()).length, 0);
});

t.test('one device is one box at a time: reset, stolen, reinstated, and its maker suspended', async (t) => {
  const line = await openLine(t, 'open-for-accredited-makers');
  const box = await line.box('WZ-0001');
  await box.start();
  t.match(box.agent?.status().membership.current, { phase: 'none' }, 'without a voucher it waits for its owner');
  await elect(box);
  const first = await healthy(box);
  t.match(await show(line, first.box ?? ''), { standing: { admittedBy: 'maker', factory: { serial: 'WZ-0001' } } });

  // Nobody is told of this reset: the old box would stay for ever.
  await line.provider.stop();
  await box.stop();
  await box.start(hasty);
  await reset(box, 'reset');
  await line.provider.start();
  await elect(box);
  const second = await healthy(box);
  t.not(second.box, first.box, 'a new box id');
  t.match(await show(line, first.box ?? ''), {
    state: 'revoked',
    standing: { revocation: { reason: 'superseded', to: second.box } },
  });
  t.equal((await line.provider.boxes()).filter(({ state }) => state === 'online').length, 1);

  const revoked = { method: 'POST', body: { reason: 'reported stolen' } };
  await line.provider.api(`/v1/boxes/${second.box}/revoke`, revoked);
  await box.until(({ link, refusals }) => !link.online && refusals.some(({ code }) => code === 'box-revoked'));
  await reset(box, 'reset');
  await elect(box);
  t.match(await problem(box, 'factory-barred'), { box: null, membership: { current: { phase: 'refused' } } });
  t.equal((await line.provider.boxes()).length, 2);
  await line.provider.api(`/v1/boxes/${second.box}/reinstate`, { method: 'POST' });
  await elect(box);
  const third = await healthy(box);
  t.notOk([first.box, second.box].includes(third.box));

  await line.republish((alliance) => alliance.changeMaker('acme', { standing: 'suspended' }));
  await healthy(box);
  t.equal((await show(line, third.box ?? '')).state, 'online', 'what is enrolled stays');
  const late = await line.box('WZ-0002');
  await late.start();
  await elect(late);
  await problem(late, 'factory-foreign');
  t.equal((await line.provider.boxes()).length, 3);
});

t.test('an operator sees maker and serial of the box that asks, and lets it in', async (t) => {
  const line = await openLine(t, 'manual');
  const box = await line.box('WZ-0001');
  await box.start(hasty);
  await elect(box);
  const { membership } = await box.until(({ membership }) => membership.current.phase === 'waiting-admission');
  const requests = await line.provider.api<AdmissionRequest[]>('/v1/requests');
  const code = membership.current.requestCode;
  t.match(requests, [{ code, state: 'waiting', factory: { maker: 'acme', serial: 'WZ-0001' } }]);
  t.equal((await line.provider.boxes()).length, 0);
  await line.provider.api(`/v1/requests/${requests[0]?.id}/approve`, { method: 'POST' });
  const { box: id } = await healthy(box);
  t.match(await show(line, id ?? ''), {
    standing: { admittedBy: 'request', factory: { maker: 'acme', serial: 'WZ-0001' } },
  });
});
