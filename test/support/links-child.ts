/**
 * A box that kills itself with SIGKILL before one effect or commit, on the way from a code that is shown to a link that is
 * ended: `node links-child.js FOLDER CUT`. What it needs stands in FOLDER/plan.json. Events are counted from 1 and printed.
 */
import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { signLinkRequest } from '#common/members/link-request.js';
import { parseLinkCode } from '#contract/link-code.js';
import type { LinksAnswer } from '#contract/links.js';
import type { StatusLists } from '#contract/member.js';
import { architecture } from './archive.js';
import { catalogueOf, type InstallPlan } from './install-child.js';
import { installingBox, testSigner } from './installing.js';

export interface LinksPlan extends InstallPlan {
  version: string;
  member: string;
  /** PEM. */
  memberKey: string;
  credential: string;
  status: StatusLists;
}

export const killedLink = 'link-0000000000000001';

if (process.argv[1]?.endsWith('links-child.js')) {
  const [folder = '', cut = '0'] = process.argv.slice(2);
  const plan = JSON.parse(readFileSync(path.join(folder, 'plan.json'), 'utf8')) as LinksPlan;
  let counting = false;
  let count = 0;
  const at = (name: string): void => {
    if (!counting) return;
    count += 1;
    writeSync(1, `${name}\n`);
    if (count === Number(cut)) process.kill(process.pid, 'SIGKILL');
  };
  let code = '';
  let isOffered = false;
  const { app, release, version, member, credential } = plan;
  const now = systemClock.now();
  const box = await installingBox({
    folder,
    clock: systemClock,
    keys: () => plan.keys,
    catalogue: catalogueOf(plan, at),
    at,
    async say({ sequence, links, code: shown }) {
      const about = { territory: 'north', member, at: now, key: createPrivateKey(plan.memberKey) };
      const request = shown ? await signLinkRequest({ ...about, code: parseLinkCode(code)! }) : '';
      const offer: LinksAnswer['offers'][number] = {
        ...{ link: killedLink, app, version, at: now, until: now + 1e9 },
        releases: [{ release, architecture }],
      };
      return {
        sequence,
        ask: shown ? { id: killedLink, request, credential, at: now } : null,
        ended: [],
        offers: isOffered && links.length > 0 ? [offer] : [],
      };
    },
  });
  const { signer } = await testSigner(createPrivateKey(plan.ownerKey));
  await box.members.judge(credential, plan.status);
  await box.links.idle();
  counting = true;
  await box.links.showCode();
  code = box.links.view().code?.code ?? '';
  await box.links.idle();
  await box.links.confirm(killedLink, signer);
  await box.links.idle();
  isOffered = true;
  const limits = { apps: 5, storageMiB: 1000, memoryMiB: 1000 };
  await box.links.appoint(killedLink, { capabilities: plan.grants, ...limits }, signer);
  await box.until(app, (shown) => shown?.release === release && shown.change === null);
  await box.links.idle();
  await box.links.dismiss(killedLink, signer);
  await box.links.end(killedLink, signer);
  await box.links.idle();
  counting = false;
  await box.close();
  process.exit(0);
}
