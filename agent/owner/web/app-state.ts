/** How an app is, in a word and a tone. Pure. */
import type { InstalledApp } from '#contract/installed.js';
import type { AppGlance } from '#contract/owner.js';
import type { Tone } from './parts.js';

type About = Pick<AppGlance | InstalledApp, 'state' | 'stopped' | 'health'>;
export type Condition =
  | 'running'
  | 'ill'
  | 'starting'
  | 'backing-off'
  | 'stopped'
  | 'owner'
  | 'expelled'
  | 'failing'
  | 'terms';

export function conditionOf({ state, stopped, health }: About): Condition {
  if (stopped !== null) return stopped;
  return state === 'running' && health !== null ? 'ill' : state;
}

export const toneOf: Record<Condition, Tone> = {
  running: 'good',
  ill: 'attention',
  starting: 'unknown',
  'backing-off': 'attention',
  stopped: 'unknown',
  owner: 'unknown',
  expelled: 'trouble',
  failing: 'trouble',
  terms: 'attention',
};

/** Whether it wants its owner's attention. */
export const wantsCare = (app: AppGlance): boolean =>
  toneOf[conditionOf(app)] === 'trouble' ||
  toneOf[conditionOf(app)] === 'attention' ||
  app.waiting !== null ||
  app.heir !== null;
