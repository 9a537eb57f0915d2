/** An owner elects, moves, takes back and resets, against real providers. */
import { existsSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { AgentStatus } from '#contract/agent-status.js';
import { newClaimCode } from '#contract/claim-code.js';
import type { DirectoryTerritory } from '#contract/directory.js';
import { verifyLedger } from '#contract/ledger-chain.js';
import type { Election } from '#contract/membership.js';
import { type TestBox, testBox } from '../support/box.js';
import { runCommand, type TestProvider, testProvider } from '../support/provider.js';

const passphrase = 'correct horse battery';
const refuses = (code: string) => ({ name: 'Refusal', code });
const own = { ownJurisdiction: 'AU-NSW' };

interface Person {
  elect(election: Partial<Election> & { territory: string }): Promise<string | null>;
  transfer(election: Partial<Election> & { territory: string }): Promise<string>;
  abandon(): Promise<void>;
}

/** Somebody who signs in to the box that runs now. */
async function ownerOf(box: TestBox): Promise<Person> {
  const rooms = box.agent?.rooms();
  if (!rooms) throw new Error('the agent does not run');
  const { owner, membership } = rooms;
  const signer = owner.isSet() ? await owner.unlock(passphrase) : (await owner.set({ passphrase })).signer;
  return {
    elect: (election) => membership.elect({ ...own, ...election }, signer),
    transfer: (election) => membership.transfer({ ...own, ...election }, signer),
    abandon: () => membership.abandon(signer),
  };
}

async function running(t: Test, territory: string, options: { jurisdiction?: string } = {}): Promise<TestProvider> {
  const provider = await testProvider(t, { territory, ...options });
  await provider.start();
  return provider;
}

const at =
  (territory: string) =>
  ({ link, territory: now }: AgentStatus): boolean =>
    link.online && now === territory;

t.test('a box without an owner waits, and enrols with the territory that its owner elects', async (t) => {
  const provider = await running(t, 'home');
  const box = await testBox(t, { territories: [provider.listing] });
  await box.start();
  t.match(await box.until(() => true), {
    state: 'unclaimed',
    membership: { current: { phase: 'none' } },
    owner: false,
  });
  const owner = await ownerOf(box);
  const wrong = newClaimCode();
  await owner.elect({ territory: 'home', claimCode: wrong });
  const refused = await box.until(({ membership }) => membership.current.phase === 'refused');
  t.match(refused.membership, {
    current: { territory: { id: 'home', provider: 'Test Provider Pty Ltd' }, problem: { code: 'claim-unknown' } },
    change: null,
  });
  const claim = await provider.claim();
  await owner.elect({ territory: 'home', claimCode: claim.code });
  const status = await box.until(({ health }) => health.acknowledged > 0);
  t.match(status, {
    state: 'enrolled',
    owner: true,
    membership: { current: { phase: 'enrolled', electedBy: 'owner' } },
  });
  t.equal((await provider.boxes()).length, 1);
  const { ledger } = box.agent!.rooms();
  const exported = await ledger.export();
  t.match(verifyLedger(exported), { ok: true, signed: 3 });
  t.same(
    exported.entries.map(({ type }) => type),
    ['owner.set', 'election', 'election', 'enrolled'],
  );
  const { birth } = await provider.api<{ birth: { ledger: unknown } }>(`/v1/boxes/${status.box}`);
  t.match(birth.ledger, { ledger: ledger.head()?.ledger, length: 4 }, 'the head went out with the birth');
  for (const name of readdirSync(path.join(box.dataDir, 'memberships')))
    if ((await readFile(path.join(box.dataDir, 'memberships', name, 'election.json'), 'utf8')).includes('enrolled'))
      t.notMatch(name, claim.code, 'a spent code is not kept');
  await t.rejects(owner.elect({ territory: 'home' }), refuses('already-member'));
});

t.test('a card that was prepared with territory and claim code enrols by itself, once', async (t) => {
  const provider = await running(t, 'home');
  const { code } = await provider.claim();
  const box = await testBox(t, { territories: [provider.listing] });
  await writeFile(path.join(box.bootDir, 'webizen.json'), JSON.stringify({ territory: 'home', claimCode: code }));
  await box.start();
  const first = await box.until(({ health }) => health.acknowledged > 0);
  t.match(first.membership.current, { electedBy: 'configuration', territory: { id: 'home' } });
  await box.agent!.reset({ kind: 'reset', by: 'command' });
  const after = await box.until(({ refusals }) => refusals.some((one) => one.code === 'claim-used'));
  t.not(after.box, first.box, 'the code on the card is spent');
});

t.test('an agent that cannot renew, because nobody answers, stops all the same', async (t) => {
  const provider = await testProvider(t, { leafLifetime: '10s' });
  await provider.start();
  const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
  await box.start();
  await box.until(({ link }) => link.online);
  await provider.stop();
  await box.until(({ changes }) => changes.some(({ kind, problem }) => kind === 'renew' && problem !== null));
  await box.stop();
  t.equal(box.agent, undefined);
});

t.test('what may not be elected is refused before anything happens', async (t) => {
  const { listing } = await testProvider(t, { territory: 'home' });
  const territories: DirectoryTerritory[] = [
    listing,
    { ...listing, id: 'stopped', standing: 'suspended', reason: 'under review' },
    { ...listing, id: 'over', validUntil: 1 },
    { ...listing, id: 'victoria', jurisdiction: 'AU-VIC' },
    { ...listing, id: 'whole', jurisdiction: 'AU' },
    { ...listing, id: 'abroad', jurisdiction: 'NZ' },
  ];
  const box = await testBox(t, { territories });
  await box.start();
  const owner = await ownerOf(box);
  await t.rejects(owner.elect({ territory: 'nowhere' }), refuses('territory-unknown'));
  await t.rejects(owner.elect({ territory: 'stopped' }), { code: 'territory-suspended', detail: 'under review' });
  await t.rejects(owner.elect({ territory: 'over' }), refuses('territory-suspended'));
  await t.rejects(owner.elect({ territory: 'abroad' }), refuses('foreign-not-accepted'));
  await t.rejects(owner.elect({ territory: 'victoria' }), refuses('foreign-not-accepted'));
  await t.rejects(owner.elect({ territory: 'home', claimCode: 'ABC' }), refuses('claim-malformed'));
  await t.rejects(owner.transfer({ territory: 'home' }), refuses('not-a-member'));
  await t.rejects(owner.abandon(), refuses('not-waiting'));

  // Nobody answers there: it is on its way until the owner takes it back.
  await owner.elect({ territory: 'abroad', foreignAccepted: true });
  await box.until(({ membership }) => membership.current.problem?.code === 'est-unreachable');
  await t.rejects(owner.elect({ territory: 'whole' }), refuses('change-under-way'));
  await owner.abandon();
  t.match(await box.until(() => true), { state: 'unclaimed', membership: { change: null } });
  const entries = (await box.agent!.rooms().ledger.export()).entries.map(({ type, facts }) => [type, facts.foreign]);
  t.same(entries.slice(1), [
    ['election', true],
    ['abandoned', undefined],
  ]);
});

t.test('a transfer keeps the box reachable and its data, and the new provider counts no gap', async (t) => {
  const [first, second] = [await running(t, 'first'), await running(t, 'second')];
  const box = await testBox(t, { territories: [first.listing, second.listing] });
  await box.start();
  const owner = await ownerOf(box);
  await owner.elect({ territory: 'first', claimCode: (await first.claim()).code });
  const before = await box.until(({ health }) => health.acknowledged >= 2);

  // Refused there, it stays here.
  await owner.transfer({ territory: 'second', claimCode: newClaimCode() });
  const refused = await box.until(({ membership }) => membership.next?.phase === 'refused');
  t.match(refused, {
    territory: 'first',
    link: { online: true },
    membership: { next: { problem: { code: 'claim-unknown' } } },
  });
  t.equal((await first.until(({ id }) => id === before.box)).state, 'online');

  // The old provider is away: it can prevent nothing, and what it has not got goes to the new one.
  await first.stop();
  await box.until(({ link, health }) => !link.online && health.waiting >= 2);
  await owner.transfer({ territory: 'second', claimCode: (await second.claim()).code });
  const moved = await box.until(at('second'));
  t.not(moved.box, before.box);
  t.match(moved.membership, { current: { territory: { id: 'second' } }, next: null });
  t.not(moved.health.epoch, before.health.epoch);
  const after = await box.until(({ health }) => health.acknowledged > 2);
  t.equal(after.health.lost, 0);
  t.match(await second.until(({ id, state }) => id === after.box && state === 'online'), { gaps: 0 });
  const farewell = await box.until(({ changes }) => changes.some(({ kind }) => kind === 'farewell'));
  t.match(farewell.changes, [{ kind: 'farewell', state: 'doing' }, { kind: 'transfer', state: 'done' }, {}, {}]);

  // Told when it is back, and then nothing of it is left here.
  await first.start();
  await box.until(({ changes }) => changes.some(({ kind, state }) => kind === 'farewell' && state === 'done'));
  t.equal(
    readdirSync(path.join(box.dataDir, 'memberships')).length,
    2,
    'the refused code may serve again, and the current one',
  );
  await box.stop();
  await box.start();
  await box.until(at('second'));
  t.equal((await second.boxes()).length, 1);
  t.match(verifyLedger(await box.agent!.rooms().ledger.export()), { ok: true });
});

t.test('a transfer that was begun can be taken back, and the box has never left', async (t) => {
  const [first, second] = [await running(t, 'first'), await testProvider(t, { territory: 'second' })];
  const box = await testBox(t, { territories: [first.listing, second.listing] });
  await box.start();
  const owner = await ownerOf(box);
  await owner.elect({ territory: 'first', claimCode: (await first.claim()).code });
  const before = await box.until(({ health }) => health.acknowledged > 0);
  await second.start();
  const claim = await second.claim();
  await second.stop();
  await owner.transfer({ territory: 'second', claimCode: claim.code });
  const under = await box.until(({ membership }) => membership.next?.problem?.code === 'est-unreachable');
  t.match(under, { territory: 'first', link: { online: true }, membership: { next: { phase: 'reaching' } } });
  await owner.abandon();
  t.match(await box.until(() => true), { box: before.box, membership: { next: null, change: null } });
  await second.start();
  await owner.transfer({ territory: 'second', claimCode: claim.code });
  await box.until(at('second'));
  t.equal((await second.boxes()).length, 1, 'the same code served, for one box');
});

t.test('a box that a voucher enrolled reports who it is and nothing else, until its owner confirms', async (t) => {
  const provider = await running(t, 'home');
  const box = await testBox(t, { territories: [provider.listing] });
  await box.start();
  await (await ownerOf(box)).elect({ territory: 'home', claimCode: (await provider.claim()).code });
  const { box: id } = await box.until(({ health }) => health.acknowledged > 0);
  await box.stop();
  // Admission by voucher is the provider's side; here it is only who elected that counts.
  const [folder = ''] = readdirSync(path.join(box.dataDir, 'memberships'));
  const file = path.join(box.dataDir, 'memberships', folder, 'election.json');
  await writeFile(file, (await readFile(file, 'utf8')).replace('"electedBy":"owner"', '"electedBy":"voucher"'));

  await box.start();
  const silent = await box.until(({ link }) => link.online);
  const reported = async () => (await provider.api<{ reported?: { owner?: boolean } }>(`/v1/boxes/${id}`)).reported;
  while ((await reported())?.owner !== false) await provider.happened(({ at }) => Date.now() - at < 1000);
  t.equal(box.agent?.status().health.lastSequence, silent.health.lastSequence, 'no health was measured');
  t.equal(await (await ownerOf(box)).elect({ territory: 'home' }), null, 'confirmed at once');
  const told = await box.until(({ health }) => health.acknowledged > silent.health.lastSequence);
  t.match(told, { box: id, membership: { current: { electedBy: 'owner' } } });
});

async function isAsMade(t: Test, box: TestBox, before: AgentStatus, type: string): Promise<void> {
  const after = await box.until(({ ledger }) => ledger !== null && ledger.ledger !== before.ledger?.ledger);
  t.match(after, { state: 'unclaimed', box: null, owner: false, health: { lastSequence: 0 } });
  t.match((await box.agent!.rooms().ledger.export()).entries, [{ type, by: 'box' }]);
  const made = ['store', 'apps', 'logs', 'factory', 'directory'];
  const emptied = ['message-keys', 'storage-keys'];
  const inside = emptied.flatMap((name) => readdirSync(path.join(box.dataDir, name)));
  t.same(
    [...readdirSync(box.dataDir).filter((name) => ![...made, ...emptied].includes(name)), ...inside],
    [],
    'no key of the owner, no marker is left; what the maker and the alliance gave is',
  );
}

t.test('reset and hand-over leave a box as it was made, by console, command and button', async (t) => {
  const provider = await running(t, 'home');
  const box = await testBox(t, { territories: [provider.listing] });
  const settle = async (): Promise<AgentStatus> => {
    const owner = await ownerOf(box);
    await owner.elect({ territory: 'home', claimCode: (await provider.claim()).code });
    return box.until(({ health }) => health.acknowledged > 0);
  };
  await box.start();
  const first = await settle();
  await box.agent!.reset({ kind: 'hand-over', by: 'console' });
  await isAsMade(t, box, first, 'hand-over');

  const second = await settle();
  t.not(second.box, first.box, 'a new box id');
  await box.stop();
  await writeFile(path.join(box.bootDir, 'webizen-reset'), '');
  await box.start();
  await isAsMade(t, box, second, 'reset');
  t.notOk(existsSync(path.join(box.bootDir, 'webizen-reset')), 'the button asks once');

  const third = await settle();
  const args = ['reset', '--config', box.configFile];
  t.match(runCommand('webizen-agent', args), { status: 2, stderr: /add --yes/ });
  await box.stop();
  t.match(runCommand('webizen-agent', [...args, '--yes']), { status: 0 });
  await box.start();
  await isAsMade(t, box, third, 'reset');
});
