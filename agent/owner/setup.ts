/** Where the setup stands. Pure: it is worked out anew from what the box knows, so that no page can be out of step. */
import type { Membership } from '#contract/membership.js';
import type { OwnerSettings, SetupPage } from '#contract/owner.js';

export function setupPage(settings: OwnerSettings, { current, next }: Membership): SetupPage | null {
  if (settings.setupDone) return null;
  if (!settings.recoverySaved) return 'recovery';
  if (settings.ownJurisdiction === null) return 'jurisdiction';
  if (next) return 'progress';
  if (current.phase === 'none') return 'election';
  // A box that its maker's voucher enrolled waits for its owner's word.
  if (current.phase === 'enrolled') return current.electedBy === 'voucher' ? 'election' : 'done';
  return 'progress';
}
