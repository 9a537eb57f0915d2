/** What the owner agreed to for one app, drawn from the ledger (contract/consent-receipt.ts). */
import { type ConsentReceipt, permissionsIn, stateSaid, termsHash } from '#contract/consent-receipt.js';
import type { InstalledApp } from '#contract/installed.js';
import type { LedgerExport } from '#contract/ledger.js';
import { subjectOf } from '#contract/member.js';

/** RFC 9278. */
const thumbprintUri = (kid: string): string => `urn:ietf:params:oauth:jwk-thumbprint:sha-256:${kid}`;

export function consentReceiptOf(wish: { app: InstalledApp; ledger: LedgerExport; at: number }): ConsentReceipt {
  const { app, ledger, at } = wish;
  const { id, release, manifest, member } = app;
  const { entries: all, ownerKeys } = ledger;
  // What was agreed to before it was removed, and installed again, is history of another consent.
  const gone = all.findLastIndex(({ type, facts }) => type === 'app.removed' && facts.app === id);
  const entries = all.slice(gone + 1).filter((entry) => entry.facts.app === id && stateSaid(entry));
  const ledgerId = all[0]?.ledger ?? '';
  const sha256 = termsHash(manifest.terms);
  // An update on the same terms goes ahead without being asked for.
  const agreed = entries.findLast(({ type, facts }) => type === 'app.agreed' && facts.terms === sha256);
  const principal = thumbprintUri(ownerKeys.at(-1)?.kid ?? '');
  return {
    receipt_metadata: { schema_version: 'ISO/IEC TS 27560:2023', format: 'webizen-consent-receipt-1', issued_at: at },
    record: { record_id: `urn:webizen:consent:${ledgerId}:${id}:${gone + 1}`, pii_principal_id: principal },
    pii_processing: {
      service: { app: id, release, version: manifest.version, name: manifest.name },
      privacy_notice: { terms: manifest.terms, sha256, agreed: agreed?.index ?? null },
      purposes: permissionsIn(entries).map((one) => ({
        ...one,
        purpose: manifest.capabilities.find(({ capability }) => capability === one.permission)?.reason ?? null,
        lawful_basis: 'consent' as const,
        withdrawal_method: "on the app's page of the box, at any time",
      })),
    },
    party_identification: [
      {
        party_id: subjectOf(member.territory, member.id),
        party_name: member.name,
        party_role: 'pii_controller',
        party_type: member.class,
        territory: member.territory,
      },
    ],
    events: entries.flatMap((entry) => {
      const state = stateSaid(entry);
      if (!state) return [];
      return {
        event_time: entry.at,
        event_type: entry.type,
        event_state: state,
        entity_id: entry.by === 'owner' ? principal : entry.by,
        entry: entry.index,
        hash: entry.hash,
      };
    }),
    evidence: { ledger: ledgerId, owner_keys: [...ownerKeys], entries },
  };
}
