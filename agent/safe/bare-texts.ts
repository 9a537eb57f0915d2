/** What the page of a box says that cannot open its own records. */
import type { SafeView } from '#contract/safe.js';

const times = (count: number): string => (count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`);

export const bareTexts = {
  title: 'Your box cannot open its own records.',
  lead: 'Without them it runs no apps and cannot sign you in. You can help it here. Some steps need the code of your box, so that nobody else on your network takes them.',
  reason: ({ count }: SafeView) => `Its software was started ${times(count)} in a row, and ended each time.`,
  data: 'Nothing was deleted. The box also goes on trying by itself.',
  code: 'Code on the label',
  codeHint:
    'Two groups of five, such as 7K3FP-9QM2D. On a home-made box it stands in the file webizen-setup-code.txt on the memory card.',
  word: 'Type the word reset',
  details: 'Details, if you ask for help',
  doneTitle: 'Your box is working on it.',
  wait: 'Give it a minute.',
  look: 'Look again',
  acts: {
    again: {
      title: () => 'Try again as usual',
      lead: 'If the power was weak or the disk was full, that may be all it needs.',
      submit: 'Try again',
      done: 'The box starts its software again.',
    },
    mend: {
      title: () => 'Mend the records',
      lead: 'The box keeps a copy of the damaged records where there is room, and makes them anew from all that can still be read. What cannot be read is lost: mostly the last minutes.',
      submit: 'Mend',
      done: 'The records were mended, and the box starts its software again.',
    },
    back: {
      title: (version: string) => `Start the system from before${version === '' ? '' : ` (${version})`}`,
      lead: 'If this began with an update of the system, the one before may still work. Nothing is deleted.',
      submit: 'Restart with the system from before',
      done: 'The box restarts with the system from before. That takes a minute or two.',
    },
    reset: {
      title: () => 'Reset the box',
      lead: 'The last resort: apps, what they keep, and your passphrase are deleted for good. Then the box is set up anew, and a backup can be restored.',
      submit: 'Delete everything',
      done: 'The box deletes everything and starts as new.',
    },
  },
} as const;
