/**
 * A box with an app that has plans, and its provider, killed with SIGKILL before or behind one durable step:
 * `node terms-child.js FOLDER CUT`. From the first agreement on to the leaving of the third it counts, is given notice,
 * closes months and tells; what it needs stands in FOLDER/plan.json. Events are counted from 1 and printed with the time;
 * so is what the owner and the app were answered.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { publicJwkOf } from '#common/jws.js';
import type { StatusLists } from '#contract/member.js';
import { periodOf } from '#contract/metering.js';
import type { Plan } from '#contract/plans.js';
import { createMetering } from '../../agent/metering/metering.js';
import { createAgreements } from '../../provisioning/agreements/agreements.js';
import { createUsageRoom } from '../../provisioning/agreements/usage.js';
import { openStore } from '../../provisioning/store/store.js';
import { fileRunner } from './file-runner.js';
import { catalogueOf, type InstallPlan } from './install-child.js';
import { installingBox, nameOf, testSigner } from './installing.js';
import { createManualClock, type ManualClock } from './manual-clock.js';
import { app, day, yesTo } from './terms-box.js';

export interface TermsPlan extends InstallPlan {
  credential: string;
  status: StatusLists;
  /** Of the releases, which are the entries. */
  plans: Plan[];
  /** The box's key (PEM), and its certificate. */
  boxKey: string;
  der: string;
}

export const boxId = 'box-000000000001';
/** All of it is within the 35 days that an entry is kept. */
export const began = Date.UTC(2026, 10, 29);
export const over = Date.UTC(2027, 0, 2);
/** What the app counts under each of its three agreements, and when. */
export const keys = [['a1', 'a2', 'a3'], ['b1', 'b2', 'b3', 'b4'], ['c1']] as const;

/** Of what is durable here, or said to somebody. */
const isStep = (name: string): boolean => /agreements|usage|provider|told|heard/.test(name);

/** @param at called before each commit of the box and around each of the provider */
export async function termsRig(wish: {
  place: string;
  plan: TermsPlan;
  clock: ManualClock;
  at?: (name: string) => void;
}) {
  const { place, plan, clock } = wish;
  const at = (name: string): void => {
    if (isStep(name)) wish.at?.(name);
  };
  const records = await openStore(path.join(place, 'provider'));
  const store: typeof records = {
    ...records,
    async commit(operations) {
      const name = `provider's commit ${nameOf(operations)}`;
      at(`before the ${name}`);
      await records.commit(operations);
      at(`behind the ${name}`);
    },
  };
  const room = { store, clock, territory: 'north' };
  const agreements = createAgreements({
    ...room,
    published(release) {
      const index = plan.entries.findIndex(({ id }) => id === release);
      const entry = plan.entries[index];
      const offered = plan.plans[index];
      return entry && offered && { app, version: entry.version, member: entry.member, plans: [offered] };
    },
  });
  const usage = createUsageRoom(room);
  async function hear<T>(what: string, take: () => Promise<T>): Promise<T> {
    at(`before ${what} are told`);
    const answer = await take();
    at(`before the answer about ${what} is heard`);
    return answer;
  }
  const all = plan.entries;
  const times = new Set<() => void>();
  const onTime = (listener: () => void) => {
    times.add(listener);
    return () => times.delete(listener);
  };
  const shelf = { ...plan, entries: all.slice(0, 1) };
  const box = await installingBox({
    ...{ folder: place, clock, keys: () => plan.keys, catalogue: catalogueOf(shelf), at, onTime },
    runner: fileRunner(place),
    tell: (told) => hear('agreements', () => agreements.take(boxId, told)),
  });
  const key: KeyObject = createPrivateKey(plan.boxKey);
  const { kid } = await publicJwkOf(key);
  const metering = await createMetering({
    ...{ store: box.store, ledger: box.ledger, clock, isTimeKnown: () => true, onTime },
    ...{ under: box.terms.under, isTold: box.terms.isTold, box: () => boxId },
    signing: async () => ({ box: boxId, key, kid, x5c: [plan.der] }),
    tell: (told) => hear('statements', () => usage.take(boxId, told)),
    onRefused(refusal) {
      if (refusal.code === 'internal' || refusal.code === 'usage-invalid') console.error(refusal, refusal.cause);
      box.refused.push(refusal);
    },
  });
  box.terms.onChange(metering.wake);
  metering.start();
  await box.members.judge(plan.credential, plan.status);
  return {
    ...{ box, metering, agreements, usage, records },
    ...(await testSigner(createPrivateKey(plan.ownerKey))),
    /** The catalogue has so many of the releases. */
    publish: (count: number) => void Object.assign(shelf, { entries: all.slice(0, count) }),
    async idle() {
      for (const look of [...times]) look(); // a clock that is moved leaves nobody time for what comes between
      await new Promise((resolve) => setImmediate(resolve));
      await box.idle();
      await box.terms.idle();
      await metering.idle();
      await box.terms.idle();
      await metering.idle();
    },
    async close() {
      await metering.stop();
      await box.close();
      await records.close();
    },
  };
}
export type TermsRig = Awaited<ReturnType<typeof termsRig>>;

