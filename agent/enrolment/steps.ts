/** What enrolment, renewal, transfer and farewell are made of. Each step bears being done again after a cut. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseClaimCode } from '#contract/claim-code.js';
import type { LeaveReason } from '#contract/leave.js';
import { Refusal } from '#contract/problems.js';
import type { Profile } from '#contract/profile.js';
import type { StepContext, StepKind } from '../changes/run.js';
import type { Decision, Ledger } from '../consent/ledger.js';
import type { Credentials } from '../link/session.js';
import type { Enrolment } from './enrolment.js';
import { RetryLater } from './est-client.js';
import type { Elected, Places } from './places.js';

export interface Opened {
  elected: Elected;
  enrolment: Enrolment;
}

export interface StepParts {
  places: Places;
  /** Undefined when its folder is gone. */
  opened(id: string): Promise<Opened | undefined>;
  forget(id: string): void;
  /** The election as it stands from now on, on the disk first. */
  amend(id: string, elected: Elected): Promise<void>;
  ledger: Pick<Ledger, 'append' | 'entries'>;
  claimCodeFile: string | undefined;
  factory: {
    idevid(): { keyPem: string; chain: string; serial: string } | undefined;
    voucher(): { territory: string; der: Uint8Array } | undefined;
    spendVoucher(): Promise<void>;
  };
  /** A session with this identity, up to its birth's acknowledgement. */
  proveLink(wish: { profile: Profile; credentials: Credentials; epoch: string }): Promise<void>;
  link: { hold(): Promise<void>; resume(): void };
  beginFarewell(wish: { membership: string; reason: LeaveReason; to?: string }): Promise<void>;
  changed(): void;
  onRefused(refusal: Refusal): void;
}

/** The provider has decided, or the code is spent: only the owner can go on, with another code or another territory. */
const decided = new Set<string>([
  'claim-missing',
  'claim-malformed',
  'claim-unknown',
  'claim-used',
  'claim-expired',
  'claim-revoked',
  'admission-refused',
  'admission-closed',
  'factory-foreign',
  'factory-barred',
  'box-revoked',
  'csr-weak-key',
]);

/** There is nobody left to be told: it does not know the box any more, or knows no farewell. */
const gone = new Set<string>([
  'not-found',
  'method-not-allowed',
  'box-revoked',
  'box-left',
  'certificate-foreign',
  'certificate-superseded',
  'certificate-missing',
]);

