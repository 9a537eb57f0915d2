import type { InstalledApp } from '#contract/installed.js';
import type { Live } from './live.js';

/** The owner's word about who is to take over; answers the change that it begins, if any. */
export const answerSuccession = (live: Live, { id, succession }: InstalledApp, accept: boolean) =>
  live.act<{ change: string | null }>('POST', `/v1/apps/${id}/succession`, { serial: succession?.serial, accept });
