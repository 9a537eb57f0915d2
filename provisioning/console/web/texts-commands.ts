/** What the panel of commands says. */
import type { CommandKind } from '#contract/commands.js';
import type { CommandState } from '#contract/operator-commands.js';

export const commands = {
  heading: 'Commands',
  lead: 'What you ask of this box. It does each once, as its owner has agreed, and its owner reads all of it.',
  label: 'Ask the box to',
  send: 'Ask',
  working: 'Asking …',
  asked: 'It is asked.',
  kinds: {
    refresh: { name: 'tell how it is now', what: 'Birth, report and a sample, at once.' },
    live: { name: 'send a sample each second', what: 'For five minutes at most; shown here, stored nowhere.' },
    'set-intervals': { name: 'measure more or less often', what: 'It keeps to that from then on.' },
    diagnostics: {
      name: 'send diagnostics',
      what: 'Its state and that of its software, once. Most owners are asked first.',
    },
    'rotate-key': { name: 'renew its certificate with a new key', what: 'Nothing else on the box notices.' },
    'restart-agent': {
      name: 'restart its agent',
      what: 'Apps pause for some seconds. It waits for apps that must not be disturbed.',
    },
    reboot: { name: 'restart', what: 'Everything on it stops for a minute or two. Most owners are asked first.' },
    update: { name: 'update its software', what: 'No box can do that yet: it says so.' },
  } satisfies Record<CommandKind, { name: string; what: string }>,
  seconds: 'For how many seconds',
  sample: 'Seconds between samples',
  batch: 'Seconds between batches',
  version: 'Version',
  states: {
    pending: 'waits for the box',
    sent: 'sent',
    done: 'done',
    refused: 'not done',
    failed: 'failed',
    expired: 'ran out',
    'waits-for-owner': 'waits for its owner',
  } satisfies Record<CommandState, string>,
  /** What comes next, where that is not the box's own answer. */
  next: {
    pending: 'It is sent when the box is online.',
    sent: 'It was sent, and there is no answer yet.',
    expired: 'It ran out unanswered. Ask again if it is still needed.',
    'waits-for-owner': 'The owner sees it in the console of the box, and says yes or no.',
  } as Partial<Record<CommandState, string>>,
  parameters: {
    live: (of) => `for ${of.seconds} seconds`,
    'set-intervals': (of) => `each ${of.sampleSeconds} s, sent each ${of.batchSeconds} s`,
    update: (of) => `${of.what}, to ${of.version}`,
  } as Partial<Record<CommandKind, (of: Readonly<Record<string, unknown>>) => string>>,
  waiting: 'Not answered yet',
  answered: 'Answered',
  by: (name: string) => `Asked by ${name}`,
  sentAt: 'sent',
  endsAt: 'runs out',
  answer: 'Its answer',
  all: (n: number) => `Show all ${n}`,
  intervals: (sample: number, batch: number) =>
    `It was told to measure each ${sample} seconds and to send that each ${batch} seconds.`,
  none: 'Nothing was asked of this box yet.',
  save: 'Save the bundle',
  liveHeading: 'Live',
  liveAt: 'Measured',
};
