/** SIGKILL at every durable step of enrolment, renewal, transfer and reset. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { cp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import type { AgentStatus } from '#contract/agent-status.js';
import type { DirectoryTerritory } from '#contract/directory.js';
import type { Plan } from '../support/agent-child.js';
import { killed, type TestBox, testBox } from '../support/box.js';
import { type TestProvider, testProvider } from '../support/provider.js';

const agentChild = path.resolve('build/test/support/agent-child.js');

/** Runs the agent that cuts itself before the step; answers the steps it came to. */
async function cutAt(
  box: TestBox,
  step: string,
  far: () => Promise<unknown>,
  { ahead = 0, plan }: { ahead?: number; plan?: string } = {},
): Promise<string[]> {
  const more = plan === undefined ? [] : [plan];
  const child = spawn(process.execPath, [agentChild, box.configFile, step, String(ahead), ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const gone = once(child, 'close');
  await Promise.race([gone, far()]);
  await killed(child);
  await gone;
  return printed.split('\n').filter(Boolean);
}

/** Once uncut, which tells the steps, and then cut before each of them. */
async function cutAtEach(t: Test, wanted: readonly string[], cut: (step: string) => Promise<string[]>): Promise<void> {
  const steps = await cut('-');
  t.comment(`${steps.length} steps: ${steps.join(', ')}`);
  for (const name of wanted) t.ok(steps.includes(`${name} #1`), `"${name}" is a step`);
  for (const step of steps) await cut(step);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await systemClock.sleep(50);
}

t.test('killed at every durable step of enrolment, a box is enrolled once and is never locked out', async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  await cutAtEach(
    t,
    [
      'write election.json',
      'journal enrol',
      'write membership.json',
      'write pending.key',
      'write authorities.crt',
      'journal enrol ask doing',
      'write operational.pem',
      'remove pending.key',
      'journal enrol ask done',
      'write profile.json',
      'journal enrol adopt done',
      'ledger enrolled',
    ],
    async (step) => {
      const claim = await provider.claim();
      const box = await testBox(t, { ...provider, claim: claim.code });
      const used = async () => (await provider.claims()).find(({ id }) => id === claim.id)?.box ?? undefined;
      const online = () =>
        until(async () => {
          const mine = await used();
          return (await provider.boxes()).some(({ id, state }) => id === mine && state === 'online');
        });
      const cut = await cutAt(box, step, online);
      await box.start();
      const status = await box.until(({ health }) => health.acknowledged > 0);
      t.equal(await used(), status.box, `${step}: the claim and the box agree`);
      t.equal((await provider.boxes()).filter(({ id }) => id === status.box).length, 1);
      await box.stop();
      return cut;
    },
  );
  const claims = await provider.claims();
  t.equal((await provider.boxes()).length, claims.length, 'no claim made two boxes');
});

t.test('killed at every durable step of a renewal, a box keeps one identity that its provider accepts', async (t) => {
  const provider = await testProvider(t, { leafLifetime: '1h' });
  await provider.start();
  await cutAtEach(
    t,
    [
      'journal renew',
      'journal renew renew-ask doing',
      'write pending.key',
      'write next.pem',
      'journal renew renew-ask done',
      'write operational.pem',
      'remove pending.key',
      'remove next.pem',
    ],
    async (step) => {
      const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
      await box.start();
      const before = await box.until(({ link }) => link.online);
      await box.stop();
      const renewed = () =>
        until(async () => {
          const seen = (await provider.boxes()).find(({ id }) => id === before.box);
          const proven = seen?.certificate.serial !== before.certificate?.serial;
          return proven && !existsSync(path.join(box.dataDir, 'identity/next.pem')) && seen?.state === 'online';
        });
      // The agent's clock is 55 minutes ahead, so that it renews at once; TLS and the provider keep the true time.
      const cut = await cutAt(box, step, renewed, { ahead: 55 * 60_000 });
      await box.start();
      const after = await box.until(({ link, health }) => link.online && health.waiting === 0);
      t.equal(after.box, before.box, `${step}: it is the same box, and is let in`);
      await box.stop();
      return cut;
    },
  );
});

const passphrase = 'correct horse battery';

async function enrolledByOwner(t: Test, provider: TestProvider, territories: DirectoryTerritory[]): Promise<TestBox> {
  const box = await testBox(t, { territories });
  await box.start();
  const { owner, membership } = box.agent!.rooms();
  const { signer } = await owner.set({ passphrase });
  const claimCode = (await provider.claim()).code;
  await membership.elect({ territory: provider.listing.id, ownJurisdiction: 'AU', claimCode }, signer);
  await box.until(({ health }) => health.acknowledged > 0);
  await box.stop();
  return box;
}

/** Key and certificate, in whatever folder. */
const identities = (box: TestBox): string[] =>
  readdirSync(path.join(box.dataDir, 'memberships')).filter((name) =>
    existsSync(path.join(box.dataDir, 'memberships', name, 'operational.pem')),
  );

/** The new provider sees it, and nothing is left of the old one. */
const moved = (to: TestProvider, claim: string, box: TestBox): Promise<void> =>
  until(async () => {
    const mine = (await to.claims()).find(({ id }) => id === claim)?.box;
    const seen = (await to.boxes()).find(({ id }) => id === mine);
    return seen?.state === 'online' && identities(box).length === 1;
  });

t.test(
  'killed at every durable step of a transfer, a box belongs to one of the two, and to nobody twice',
  async (t) => {
    const pair = [
      await testProvider(t, { territory: 'first' }),
      await testProvider(t, { territory: 'second' }),
    ] as const;
    for (const provider of pair) await provider.start();
    const territories = pair.map(({ listing }) => listing);
    const box = await enrolledByOwner(t, pair[0], territories);
    const plan = path.join(box.folder, 'plan.json');
    const settled = (status: AgentStatus): boolean =>
      status.link.online && status.health.waiting === 0 && status.changes.every(({ endedAt }) => endedAt !== null);
    let from = 'first';
    await cutAtEach(
      t,
      [
        'write election.json',
        'ledger transfer',
        'journal transfer',
        'journal transfer announce done',
        'write pending.key',
        'write operational.pem',
        'journal transfer ask done',
        'journal transfer birth done',
        'journal transfer switch doing',
        'write membership.json',
        'journal transfer switch done',
        'journal farewell',
        'destroy operational.pem',
      ],
      async (step) => {
        const to = from === 'first' ? pair[1] : pair[0];
        const claim = await to.claim();
        const transfer = { territory: to.listing.id, ownJurisdiction: 'AU', claimCode: claim.code };
        await writeFile(plan, JSON.stringify({ passphrase, transfer } satisfies Plan));
        const cut = await cutAt(box, step, () => moved(to, claim.id, box), { plan });
        await box.start();
        const after = await box.until(settled);
        from = after.territory ?? '';
        const used = (await to.claims()).find(({ id }) => id === claim.id)?.box ?? null;
        t.equal(used, from === to.listing.id ? after.box : null, `${step}: claim and box agree`);
        t.equal(identities(box).length, 1, 'one identity is left');
        t.equal(after.health.lost, 0);
        const seen = (await pair.find(({ listing }) => listing.id === from)?.boxes()) ?? [];
        t.match(
          seen.find(({ id }) => id === after.box),
          { gaps: 0 },
        );
        await box.stop();
        return cut;
      },
    );
    for (const provider of pair) {
      const claims = await provider.claims();
      t.equal(
        (await provider.boxes()).length,
        claims.filter(({ state }) => state === 'used').length,
        'one box a claim',
      );
    }
  },
);

t.test('killed at every step of a reset, a box is as it was made', async (t) => {
  const provider = await testProvider(t, { territory: 'first' });
  await provider.start();
  const box = await enrolledByOwner(t, provider, [provider.listing]);
  await provider.stop();
  const plan = path.join(box.folder, 'plan.json');
  await writeFile(plan, JSON.stringify({ passphrase, reset: 'reset' } satisfies Plan));
  const whole = path.join(box.folder, 'whole');
  await cp(box.dataDir, whole, { recursive: true });
  await cutAtEach(
    t,
    ['destroy owner.json', 'destroy operational.pem', 'destroy membership.json', 'write reset.json'],
    async (step) => {
      await rm(box.dataDir, { recursive: true });
      await cp(whole, box.dataDir, { recursive: true });
      const cut = await cutAt(box, step, () => new Promise(() => {}), { plan });
      if (step === 'write reset.json #1') return cut; // nothing had been asked for yet
      await box.start();
      const status = await box.until(({ ledger }) => ledger !== null);
      t.match(status, { state: 'unclaimed', owner: false, ledger: { length: 1 } }, step);
      await box.stop();
      const keys = ['message-keys', 'storage-keys']; // made anew, and empty
      const left = ['directory', 'factory', ...keys, 'store'];
      t.same(readdirSync(box.dataDir).toSorted(), left, 'nothing of the owner is left');
      for (const name of keys) t.same(readdirSync(path.join(box.dataDir, name)), [], `${name} of the owner's apps`);
      return cut;
    },
  );
});
