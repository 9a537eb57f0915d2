/** What the page about the system says. */
import type { OsStage, OsWait } from '#contract/os.js';
import { bytes, clockTime, date } from './format.js';

const moment = (at: number): string => `${date(at)}, ${clockTime(at)}`;

export const system = {
  link: 'The system of the box, and its updates',
  title: {
    current: 'Your box is up to date.',
    waits: 'An update waits.',
    asks: 'An update waits for your yes.',
    underWay: 'Your box is being updated.',
    trial: 'Your box tries its new system.',
    back: 'Your box goes back to the system before.',
    failed: 'The last update did not work, and your box runs as before.',
  },
  care: {
    asks: { title: 'An update waits for your yes.', what: 'You wanted to be asked.' },
    failed: (version: string) => ({
      title: `The update to ${version} did not work.`,
      what: 'The box runs as before, and does not try it again by itself.',
    }),
  },
  runs: 'Runs now',
  unknown: 'not known',
  before: 'Could go back to',
  looked: 'Looked for new ones',
  never: 'not yet',
  next: {
    section: (version: string) => `Version ${version}`,
    security: 'It closes a gap that others could use.',
    size: (count: number) => `${bytes(count)} to fetch`,
    now: 'Update now',
    nowHint: 'The box restarts as soon as it is ready, whatever apps do. Everything on it stops for a minute or two.',
    notes: 'What is new',
  },
  stages: {
    waiting: 'It has not begun.',
    fetching: 'It is being fetched. Nothing stops meanwhile.',
    installing: 'It is being written beside the system that runs. Nothing stops meanwhile.',
    ready: 'It is ready. What is left is a restart.',
    restarting: 'The box restarts.',
    trial:
      'It has started, and is looked at before it is kept. If something does not work, the box goes back by itself.',
    'going-back': 'Something did not work. The box goes back to the system before.',
  } satisfies Record<OsStage, string>,
  fetched: (done: number, all: number) => `${bytes(done)} of ${bytes(all)}`,
  streamed: (done: number, all: number) => `${bytes(done)} of at most ${bytes(all)} were fetched.`,
  waits: {
    'owner-asked': 'You want to be asked first.',
    'owner-hold': 'You have put updates off.',
    scheduled: 'Your provider has set a later time for it.',
    'failed-lately': 'It could not be done a while ago. It is tried again by itself.',
    'no-room': 'There is too little room on the disk. Delete what you no longer need, or remove an app.',
    'too-hot': 'The box is too hot. Give it air.',
    'power-weak': 'Its power supply is too weak: a restart could fail. Use the one that came with the box.',
    window: 'It restarts at the hours that you chose.',
    'time-unknown': 'The box does not know the time yet, and so not whether your hours have come.',
    apps: 'An app must not be interrupted now. It goes ahead as soon as it may, tomorrow at the latest.',
  } satisfies Record<OsWait, string>,
  until: (at: number) => `Until ${moment(at)}.`,
  last: {
    section: 'The last update',
    done: (version: string) => `Version ${version} is in place.`,
    'rolled-back': (version: string) => `Version ${version} did not work here. The box went back by itself.`,
    failed: (version: string) => `Version ${version} could not be put in place. Nothing was changed.`,
    notAgain: 'It is not tried again by itself. A newer one is.',
    again: 'It may be tried again by itself.',
  },
  settings: {
    section: 'How updates come',
    automatic: 'What goes ahead by itself',
    automatics: {
      all: 'All updates',
      security: 'Security fixes only',
      none: 'Nothing: ask me each time',
    },
    window: 'When the box may restart for it',
    always: 'Whenever no app minds',
    between: (from: string, to: string) => `Between ${from} and ${to}`,
    save: 'Save',
    saved: 'Saved.',
    hold: 'Put updates off for a week',
    unhold: 'Let updates go ahead again',
    held: (at: number) => `Put off until ${moment(at)}.`,
  },
};
