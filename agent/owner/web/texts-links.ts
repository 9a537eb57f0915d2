/** What the pages about companies say. */
import { bytes, clockTime, date } from './format.js';

export const links = {
  title: {
    none: 'You are linked with no company.',
    some: (count: number) =>
      count === 1 ? 'You are linked with one company.' : `You are linked with ${count} companies.`,
  },
  nav: 'Companies that you are linked with',
  lead: 'A company that you are linked with may offer you apps. What it offers, you look at and say yes or no to. It can not see your box, your data, or what else you use.',
  section: 'Your companies',
  since: 'linked',
  manager: 'Manages its apps for you',
  suspended: 'Suspended: offers nothing now',
  untold:
    'Your provider could not be told of your last decision yet. Your box keeps to it all the same, and goes on telling.',
  code: {
    submit: 'Link with a company',
    title: 'Tell the company this code',
    lead: (until: number) =>
      `Read it to them, or send it. It serves one company, once, until ${clockTime(until)}. Nothing happens before you have seen who asks, and said yes.`,
    label: 'Link code',
    waits: 'This page shows who asks as soon as somebody does.',
    hide: 'Do not show it any more',
  },
  ask: {
    title: (name: string) => `${name} asks to be linked with you.`,
    what: 'Your box has checked that they were told your code, and who they are. If you did not tell them the code, say no.',
    note: 'They call you',
    after:
      'If you say yes, they may offer you apps, and see which of their own apps you have installed. You can end it at any time.',
    yes: (name: string) => `Yes, link with ${name}`,
    no: 'No',
  },
  care: {
    title: (name: string) => `${name} asks to be linked with you.`,
    what: 'Nothing happens before you have said yes.',
  },
  offers: {
    section: 'Offered to you',
    title: (company: string, app: string, version: string) => `${company} offers you ${app} ${version}`,
    update: (installed: string) => `You have version ${installed}.`,
    says: (company: string) => `${company} says:`,
    until: (at: number) => `It stands until ${date(at)}.`,
    lookAt: (app: string) => `Look at ${app}`,
    no: 'No, thank you',
    noTo: (app: string) => `No, thank you: ${app}`,
    told: 'They are told that you do not want it, and nothing else.',
    none: 'They offer you nothing now.',
  },
  acts: {
    section: 'What was done for you',
    line: (company: string, app: string, version: string) => `${company} installed ${app} ${version} as your manager`,
  },
  one: {
    title: (name: string) => `You are linked with ${name}.`,
    gone: 'You are not linked with this company.',
    who: 'Who they are',
    offers: 'What they offer',
    apps: 'Their apps on your box',
    noApps: 'You have none of their apps.',
    list: 'Go to your companies',
    manager: 'Managing their apps',
    notManager:
      'They can do nothing by themselves: each app, and each permission, waits for your yes. If they look after your box for you, you can let them decide some of that.',
    appoint: 'Let them manage their apps',
    change: 'Change what they may',
    may: 'They install and update their own apps by themselves, as long as these need no more than:',
    nothing: 'no permission at all',
    room: (apps: number, storageMiB: number, memoryMiB: number) =>
      `All their apps together: at most ${apps === 1 ? 'one app' : `${apps} apps`}, ${bytes(storageMiB * 2 ** 20)} on the disk and ${bytes(memoryMiB * 2 ** 20)} of memory.`,
    terms: 'They accept the terms of these apps in your name.',
    lasts: (until: number | null) => (until === null ? 'Until you take it back.' : `Until ${date(until - 1)}.`),
    appointed: 'You decided this',
    dismiss: 'Take it back',
    dismissed: 'What runs stays as it is until you decide about it.',
    end: 'End the link',
    ends: 'They can offer you nothing any more, and learn nothing more. Their apps that you have stay: remove them on their own pages if you want.',
  },
  appoint: {
    title: (name: string) => `Let ${name} manage its apps?`,
    means: 'What this means',
    meaning: (name: string) => [
      `${name} can put its own apps on your box and change them without asking you, with the permissions that you tick below.`,
      `${name} accepts the terms of these apps in your name. You are bound by them as if you had read them.`,
      'A permission that you do not tick, more apps or more room than you say, and all that you have refused or removed, still waits for you.',
    ],
    never:
      'It can never remove apps, take out your data, touch the apps of others, or let others in. Each act is written down, and you can take this back at once.',
    permissions: 'What its apps may be allowed',
    hosts: 'Addresses on the internet that its apps may reach',
    hostsHint: 'One a line, such as api.example.com, or *.example.com for all below it. Empty for none.',
    hostWrong: (host: string) => `“${host}” is not an address such as api.example.com`,
    room: 'How much of your box',
    apps: 'Apps, at most',
    storage: 'Room on the disk for all of them, in MB',
    memory: 'Memory for all of them, in MB',
    numberWrong: (what: string) => `${what}: enter a number`,
    until: 'For how long',
    type: (word: string) => `Type “${word}” to confirm`,
    mismatch: (word: string) => `Type the word ${word}`,
    submit: 'Let them manage their apps',
    no: 'No, leave it',
  },
};
