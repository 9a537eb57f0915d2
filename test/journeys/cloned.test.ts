/** A card that was copied: two machines with the same keys and the same store, against a real provider. */
import { cp } from 'node:fs/promises';
import t from 'tap';
import type { BoxDetail, StoredSample } from '#contract/operator.js';
import { type Host, realHost } from '../../agent/host/host.js';
import { testBox } from '../support/box.js';
import { runCommand, testProvider } from '../support/provider.js';

const machine = (name: string | undefined): Host => ({ ...realHost, machine: async () => name && `board:${name}` });

t.test('a copied card is noticed, and both report until an operator has seen to it', async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  const place = { est: provider.est, caSha256: provider.caSha256 };
  const box = await testBox(t, { ...place, claim: (await provider.claim()).code });
  await box.start(machine('one'));
  const before = await box.until(({ health }) => health.acknowledged > 0);
  const id = before.box ?? '';
  const show = () => provider.api<BoxDetail>(`/v1/boxes/${id}`);
  await box.stop();
  const copy = await testBox(t, place);
  await cp(box.dataDir, copy.dataDir, { recursive: true });

  await box.start(machine('one'));
  const own = await box.until(({ health, link }) => link.online && health.acknowledged > before.health.acknowledged);
  t.equal(own.health.epoch, before.health.epoch, 'on its own machine it goes on as it was');
  await box.stop();
  t.equal((await show()).cloned, null);

  // The card alone in another machine: moved, or restored. That is no clone.
  await copy.start(machine('two'));
  const moved = await copy.until(({ health }) => health.acknowledged > 0);
  t.equal(moved.box, id);
  t.not(moved.health.epoch, before.health.epoch);
  t.equal((await show()).cloned, null);
  const { entries } = await copy.agent!.rooms().ledger.export();
  t.ok(entries.some(({ type }) => type === 'other-machine'));

  const told = provider.happened(({ type }) => type === 'cloned-box');
  await box.start(machine('one'));
  t.match(await told, { box: id, code: 'cloned-box', remedy: /revoke the box/ });
  const both = await provider.until(({ cloned }) => cloned !== null);
  t.match(both, { id, cloned: { since: Number } });
  // They put each other out in turns, and what both say is stored.
  const from = { box: box.agent?.status().health.acknowledged ?? 0, copy: moved.health.acknowledged };
  await box.until(({ health }) => health.acknowledged > from.box);
  await copy.until(({ health }) => health.acknowledged > from.copy);
  const samples = await provider.api<StoredSample[]>(`/v1/boxes/${id}/health?limit=1000`);
  const acknowledged = [box, copy].map((one) => one.agent?.status().health.acknowledged ?? 0);
  t.ok(samples.length >= acknowledged[0]! + acknowledged[1]! - 2, `${samples.length} of ${acknowledged}`);

  await copy.stop();
  await box.until(({ link }) => link.online);
  await provider.stop();
  const command = (...args: string[]) => runCommand('webizen-provider', [...args, '--dir', provider.directory]);
  t.match(command('box', 'show', id).stdout, /cloned-box +since .* ask the owner/);
  t.match(command('box', 'settle', id), { status: 0 });
  t.notMatch(command('box', 'show', id).stdout, 'cloned-box');
  t.match(command('box', 'settle', id), { status: 1, stderr: /box-not-cloned/ });
  await provider.start();
  await box.until(({ link }) => link.online);
  t.equal((await show()).cloned, null);
});
