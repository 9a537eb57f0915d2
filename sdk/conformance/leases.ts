/** Leases: taken, repeated, extended, given up, and what is refused. */
import { randomBytes } from 'node:crypto';
import { Lease, LeaseList, longestLeaseSeconds } from '#contract/leases.js';
import { check, describeFaults } from '#contract/parse.js';
import type { Answer, Sent } from './http.js';
import { holds, Mismatch, same } from './outcome.js';
import { jsonOf } from './specification.js';
import { json, type Promised, type Trial } from './trial.js';

const path = '/v1/leases';
/** Short, should the trial be cut off. */
const wish = { hold: 'reboot', reason: 'A trial of this box', seconds: 60 };

function keyed(key: string, body: unknown): Sent {
  const sent = json(body);
  return { ...sent, headers: { ...sent.headers, 'idempotency-key': key } };
}

function leaseIn(answer: Answer): Lease {
  const read = check(Lease, jsonOf(answer));
  if (!read.ok) throw new Mismatch('a lease', describeFaults(read.faults));
  return read.value;
}

async function isListed(trial: Trial, id: string): Promise<boolean> {
  const read = check(LeaseList, jsonOf(await trial.answered(200, 'listLeases')));
  return read.ok && read.value.leases.some((one) => one.id === id);
}

/** Whatever comes of it, nothing is held afterwards. */
async function whileHeld(trial: Trial, work: (lease: Lease, key: string) => Promise<void>): Promise<void> {
  const key = randomBytes(8).toString('hex');
  const lease = leaseIn(await trial.answered(201, 'postLease', path, keyed(key, wish)));
  try {
    await work(lease, key);
  } finally {
    await trial.ask('deleteLease', `${path}/${lease.id}`);
  }
}

export const leases: Promised[] = [
  {
    id: 'leases.taken',
    says: 'a lease is taken for a reason and a time, is listed until it is given up, and then is unknown',
    async keep(trial) {
      let id = '';
      await whileHeld(trial, async (lease) => {
        id = lease.id;
        same('hold and reason', [lease.hold, lease.reason], [wish.hold, wish.reason]);
        holds(lease.secondsLeft > 0 && lease.secondsLeft <= wish.seconds, '60 seconds at most', lease.secondsLeft);
        holds(await isListed(trial, id), 'the lease in the list', 'no such lease');
      });
      holds(!(await isListed(trial, id)), 'no such lease any more', 'the lease in the list');
      await trial.refused('lease-unknown', 'deleteLease', `${path}/${id}`);
      await trial.refused('lease-unknown', 'putLease', `${path}/${id}`, json({ seconds: 60 }));
    },
  },
  {
    id: 'leases.repeated',
    says: 'the same Idempotency-Key answers with the same lease, and with another request is refused',
    async keep(trial) {
      await whileHeld(trial, async (lease, key) => {
        const again = leaseIn(await trial.answered(200, 'postLease', path, keyed(key, wish)));
        same('id', again.id, lease.id);
        await trial.refused('idempotency-key-reused', 'postLease', path, keyed(key, { ...wish, seconds: 61 }));
        await trial.refused('idempotency-key-invalid', 'postLease', path, keyed('a b', wish));
      });
    },
  },
  {
    id: 'leases.extended',
    says: 'a lease is extended from now on, by no more than one may be asked for',
    async keep(trial) {
      await whileHeld(trial, async ({ id, takenAt }) => {
        const extend = (seconds: number) => [`${path}/${id}`, json({ seconds })] as const;
        const longer = leaseIn(await trial.answered(200, 'putLease', ...extend(120)));
        same('id and takenAt', [longer.id, longer.takenAt], [id, takenAt]);
        holds(longer.secondsLeft > 60 && longer.secondsLeft <= 120, 'more than 60 seconds', longer.secondsLeft);
        await trial.refused('body-invalid', 'putLease', ...extend(longestLeaseSeconds + 1));
      });
    },
  },
  {
    id: 'leases.refusals',
    says: 'a lease without reason or end, or with a line break in its reason, is refused as body-invalid',
    async keep({ refused }) {
      for (const wrong of [{ reason: '' }, { reason: 'a\nb' }, { seconds: 0 }, { hold: 'stop' }, { for: 'ever' }])
        await refused('body-invalid', 'postLease', path, json({ ...wish, ...wrong }));
    },
  },
];
