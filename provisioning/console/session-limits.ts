import type { SessionLimits } from '#common/web/sessions.js';

/** Two hours away from the desk; a working day and some more. */
export const sessionLimits: SessionLimits = {
  idleMilliseconds: 2 * 3_600_000,
  absoluteMilliseconds: 24 * 3_600_000,
  most: 1000,
};
