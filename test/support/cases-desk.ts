/** Members and cases over a store, without a server: with officers and a member whose keys last as long as the folder. */
import type { KeyObject } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { files } from '#common/files.js';
import { publicJwkOf } from '#common/jws.js';
import { signCaseStatement } from '#common/members/case-document.js';
import { signMemberRequest } from '#common/members/request.js';
import { signResolution, textOf } from '#common/members/resolution.js';
import { keyFromPem, keyToPem, newPrivateKey } from '#common/pki/keys.js';
import type { CaseStatement } from '#contract/cases.js';
import { type PanelName, type Resolution, type ResolutionAct, resolutionFormat } from '#contract/resolution.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { openMembers } from '../../provisioning/members/members.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { openStore, type Store } from '../../provisioning/store/store.js';
import { createManualClock } from './manual-clock.js';

const origin = 'https://provider.test:8440';
export const desksTerritory = 'north';
export const begin = Date.UTC(2026, 10, 2);

async function keyIn(folder: string, name: string): Promise<KeyObject> {
  const file = path.join(folder, `${name}.pem`);
  const made = await readFile(file, 'utf8').catch(() => keyToPem(newPrivateKey()));
  await writeFile(file, made);
  return keyFromPem(made);
}

/** @param commit what the store's commit goes through */
export async function openCasesDesk(
  folder: string,
  commit: (store: Store) => Store['commit'] = (store) => store.commit,
) {
  const level = await openStore(folder);
  const store = { ...level, commit: commit(level) };
  const clock = createManualClock(begin);
  const events = createEventLog({ store, fleet: createLevelFleet({ store, clock }), clock });
  const appIds = { pass: () => Promise.reject(new Error('nothing passes')) };
  const members = await openMembers({
    ...{ store, files, clock, directory: folder, territory: desksTerritory, listedAt: () => origin, events, appIds },
  });
  const keys = {
    chair: await keyIn(folder, 'chair'),
    clerk: await keyIn(folder, 'clerk'),
    judge: await keyIn(folder, 'judge'),
  };

  async function panelOf(quorum: number, officers: (keyof typeof keys)[]): Promise<string> {
    const named = officers.map(async (name) => {
      const { x, y } = await publicJwkOf(keys[name]);
      return { name: `the ${name}`, x, y };
    });
    return JSON.stringify({ quorum, officers: await Promise.all(named) });
  }

  return {
    ...{ store, clock, members, cases: members.cases, keys },
    setTime: (to: number): void => clock.advance(to - clock.now()),
    memberKey: (id: string) => keyIn(folder, id),
    async admit(id: string) {
      const key = await keyIn(folder, id);
      const request = await signMemberRequest({ key, name: id, class: 'var', at: clock.now() });
      const vetting = { what: 'papers', by: 'the register office' };
      await members.admit({ request, id, level: 1, charterVersion: '1.0', vetting });
    },
    async setPanels() {
      await members.setPanel('review', await panelOf(1, ['judge']));
      await members.setPanel('standing', await panelOf(2, ['chair', 'clerk']));
    },
    /** @param id makes it another one */
    async resolve(
      id: string,
      {
        act,
        facts,
        panel = 'standing',
        at = clock.now(),
      }: Pick<Resolution, 'facts'> & {
        act: ResolutionAct;
        panel?: PanelName;
        at?: number;
      },
    ) {
      const resolution: Resolution = {
        ...{ format: resolutionFormat, territory: desksTerritory, id: id.padStart(32, '0'), panel, act, at },
        facts: { reason: 'a complaint that was upheld', decidedBy: `the ${panel} panel`, ...facts },
      };
      const by = panel === 'standing' ? [keys.chair, keys.clerk] : [keys.judge];
      const signatures = await Promise.all(by.map((key) => signResolution(resolution, key)));
      return members.resolve({ resolution: textOf(resolution), signatures });
    },
    async statement(member: string, wish: Partial<CaseStatement> & { case: string }, key?: KeyObject) {
      const usual = {
        territory: desksTerritory,
        member,
        kind: 'answer' as const,
        at: clock.now(),
        text: 'We did not.',
      };
      return signCaseStatement({
        key: key ?? (await keyIn(folder, member)),
        statement: { ...usual, ...wish },
      });
    },
    async close() {
      await events.stop();
      await store.close();
    },
  };
}
export type CasesDesk = Awaited<ReturnType<typeof openCasesDesk>>;
