/** Every word that the owner reads. Another language is another file of this shape. */
import { apps } from './texts-apps.js';
import { backup } from './texts-backup.js';
import { health } from './texts-health.js';
import { links } from './texts-links.js';
import { months } from './texts-months.js';
import { network } from './texts-network.js';
import { provider } from './texts-provider.js';
import { safe } from './texts-safe.js';
import { storage } from './texts-storage.js';
import { system } from './texts-system.js';
import { terms } from './texts-terms.js';
import { words } from './words.js';

export interface ProblemText {
  title: string;
  remedy: string;
  /** What the occurrence adds: the provider's own words, or something for whoever helps. */
  detail?: 'said' | 'technical';
}

const wait = (seconds: number): string =>
  seconds <= 1 ? 'a moment' : seconds < 60 ? `${seconds} seconds` : 'a minute';

export const texts = {
  product: 'Webizen box',
  skip: 'Skip to the page',
  loading: 'Asking the box',
  working: 'Working…',
  show: 'Show',
  back: 'Back',
  details: 'Details',
  codeForHelp: 'Code, if you ask for help:',
  thereIsAFault: 'Something is missing',
  retry: (seconds: number) => `Try again in ${wait(seconds)}.`,
  said: (detail: string) => `The provider says: “${detail}”`,
  noAnswer: {
    code: 'no-answer',
    title: 'The box does not answer',
    remedy: 'Look whether it has power and is on the same network as this device. This page goes on by itself.',
  },
  notLoaded: {
    title: 'This page could not be loaded. The box may have been updated meanwhile.',
    again: 'Load it again',
  },
  unreachable: {
    since: (time: string) => `The box does not answer. What you see is from ${time}.`,
    never: 'The box does not answer yet.',
    remedy: 'Look whether it has power and is on the same network as this device. This page goes on by itself.',
  },
  plainHttp:
    'This page is not encrypted: somebody on your own network could read along. The passphrase never leaves your network.',
  encrypted: 'This page is encrypted between you and your box.',

  code: {
    title: 'Enter the code on the label of your box.',
    lead: 'It shows that the box is in your hands. The label is on the underside of the box.',
    label: 'Code on the label',
    hint: 'Two groups of five, such as 7K3FP-9QM2D. Small letters and spaces do not matter.',
    submit: 'Continue',
    empty: 'Enter the code on the label',
    waiting: (seconds: number) =>
      `There were wrong tries before. This one is looked at in ${wait(seconds)}; leave the page open.`,
  },
  passphrase: {
    title: 'Choose a passphrase.',
    lead: 'With it you sign in to your box from now on. Only you know it: nobody can send it to you again.',
    label: 'Passphrase',
    hint: 'At least 10 characters. Four words that do not belong together are easy to remember and hard to guess.',
    short: (left: number) => (left === 1 ? 'One more character.' : `${left} more characters.`),
    strength: { weak: 'Easy to guess: it repeats itself.', fair: 'Good enough. Longer is better.', good: 'Good.' },
    submit: 'Continue',
    tooShort: 'Use at least 10 characters',
    tooWeak: 'Use one that repeats itself less',
  },
  /** A code that is shown once. */
  shownCode: { copy: 'Copy', copied: 'Copied', copyFailed: 'Select it and copy it by hand', print: 'Print' },
  recovery: {
    title: 'Write down your recovery code.',
    lead: 'If you forget the passphrase, this code opens your box. It is shown this one time.',
    keep: 'Keep it where you keep other papers, not beside the box.',
    label: 'Type the last four characters',
    hint: 'So that we both know it is written down.',
    wrong: 'These are not the last four characters of the code',
    submit: 'I have it',
    lostTitle: 'Make a recovery code.',
    lost: 'The code that was shown before can not be shown again. With your passphrase you get a new one, and the one before stops working.',
    passphrase: 'Your passphrase',
    make: 'Show a new code',
    empty: 'Enter your passphrase',
  },
  place: {
    title: 'Where do you live?',
    lead: 'The law of that place is yours. Your box does not guess it, and tells nobody but the provider you choose.',
    country: 'Country',
    countryHint: 'Type the first letters.',
    matches: (count: number) =>
      count === 0 ? 'No country matches.' : count === 1 ? 'One country matches.' : `${count} countries match.`,
    choose: 'Choose your country',
    part: 'State, province or region',
    partHint: (country: string) =>
      `Its short code, such as NSW for New South Wales. Leave it empty if ${country} has none that matters.`,
    known: 'Providers work in:',
    partFault: 'The short code has one to three letters or digits',
    submit: 'Continue',
  },
  choose: {
    title: 'Who shall look after your box?',
    moveTitle: 'Move to which provider?',
    lead: 'A provider gives your box its certificate and watches over its health. It can not read your data. The law below governs what it may do. You can move later.',
    own: 'Where you live',
    foreign: 'Elsewhere, under another law',
    none: 'The alliance lists no provider where you live.',
    law: 'Law',
    provider: 'Provider',
    place: 'Country',
    current: 'Your box is here now.',
    suspended: 'Takes no new boxes now',
    suspendedWhy: (reason: string) => `The alliance has suspended it: ${reason}.`,
    accredited: 'Accredited by the alliance',
    submit: 'Continue',
    missing: 'Choose a provider',
    change: 'Change where you live',
    you: (place: string) => `You live in ${place}.`,
    expired: 'This list is past its date. The box could not fetch a newer one yet.',
    refresh: 'Look for a newer list',
    newest: 'No newer list was found.',
    empty: 'The box knows no provider yet.',
    emptyWhat: 'It fetches the list of the alliance when it reaches the internet.',
    assigned: (name: string) =>
      `Your box was registered with ${name} when it was sold. You can keep that, or choose another.`,
    foreignTitle: 'Another law will govern.',
    foreignLead: (law: string, place: string) => `You live in ${place}. This provider works under: ${law}.`,
    foreignYes: (provider: string, place: string) =>
      `I know that this other law governs what ${provider} does for my box, and that courts and authorities in ${place} may not be able to help me.`,
    foreignMissing: 'Tick the sentence if you want this provider, or go back',
  },
  claim: {
    title: (name: string) => `Do you have a code from ${name}?`,
    lead: 'A provider or the shop gives you a claim code for your box.',
    label: 'Claim code',
    hint: 'Four groups of five, such as 4F0A2-B7KQM-3XZ1T-9CVDE.',
    submit: 'Join',
    empty: 'Enter the claim code, or ask without one',
    without: 'I have no code',
    ask: 'Ask to be admitted',
    askLead:
      'A person at the provider looks at your request. It can take a day or two. You need not keep this page open.',
    moveLead:
      'Your box stays where it is until the new provider has taken it. Your data and your apps stay on the box.',
  },
  progress: {
    joining: (name: string) => `Your box is joining ${name}.`,
    moving: (name: string) => `Your box is moving to ${name}.`,
    waiting: (name: string) => `Waiting for ${name} to admit your box.`,
    waitingLead: 'A person there decides. You can close this page and come back; the box goes on asking.',
    request: 'If you call them, read them this code, so that they know which request is yours:',
    unreachable: (name: string) => `${name} can not be reached just now.`,
    unreachableLead: 'Your box goes on trying by itself, and nothing is lost.',
    refused: (name: string) => `${name} did not admit your box.`,
    claimWrong: 'That claim code was not taken.',
    anotherCode: 'Enter another code',
    again: 'Ask again',
    other: 'Choose another provider',
    takeBack: 'Stop and choose again',
    stopMove: 'Stop, and stay where I am',
    steps: 'What happens',
    state: {
      waiting: 'to do',
      doing: 'now',
      done: 'done',
      undoing: 'taking back',
      undone: 'taken back',
      failed: 'failed',
    },
    tookBack: 'It was taken back. Your box is as it was before.',
    stuck: 'A newer version of the software began this. It goes on when the box has been updated again.',
  },
  done: {
    title: 'Your box is yours, and it is online.',
    connecting: 'Your box is yours.',
    connectingLead: 'It has its certificate, and is connecting to the provider now. You need not wait for it.',
    lead: (name: string) => `It belongs to you and is looked after by ${name}.`,
    law: 'Law',
    from: 'From now on you find it here:',
    submit: 'Go to my box',
  },
  signIn: {
    title: (name: string) => `Sign in to ${name}.`,
    label: 'Passphrase',
    submit: 'Sign in',
    working: 'Looking…',
    empty: 'Enter the passphrase',
    ended: 'You were signed out. Sign in to go on where you were.',
    forgotten: 'I forgot the passphrase',
  },
  forgotten: {
    title: 'A new passphrase.',
    byCode: 'I have the recovery code',
    byLabel: 'I have lost both',
    recovery: 'Recovery code',
    recoveryHint: 'Six groups of four. Small letters and spaces do not matter.',
    submit: 'Set the new passphrase',
    empty: 'Enter the recovery code',
    labelLead:
      'Whoever holds the card and the label of the box can set a new passphrase. Your data stays. It is written into the history.',
    steps: [
      'Switch the box off and put its card into a computer.',
      'On the drive that appears, make an empty file named webizen-forgot-passphrase (no ending).',
      'Put the card back, switch the box on, and open this page again.',
    ],
    ready: 'The box has found the file.',
    missing: 'The box has not found the file yet.',
    forbidden:
      'The owner of this box has switched this way off. Without the recovery code only a factory reset opens the box, and the data on it is lost.',
    emptyCode: 'Enter the code on the label',
  },
  nav: {
    home: 'My box',
    apps: 'Apps',
    history: 'What happened',
    settings: 'Settings',
    label: 'Sections',
    signOut: 'Sign out',
  },
  apps,
  health,
  links,
  months,
  network,
  provider,
  safe,
  storage,
  system,
  backup,
  terms,
  home: {
    healthy: 'Your box is healthy.',
    care: (count: number) => (count === 1 ? 'One thing needs your care.' : `${count} things need your care.`),
    trouble: 'Your box is in trouble.',
    offline: 'Your box is offline, and works.',
    belongs: 'Belongs to',
    you: 'you',
    lookedAfter: 'Looked after by',
    law: 'Law',
    connected: 'Connection',
    connectedSince: 'Connected to the provider',
    notConnected: 'Not connected to the provider',
    since: 'since',
    certificate: 'Certificate',
    certificateUntil: 'Good until',
    certificateRenews: 'Renewed by itself',
    certificateLate: 'Should have been renewed',
    happened: 'What happened last',
    all: 'All that happened',
    move: 'Move to another provider',
    none: 'Your box belongs to no provider yet.',
    join: 'Choose a provider',
    technical: {
      box: 'Box id',
      serial: 'Certificate serial',
      territory: 'Territory id',
      agent: 'Software',
      time: 'Time from',
    },
    time: {
      authenticated: 'the provider',
      floor: 'what it last knew; it may be later',
      release: 'when the software was made; it is later',
    } as Record<string, string>,
  },
  care: {
    offline: {
      title: 'The provider can not be reached.',
      what: (waiting: number) =>
        `Everything at home goes on: your apps, your data, this page. ${
          waiting === 0 ? 'Reports' : waiting === 1 ? 'One report' : `${waiting} reports`
        } will be sent later. Look at your internet connection if it stays like this.`,
    },
    suspended: {
      title: (name: string) => `The alliance has suspended ${name}.`,
      what: (reason: string) =>
        `${reason ? `The reason: ${reason}. ` : ''}Your box goes on working, with the same certificate. You can move to another provider.`,
    },
    expired: {
      title: 'The list of providers is past its date.',
      what: 'Your box goes on working. It fetches a newer list when it reaches the alliance.',
    },
    certificate: {
      title: 'The certificate has ended.',
      what: 'The box renews it by itself as soon as it reaches the provider. Look at your internet connection.',
    },
    app: {
      title: (id: string) => `The app ${id} does not run.`,
      what: 'The box tries to start it again. If it stays like this, ask whoever made it.',
    },
    recovery: {
      title: 'You have no recovery code that you know of.',
      what: 'Make a new one under Settings, and write it down.',
    },
  },
  time: {
    title: 'Is this the right time?',
    lead: (offered: string) => `The provider says that it is ${offered}.`,
    now: (now: string) => `Your box takes it for later: ${now}. A clock that ran wrong once can be the cause.`,
    remedy: 'Look at another clock. If the provider is right, confirm it. If not, do nothing, and tell the provider.',
    submit: 'The provider is right',
  },
  history: {
    title: 'What happened.',
    lead: 'All that you, the provider and the box decided, newest first. Each entry is chained to the one before, so that nothing can be taken out unseen.',
    empty: 'Nothing has happened yet.',
    more: 'Show older',
    export: 'Save all of it',
    exportHint: 'A file that can be checked anywhere with the command “webizen ledger verify”.',
    by: { owner: 'You', provider: 'The provider', box: 'The box', stranger: 'Somebody on the network' },
    signed: 'signed by you',
    early: 'before the box knew the time',
  },
  move: { title: 'Move to another provider.' },
  settings: {
    title: 'Settings.',
    passphrase: 'Change the passphrase',
    recovery: 'Make a new recovery code',
    secure: 'Encrypt this page',
    move: 'Move to another provider',
    leave: 'Hand over or reset the box',
    current: 'Current passphrase',
    next: 'New passphrase',
    save: 'Save',
    saved: 'Saved. Wherever else you were signed in, you are signed out.',
    forgotten: 'If the passphrase and the recovery code are lost',
    forgottenLabel: 'The label on the box together with its card may set a new passphrase',
    forgottenHint:
      'Switch it off if others can get at your box. Then only the recovery code helps, and without it the data is lost.',
    empty: 'Enter the current passphrase',
  },
  secure: {
    title: 'Encrypt this page.',
    lead: 'On your own network this page works without encryption. If others use that network, you can have it encrypted: your device then needs the certificate of your box, once.',
    scope: (name: string) => `The certificate is good for ${name} and for nothing else.`,
    steps: [
      'Download the certificate and install it on this device as an authority.',
      'Compare its fingerprint with the one below.',
      'Open the encrypted address and sign in there.',
    ],
    download: 'Download the certificate',
    fingerprint: 'Fingerprint (SHA-256)',
    open: 'Open the encrypted address',
    only: 'Let nobody sign in without encryption',
    onlyHint: 'Then this works only from devices with the certificate.',
    onlyFirst: 'Open the encrypted address first: this can be switched on only there.',
    turnOn: 'Only encrypted from now on',
    turnOff: 'Allow signing in without encryption again',
    not: 'This box does not offer encrypted pages.',
    needed: 'This box wants an encrypted page.',
    neededLead:
      'Its owner lets nobody sign in without encryption. Open the encrypted address; the certificate for it can be downloaded here.',
  },
  leave: {
    title: 'Hand over or reset the box.',
    acts: {
      'hand-over': {
        name: 'Hand it to somebody else',
        what: 'For selling it or giving it away.',
        loses: [
          'Your apps’ data, your permissions and your sign-in go from the box.',
          'It leaves its provider; its certificate is revoked.',
          'The history starts anew. The next owner sets the box up with the code on the label.',
        ],
        confirm: 'Hand it over',
      },
      reset: {
        name: 'Reset it to how it left the factory',
        what: 'For starting from the beginning.',
        loses: [
          'All data on the box goes: apps, permissions, history, sign-in.',
          'It leaves its provider; its certificate is revoked and its keys are destroyed.',
          'The identity from the factory and the code on the label stay.',
        ],
        confirm: 'Reset it',
      },
    },
    which: 'What do you want?',
    loses: 'What happens',
    exportFirst: 'Save the history first',
    type: (word: string) => `Type “${word}” to confirm`,
    mismatch: (word: string) => `Type the word ${word}`,
    missing: 'Choose one of them',
    gone: 'The box is starting over.',
    goneLead: 'This takes a minute. After that it has no owner, and asks for the code on its label.',
  },
  /** Where the box's own sentence was written for a program. */
  problems: {
    'est-unreachable': {
      title: 'the provider can not be reached',
      remedy: 'look at your internet connection; the box goes on trying by itself',
      detail: 'technical',
    },
    'account-invalid': {
      title: 'what the provider answers is not an account of this box',
      remedy: 'nothing of it was kept, and what you see stays; tell your provider',
      detail: 'technical',
    },
    'claim-malformed': {
      title: 'this is not a whole claim code',
      remedy: 'compare it with the one that you were given, character by character',
    },
    'claim-unknown': {
      title: 'the provider does not know this claim code',
      remedy: 'compare it with the one that you were given, and that it is from this provider',
    },
    'claim-not-taken': {
      title: 'this provider takes no claim codes',
      remedy: 'ask to be admitted without a code',
    },
    'territory-suspended': {
      title: 'this provider takes no new boxes now',
      remedy: 'choose another provider',
    },
    'passphrase-wrong': {
      title: 'this is not the passphrase of this box',
      remedy: 'try again; capital letters count',
    },
    'passphrase-weak': { title: 'the passphrase is too short', remedy: 'use at least 10 characters' },
    'too-many-attempts': {
      title: 'somebody is trying at the same moment',
      remedy: 'wait and try again; switching the box off and on helps if it stays like this',
    },
    'admission-refused': {
      title: 'the provider has decided against it',
      remedy: 'ask the provider, then ask again here; or choose another provider',
      detail: 'said',
    },
    'directory-unreachable': {
      title: 'nobody could be reached who has a newer list',
      remedy: 'look at your internet connection; the list that the box has stays in use',
      detail: 'technical',
    },
    'origin-refused': { title: 'the request came from another page', remedy: 'open the box again by its own address' },
  } as Record<string, ProblemText>,
  words,
};