if (process.argv[1]?.endsWith('terms-child.js')) {
  const [folder = '', cut = '0'] = process.argv.slice(2);
  const plan = JSON.parse(readFileSync(path.join(folder, 'plan.json'), 'utf8')) as TermsPlan;
  const clock = createManualClock(began);
  let count = 0;
  let isBegun = false;
  const print = (line: string): void => void writeSync(1, `${clock.now()} ${line}\n`);
  const at = (name: string): void => {
    if (!isBegun) return;
    count += 1;
    print(`step ${name}`);
    if (count === Number(cut)) process.kill(process.pid, 'SIGKILL');
  };
  const rig = await termsRig({ place: folder, plan, clock, at });
  const { box, metering, signer } = rig;
  isBegun = true;

  async function agree(number: number): Promise<void> {
    const [entry, offered] = [plan.entries[number], plan.plans[number]];
    if (!entry || !offered) throw new Error('there is no such release');
    const { id } = await box.terms.agree(entry.id, yesTo(offered), signer);
    print(`agreed ${id}`);
    const grants = box.desk.show(app) ? [] : [{ capability: 'storage' as const }];
    await box.changes.ended(await box.desk.decide({ release: entry.id, grants, termsAccepted: true }, signer));
    await rig.idle();
  }
  async function counts(wanted: readonly string[]): Promise<void> {
    await Promise.all(
      wanted.map(async (key) => {
        await metering.count(app, { unit: 'page', quantity: '1' }, key);
        print(`counted ${key}`);
      }),
    );
  }
  async function pass(until: number): Promise<void> {
    const before = periodOf(clock.now());
    await clock.pass(until - clock.now());
    if (periodOf(clock.now()) !== before) print('a new month');
    await rig.idle();
  }
  async function noticed(release: number): Promise<void> {
    rig.publish(release + 1);
    await box.desk.update(app);
    await rig.idle();
    print(`noticed ${box.terms.of(app).now?.notice?.endsAt}`);
  }

  await agree(0);
  await counts(keys[0]);
  await metering.setCap(app, '100', signer);
  print('limited 100');
  await noticed(1);
  await pass(began + day);
  await agree(1);
  await counts(keys[1].slice(0, 2));
  await pass(Date.UTC(2026, 11, 2));
  await counts(keys[1].slice(2));
  await noticed(2);
  await pass(clock.now() + 15 * day);
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (box.terms.of(app).now === null) resolve();
    };
    box.terms.onChange(look);
    look();
  });
  print('ended');
  await agree(2);
  await counts(keys[2]);
  await pass(over);
  await box.terms.leave(app, signer);
  print('left');
  await rig.idle();
  await rig.close();
  process.exit(0);
}