export function createSteps(parts: StepParts): Record<string, StepKind> {
  const { places, factory, onRefused } = parts;

  async function member({ data }: StepContext): Promise<Opened> {
    const found = await parts.opened(String(data.membership));
    if (!found) throw new Refusal('internal', `there is no membership ${data.membership}`);
    return found;
  }

  /** Into the ledger, unless a cut came just after it was written. */
  async function write(context: StepContext, decision: Decision): Promise<void> {
    const latest = await parts.ledger.entries({ limit: 8, newestFirst: true });
    if (latest.some(({ type, facts }) => type === decision.type && facts.change === context.id)) return;
    await parts.ledger.append({ ...decision, facts: { ...decision.facts, change: context.id } });
  }

  async function claimCodeOf({ elected }: Opened): Promise<string | undefined> {
    if (elected.electedBy !== 'configuration' || elected.claimCode !== undefined) return elected.claimCode;
    const file = parts.claimCodeFile;
    if (file === undefined) return undefined; // whose box this is, the operator says
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new Refusal('claim-file-missing', file, { cause: error });
    });
    const code = parseClaimCode(text);
    if (code === undefined) throw new Refusal('claim-malformed', file);
    return code;
  }

  async function ask(context: StepContext): Promise<void> {
    const found = await member(context);
    const { elected, enrolment } = found;
    const claimCode = await claimCodeOf(found);
    const identity = factory.idevid();
    const voucher = factory.voucher();
    context.note('asking');
    try {
      await enrolment.ask({
        ...(claimCode === undefined ? {} : { claimCode }),
        ...(identity ? { identity } : {}),
        ...(voucher && voucher.territory === elected.territory?.id ? { voucher: voucher.der } : {}),
      });
    } catch (error) {
      if (error instanceof RetryLater) context.note(error.reason);
      throw error;
    }
  }

  /** Best effort: whether the old provider hears of it is no condition of anything. */
  async function tellOld({ data }: StepContext, phase: 'announced' | 'abandoned'): Promise<string | null> {
    const old = await parts.opened(String(data.from));
    const to = typeof data.territory === 'string' ? { to: data.territory } : {};
    try {
      return (await old?.enrolment.leave({ phase, reason: 'transfer', ...to }))?.objection ?? null;
    } catch (error) {
      if (error instanceof Refusal && !gone.has(error.code)) onRefused(error);
      return null;
    }
  }

  /** Claim code and voucher are spent, and the ledger says where the box belongs. */
  async function arrive(context: StepContext, type: 'enrolled' | 'transferred'): Promise<void> {
    const id = String(context.data.membership);
    const { elected, enrolment } = await member(context);
    const { claimCode, ...rest } = elected;
    if (claimCode !== undefined) await parts.amend(id, rest);
    const voucher = factory.voucher();
    if (voucher && voucher.territory === elected.territory?.id) await factory.spendVoucher();
    const now = enrolment.current();
    const { id: territory = '', name = '' } = enrolment.lastProfile()?.territory ?? elected.territory ?? {};
    await write(context, {
      by: 'box',
      type,
      facts: {
        territory,
        name,
        box: now?.box ?? '',
        serial: now?.leaf.serialNumber ?? '',
        electedBy: elected.electedBy,
      },
    });
    parts.changed();
  }

  async function retire(id: string): Promise<void> {
    const found = await parts.opened(id);
    if (!found) return;
    if (found.enrolment.current()) return parts.beginFarewell({ membership: id, reason: 'transfer' });
    // With a code the provider may hold a certificate for this key whose way here was cut: the key is kept, so that the
    // same code serves again.
    if (found.elected.claimCode === undefined) await places.destroy(id);
    parts.forget(id);
  }

  return {
    elect: {
      async do({ data }) {
        await places.point({ candidate: String(data.membership) });
        parts.changed();
      },
      async undo({ data }) {
        const id = String(data.membership);
        if (places.pointer().candidate === id) await places.point({ candidate: null });
        await retire(id);
        parts.changed();
      },
    },
    announce: {
      async do(context) {
        const objection = await tellOld(context, 'announced');
        if (objection !== null) await write(context, { by: 'provider', type: 'objection', facts: { text: objection } });
      },
      async undo(context) {
        await tellOld(context, 'abandoned');
      },
    },
    reach: {
      async do(context) {
        context.note('reaching');
        await (await member(context)).enrolment.reach();
      },
    },
    key: {
      async do(context) {
        context.data.requestCode = await (await member(context)).enrolment.prepare();
      },
    },
    ask: {
      do: ask,
      isFinal: ({ code }, { data }) =>
        (data.electedBy !== 'configuration' || data.withCode === true) && decided.has(code),
    },
    prove: {
      async do(context) {
        context.note('proving');
        await (await member(context)).enrolment.profile(true);
      },
    },
    birth: {
      async do(context) {
        context.note('proving');
        const { enrolment } = await member(context);
        const now = enrolment.current();
        if (!now) throw new Refusal('internal', 'there is no certificate to prove');
        if (context.data.epoch === undefined) {
          context.data.epoch = randomBytes(8).toString('hex');
          await context.remember();
        }
        const credentials = { identity: now, trust: await enrolment.trust() };
        const profile = await enrolment.profile(false);
        await parts.proveLink({ profile, credentials, epoch: String(context.data.epoch) });
      },
    },
    adopt: {
      noReturn: true,
      async do(context) {
        await places.point({ current: String(context.data.membership), candidate: null });
        await arrive(context, 'enrolled');
      },
    },
    switch: {
      noReturn: true,
      async do(context) {
        const { membership, epoch } = context.data;
        await parts.link.hold();
        try {
          await places.point({ current: String(membership), candidate: null, epoch: String(epoch) });
        } finally {
          parts.link.resume();
        }
        await arrive(context, 'transferred');
      },
    },
    depart: {
      async do({ data }) {
        const to = typeof data.territory === 'string' ? { to: data.territory } : {};
        await parts.beginFarewell({ membership: String(data.from), reason: 'transfer', ...to });
      },
    },
    farewell: {
      async do({ data }) {
        const id = String(data.membership);
        const { current, candidate } = places.pointer();
        if (id === current || id === candidate) return;
        const old = await parts.opened(id);
        if (!old) return;
        const reason = data.reason === 'hand-over' || data.reason === 'reset' ? data.reason : 'transfer';
        const to = typeof data.to === 'string' ? { to: data.to } : {};
        if (old.enrolment.current())
          await old.enrolment.leave({ phase: 'completed', reason, ...to }).catch((error: unknown) => {
            if (!(error instanceof Refusal) || !gone.has(error.code)) throw error;
          });
        await places.destroy(id);
        parts.forget(id);
      },
      /** In a week it could not be told: the certificate runs out by itself. */
      async undo({ data }) {
        const { current, candidate } = places.pointer();
        if (data.membership === current || data.membership === candidate) return;
        await places.destroy(String(data.membership));
        parts.forget(String(data.membership));
      },
    },
    'renew-ask': {
      async do(context) {
        if (places.pointer().current === context.data.membership) await (await member(context)).enrolment.renew();
      },
    },
    'renew-prove': {
      async do(context) {
        if (places.pointer().current !== context.data.membership) return;
        const { enrolment } = await member(context);
        await enrolment.proveNext();
        const now = enrolment.current();
        await write(context, { by: 'box', type: 'renewed', facts: { serial: now?.leaf.serialNumber ?? '' } });
        parts.changed();
      },
    },
  };
}
