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
  columns: { kind: 'Asked', state: 'State', answer: 'Answer', by: 'By', at: 'When' },
  table: 'What was asked and answered',
  none: 'Nothing was asked of this box yet.',
  save: 'Save the bundle',
  liveHeading: 'Live',
  liveAt: 'Measured',
};
