/** Agreements that are held in memory and led along by the test: what was asked is recorded. */
import type { NewAgreement, OwnerAgreement } from '#contract/agreements.js';
import type { Manifest } from '#contract/manifest.js';
import { agreedPlan, planDigest } from '#contract/plan-digest.js';
import { Refusal } from '#contract/problems.js';
import type { OwnerTerms } from '../../agent/terms/terms.js';

export function createTermsDesk(manifests: () => readonly { release: string; manifest: Manifest }[]) {
  const listeners = new Set<(app: string) => void>();
  const held = new Map<string, OwnerAgreement[]>();
  const asked: { act: string; what: unknown; signed: boolean }[] = [];
  let count = 0;

  const tell = (app: string): void => {
    for (const listener of listeners) listener(app);
  };
  function alter(app: string, change: Partial<OwnerAgreement>): void {
    held.set(
      app,
      (held.get(app) ?? []).map((one) => (one.ended ? one : { ...one, ...change })),
    );
    tell(app);
  }
  const nowOf = (app: string): OwnerAgreement | null => (held.get(app) ?? []).find(({ ended }) => !ended) ?? null;

  const desk: OwnerTerms = {
    of: (app) => ({ now: nowOf(app), past: (held.get(app) ?? []).filter(({ ended }) => ended) }),
    async agree(release, wish: NewAgreement, signer) {
      asked.push({ act: 'agree', what: wish, signed: typeof signer.sign === 'function' });
      const found = manifests().find((one) => one.release === release);
      const plan = found?.manifest.plans?.find(({ id }) => id === wish.plan);
      if (!found || !plan) throw new Refusal('plan-unknown', wish.plan);
      const terms = agreedPlan(plan);
      if (planDigest(terms) !== wish.digest) throw new Refusal('terms-changed');
      const app = found.manifest.id;
      const before = nowOf(app);
      alter(app, { ended: { at: Date.now(), why: 'replaced' } });
      count += 1;
      const agreement: OwnerAgreement = {
        ...{ id: `agreement-${String(count).padStart(20, '0')}`, app, release, version: found.manifest.version },
        ...{ member: 'acme', territory: 'au-nsw-1', plan: terms, digest: wish.digest, language: wish.language },
        ...{ class: { is: wish.class, by: 'stated' }, replaces: before?.id ?? null, at: Date.now() },
        ...{ since: null, ended: null, notice: null, told: false, refused: null },
      };
      held.set(app, [agreement, ...(held.get(app) ?? [])]);
      tell(app);
      return agreement;
    },
    async leave(app, signer) {
      if (!nowOf(app)) throw new Refusal('agreement-unknown', app);
      asked.push({ act: 'leave', what: app, signed: typeof signer.sign === 'function' });
      alter(app, { ended: { at: Date.now(), why: 'left' } });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return { desk, asked, alter };
}
