/** A territory lets another key sign for its members: what a box that was away meanwhile believes, on both real sides. */
import { createPrivateKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { signMemberRequest } from '#common/members/request.js';
import { issueStatusList } from '#common/members/status-list.js';
import { newPrivateKey } from '#common/pki/keys.js';
import type { Standing } from '#contract/member.js';
import { testBox } from '../support/box.js';
import { askCommand, testProvider } from '../support/provider.js';

const why = ['--reason', 'it is time', '--decided-by', 'the board'];
const review = ['--review', 'write to the board'];

t.test('a box that was away follows the territory to its next key, and leaves a stolen one behind', async (t) => {
  const provider = await testProvider(t, { territory: 'north' });
  await provider.start();
  const at = (name: string) => path.join(provider.directory, 'members', name);
  const member = async (...args: string[]): Promise<string> => {
    const done = await askCommand('webizen-provider', ['member', ...args, '--dir', provider.directory]);
    if (done.status !== 0) throw new Error(done.stderr);
    return done.stdout.trim();
  };
  const request = await signMemberRequest({ key: newPrivateKey(), name: 'Wattle', class: 'var', at: Date.now() });
  await writeFile(at('request.jws'), request);
  const vetted = ['--level', '1', '--charter', '1', '--vetted', 'papers', '--by', 'Ana'];
  await member('admit', at('request.jws'), '--id', 'wattle', ...vetted);
  const credential = await member('credential', 'wattle');

  const { est, caSha256 } = provider;
  const { code: claim } = await provider.claim();
  const more = { runtime: { podman: path.join(provider.directory, 'nobody.sock') } };
  const box = await testBox(t, { est, caSha256, claim, more });
  await box.start();
  await box.until(({ link }) => link.online);
  const { members } = box.agent!.rooms().installed!;
  const standing = (): Standing | undefined => members.see(credential)?.member.standing;
  const stands = (wanted: Standing) =>
    new Promise<void>((resolve) => {
      const look = (): void => {
        if (standing() !== wanted || members.see(credential)?.member.checkedAt === null) return;
        end();
        resolve();
      };
      const end = members.onChange(look);
      look();
    });
  await members.refresh();
  await stands('good');
  const before = createPrivateKey(await readFile(at('signing.key')));

  // While it is away the key is rolled, and the first thing that the new one says is an expulsion.
  await provider.stop();
  await box.until(({ link }) => !link.online);
  await member('keys', '--roll', ...why);
  await member('expel', 'wattle', ...why, ...review);
  await provider.start();
  await stands('expelled');
  t.match((await members.judge(credential)).member, { standing: 'expelled' }, 'what the old key signed still verifies');

  // The same key is stolen. Who has it may say anything to a box that is away…
  const stolen = createPrivateKey(await readFile(at('signing.key')));
  const lists = async (key = stolen, sequence = Number.MAX_SAFE_INTEGER) => {
    const wish = { key, territory: 'north', origin: provider.est, indexes: [], sequence };
    const times = { validFrom: Date.now(), validUntil: Date.now() + 86_400_000 };
    return {
      suspension: await issueStatusList({ ...wish, ...times, purpose: 'suspension' }),
      revocation: await issueStatusList({ ...wish, ...times, purpose: 'revocation' }),
    };
  };
  await provider.stop();
  await box.until(({ link }) => !link.online);
  await members.judge(credential, await lists());
  t.equal(standing(), 'good', 'it is believed while nobody has said otherwise');
  const answer = JSON.parse(await member('keys', '--roll', '--compromised', ...why));
  t.equal(answer.length, 1, 'no key from before is believed any more');
  await provider.start();
  // … until it hears from its territory, whatever number the thief has named.
  await stands('expelled');
  for (const key of [stolen, before]) await members.judge(credential, await lists(key)).catch(() => {});
  t.equal(standing(), 'expelled');
  await t.rejects(
    members.judge(credential),
    { code: 'credential-foreign' },
    'what the stolen key signed is worth nothing',
  );
  const renewed = await member('credential', 'wattle');
  t.match((await members.judge(renewed)).member, { standing: 'expelled' });
  await members.judge(renewed, await lists());
  t.ok(box.agent!.status().refusals.some(({ code }) => code === 'status-foreign'));
  t.equal(standing(), 'expelled');
});
