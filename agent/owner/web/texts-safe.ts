/** What the first page says in safe mode. */
import type { SafeView, StartEnd } from '#contract/safe.js';

const times = (count: number): string => (count === 2 ? 'twice' : `${count} times`);

export const safe = {
  title: 'Your box runs in safe mode, without apps.',
  lead: 'This page, your provider’s help and updates work. What your apps keep is all there.',
  why: ({ reason, count }: SafeView): string =>
    ({
      crashes: `The software of the box ended ${times(count)} in a row shortly after it had started.`,
      boots: `The box was started ${times(count)} in a row without its software lasting for some minutes.`,
      again: 'The box tried to work as usual again, and its software ended once more.',
    })[reason],
  section: 'What went wrong',
  ends: {
    error: 'It ended with an error.',
    watchdog: 'It stood still, and was ended.',
    'out-of-memory': 'There was too little memory for it.',
    killed: 'Something ended it.',
    timeout: 'It was not ready in time.',
  } satisfies Record<StartEnd, string>,
  unknown: 'It is not known what ended it. It can have been the power.',
  error: 'Its last words were:',
  app: (name: string) => `The app that it had started last: ${name}.`,
  appHint: 'That app may be the cause, but need not be.',
  next: 'What you can do',
  triesBy: 'The box tries by itself to work as usual',
  again: 'Try again as usual',
  againHint: 'If it ends once more, the box is back in safe mode after a moment.',
  update: 'See whether there is an update',
  stop: (name: string) => `Stop ${name} for now`,
  nothingHelps: 'If nothing helps, tell your provider, who sees the same.',
};
