/** What the page about the provider says. */
import type { RuledKind } from '#contract/owner-commands.js';
import { clockTime, date } from './format.js';

export const provider = {
  link: 'What the provider is told, and what it may ask',
  title: {
    waits: (count: number) =>
      count === 1 ? 'Your provider waits for your answer.' : `Your provider waits for ${count} answers of yours.`,
    quiet: 'Your provider asks nothing of you.',
  },
  care: {
    title: 'Your provider asks something of your box.',
    what: 'It waits for your yes or no.',
  },
  waiting: 'It asks',
  until: (at: number) => `Until ${date(at)}, ${clockTime(at)}. Then it has come to nothing.`,
  by: (name: string) => `asked by ${name}`,
  yes: 'Yes, do it',
  now: 'Do it now',
  no: 'No',
  /** For who hears the buttons without what stands above them. */
  about: (says: string, what: string) => `${says}: ${what}`,
  heldBy: 'An app must not be disturbed now. It goes ahead as soon as it may.',
  kinds: {
    refresh: { name: 'Tell how it is now', what: 'The box says who it is and how it is, at once.' },
    live: { name: 'Look on live', what: 'The box sends its figures each second, for five minutes at most.' },
    diagnostics: {
      name: 'Send what helps to find a fault',
      what: 'The state of the box and of its software, once. Nothing that you or your apps keep is in it.',
    },
    'rotate-key': {
      name: 'Make a new key',
      what: 'The box renews its certificate with a new key. You notice nothing.',
    },
    'restart-agent': {
      name: 'Start its software anew',
      what: 'Apps pause for some seconds. It waits for apps that must not be disturbed.',
    },
    reboot: {
      name: 'Restart the box',
      what: 'Everything on it stops for a minute or two. It waits for apps that must not be disturbed.',
    },
    'set-intervals': { name: 'Measure more or less often', what: 'How often the box measures itself, and sends that.' },
    update: {
      name: 'Look for a new system',
      what: 'The box looks at once at which system is meant for it. What you have settled about updates holds.',
    },
  } as Record<string, { name: string; what: string } | undefined>,
  told: {
    section: 'What it is told',
    every: (sample: string, batch: string) =>
      `The box measures itself each ${sample.replace(/^1\s/, '')}, and sends that each ${batch.replace(/^1\s/, '')}.`,
    byProvider: 'The provider has chosen these times.',
    minimum: 'Only the minimum: when the box comes and goes, the versions of its software, and what is in trouble.',
    latest: 'The last figures,',
    none: 'None yet.',
    noFigures: 'No figures are sent.',
    apps: (count: number) =>
      count === 0
        ? 'No app is named.'
        : count === 1
          ? 'One app is named, and whether it runs.'
          : `${count} apps are named, and whether they run.`,
    conditions: (count: number) =>
      count === 0
        ? 'Nothing is reported as amiss.'
        : count === 1
          ? 'One thing is reported as amiss.'
          : `${count} things are reported as amiss.`,
    never: 'What you and your apps keep is never sent.',
    live: (at: number) => `The provider looks on live until ${clockTime(at)}.`,
    json: {
      sample: 'The figures, as they are sent, packed together',
      reported: 'The report, as it is sent',
      birth: 'What it says when it comes, as it is sent',
    },
  },
  events: {
    section: 'What befell it',
    lead: (isMinimum: boolean) =>
      isMinimum
        ? 'Of what befalls the box your provider hears only what it answers for.'
        : 'Your provider hears what befalls the box. It keeps that to answer for it later.',
    kinds: 'All that it may hear',
    withheld: 'not told, as you chose',
    none: 'Nothing so far.',
    waits: 'not told yet',
    often: (count: number) => `${count} times`,
    unknown: 'when the box did not know the time',
    json: 'As it is sent',
  },
  minimum: {
    label: 'Tell it only the minimum',
    hint: 'It then sees when your box comes and goes, its versions, and what is in trouble: no figures and no apps. Of what befalls it, it hears starts, versions, its certificate and commands, and trouble. It can help you less, and is told that you chose so. Figures that were not sent yet are never sent.',
  },
  rules: {
    section: 'Ask me first',
    lead: 'What is ticked waits for your yes each time. The rest goes ahead, and is written into what happened.',
    bounds: 'It may always ask how the box is now, and how often it measures itself, within stated bounds.',
  },
  asked: {
    section: 'What it has asked',
    none: 'Nothing so far.',
    waits: 'waits for you',
    held: 'waits for apps',
    underWay: 'under way',
  },
  outcomes: { done: 'done', refused: 'not done', failed: 'failed', expired: 'too late', 'waits-for-owner': 'waits' },
};

export const ruleOrder: readonly RuledKind[] = ['reboot', 'restart-agent', 'diagnostics', 'live', 'rotate-key'];
