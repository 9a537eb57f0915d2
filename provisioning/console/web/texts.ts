/** Everything the console says, in one place. */
import { celsius, percent, span } from './format.js';

const numbers = ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine'];
const count = (n: number): string => numbers[n] ?? n.toLocaleString('en-GB');
const plural = (n: number, one: string, many: string): string => `${n.toLocaleString('en-GB')} ${n === 1 ? one : many}`;

export const texts = {
  product: 'Webizen provider',
  skip: 'Skip to the content',
  sections: 'Sections',
  nav: { boxes: 'Boxes', claims: 'Claims', events: 'Events' },
  signOut: 'Sign out',
  streaming: { live: 'Live', polling: 'Every 5 s', down: 'No answer' },
  streamingTitle: {
    live: 'News arrives as it happens',
    polling: 'The event stream is down; the console asks every five seconds',
    down: 'The provider does not answer',
  },
  loading: 'Loading',
  unreachable: {
    short: 'The provider does not answer.',
    since: (time: string) => `The provider does not answer. What you see is from ${time}.`,
    never: 'The provider does not answer.',
    remedy: 'The console keeps trying. Check that the provider runs, and your network.',
  },
  whatToDo: 'What to do:',
  notFound: { title: 'There is nothing at this address.', back: 'Go to the boxes' },

  signIn: {
    pageTitle: 'Sign in',
    title: 'Sign in to look after the boxes.',
    ended: 'Your session has ended. Sign in again to go on where you were.',
    label: 'Operator secret',
    hint: 'Made together with the territory and kept in its directory on the provider’s machine.',
    submit: 'Sign in',
    working: 'Signing in…',
    empty: 'Enter the operator secret.',
    retry: (seconds: number) => `Try again in ${plural(seconds, 'second', 'seconds')}.`,
  },

  states: { online: 'Online', offline: 'Offline', enrolled: 'Never online', revoked: 'Revoked' },
  care: {
    certificateEnded: 'its certificate has ended',
    certificateEnds: (left: number) => `its certificate ends in ${span(left)} and was not renewed`,
    disk: (share: number) => `disk ${percent(share)} full`,
    memory: (share: number) => `memory ${percent(share)} full`,
    temperature: (value: number) => `${celsius(value)} hot`,
    stale: (age: number) => `no health report for ${span(age)}`,
    silent: 'not heard from',
    silentFor: (age: number) => `not heard from for ${span(age)}`,
    neverOnline: (age: number) => `enrolled ${span(age)} ago and never connected`,
  },

  boxes: {
    pageTitle: 'Boxes',
    asking: 'Looking for the boxes…',
    summary(total: number, online: number, care: number, revoked: number): string {
      if (care > 0) return `${count(care)} ${care === 1 ? 'box needs' : 'boxes need'} care.`;
      const living = total - revoked;
      if (living === 0) return 'No box is in service.';
      if (online < living) return `${count(online)} of ${living} boxes ${online === 1 ? 'is' : 'are'} online.`;
      return living === 1 ? 'The box is online.' : `All ${living.toLocaleString('en-GB')} boxes are online.`;
    },
    counts: (parts: { online: number; offline: number; enrolled: number; revoked: number }) =>
      [
        [parts.online, 'online'],
        [parts.offline, 'offline'],
        [parts.enrolled, 'never online'],
        [parts.revoked, 'revoked'],
      ]
        .filter(([n]) => n !== 0)
        .map(([n, word]) => `${n?.toLocaleString('en-GB')} ${word}`.replace(/ /g, '\u00a0'))
        .join(' · '),
    empty: 'No box yet.',
    emptyWhat: 'Create a claim code and hand it out. The box that enrols with it appears here within seconds.',
    emptyAct: 'Create a claim code',
    search: 'Find a box',
    searchHint: 'id, state or reason',
    onlyCare: 'Only those that need care',
    none: 'No box matches.',
    clear: 'Show all boxes',
    found: (n: number) => plural(n, 'box', 'boxes'),
    more: (n: number) => `Show ${n.toLocaleString('en-GB')} more`,
    columns: {
      id: 'Box',
      state: 'State',
      lastSeen: 'Last seen',
      cpu: 'CPU',
      memory: 'Memory',
      disk: 'Disk',
      gaps: 'Gaps',
      certificate: 'Certificate ends',
    },
    gapsTitle: 'Samples that were taken and never arrived',
    never: 'never',
    nothing: 'none',
  },

  box: {
    back: 'Boxes',
    is: (id: string, word: string) => `${id} is ${word}.`,
    title: (id: string, state: string, reasons: readonly string[]): string => {
      if (state === 'revoked') return `${id} is revoked.`;
      if (state === 'offline') return `${id} is offline.`;
      if (state === 'enrolled') return `${id} has never been online.`;
      return reasons.length > 0 ? `${id} is online and needs care.` : `${id} is online and healthy.`;
    },
    reasons: 'Why it needs care',
    lastSeen: 'Last seen',
    newest: 'Newest sample',
    range: 'Time range',
    ranges: { '15m': '15 min', '1h': '1 h', '24h': '24 h', '7d': '7 d' },
    charts: {
      cpu: 'CPU in use',
      memory: 'Memory in use',
      temperature: 'Temperature',
      disk: 'Disk in use',
      network: 'Network',
      received: 'received',
      sent: 'sent',
    },
    of: (whole: string) => `of ${whole}`,
    between: (least: string, most: string) => `${least} to ${most}`,
    noSamples: 'No sample in this time.',
    noSamplesYet: 'The box has not reported yet. Its first sample follows its first connection.',
    gapsDrawn: (n: number) => plural(n, 'gap', 'gaps'),
    threshold: 'needs care',
    facts: 'Facts',
    enrolled: 'Enrolled',
    certificateEnds: 'Certificate ends',
    serial: 'Certificate serial',
    reports: 'Health reports',
    gaps: 'Samples missing',
    noGaps: 'none: every sample arrived',
    born: 'Connected since',
    hardware: 'Hardware',
    model: 'Model',
    system: 'System',
    processor: 'Processor',
    cores: (n: number, arch: string) => `${plural(n, 'core', 'cores')}, ${arch}`,
    agent: 'Agent',
    api: 'API',
    unknownHardware: 'The box says what it is when it first connects.',
    apps: 'Apps',
    noApps: 'No app is reported.',
    appStates: {
      starting: 'Starting',
      running: 'Running',
      'backing-off': 'Failing, will be tried again',
      stopped: 'Stopped',
    },
    unsandboxed: 'not sandboxed',
    unsandboxedTitle: 'A plain child process: it can do whatever the agent’s user can',
    restarts: (n: number) => (n === 0 ? 'no restart' : plural(n, 'restart', 'restarts')),
    events: 'What happened',
    noEvents: 'Nothing is recorded for this box.',
    revokedAt: 'Revoked',
  },

  revoke: {
    heading: 'Revoke this box',
    lead: 'For a box that was stolen, sold or broken into.',
    open: 'Revoke this box…',
    title: (id: string) => `Revoke ${id}?`,
    loses: [
      'Its certificate is refused from now on: it can neither report its health nor renew.',
      'It comes back only by enrolling anew with a new claim code, and then under a new id.',
      'This cannot be undone.',
    ],
    keeps: 'The owner’s data and apps stay on the box and go on working. What was reported so far stays here.',
    word: 'revoke',
    type: (word: string) => `Type “${word}” to confirm`,
    confirm: 'Revoke the box',
    working: 'Revoking…',
    cancel: 'Keep the box',
    mismatch: (word: string) => `Type the word ${word} to confirm.`,
  },

  claims: {
    pageTitle: 'Claims',
    summary: (open: number) =>
      open === 0 ? 'No claim code is open.' : `${count(open)} claim ${open === 1 ? 'code is' : 'codes are'} open.`,
    asking: 'Looking for the claim codes…',
    lead: 'A claim code lets one box enrol in this territory, once.',
    create: 'Create a claim code',
    label: 'For whom',
    labelHint: 'Optional. Only you see it.',
    lifetime: 'Valid for',
    lifetimes: [
      [86_400, '1 day'],
      [7 * 86_400, '7 days'],
      [30 * 86_400, '30 days'],
    ] as const,
    submit: 'Create the code',
    working: 'Creating…',
    created: 'The claim code',
    once: 'It is shown this once. What is stored cannot be turned back into it.',
    copy: 'Copy',
    copied: 'Copied',
    copyFailed: 'Select the code and copy it by hand',
    aloud: 'To read aloud',
    group: (n: number) => `Group ${n}`,
    done: 'Done, hide the code',
    list: 'Codes handed out',
    empty: 'No claim code has been made yet.',
    noLabel: 'no name',
    made: 'Made',
    ends: 'Ends',
    states: { open: 'Open', used: 'Used', expired: 'Expired', revoked: 'Revoked' },
    revoke: 'Revoke',
    revokeNamed: (label: string) => `Revoke the code for ${label}`,
    revokeAsk: 'Nobody can enrol with this code any more. A box that did stays enrolled.',
    revokeYes: 'Revoke the code',
    revokeNo: 'Keep it',
    none: '–',
  },

  events: {
    pageTitle: 'Events',
    asking: 'Looking for what happened…',
    summary(refusals: number): string {
      if (refusals === 0) return 'Nothing was refused in the last hour.';
      return refusals === 1 ? 'One refusal in the last hour.' : `${count(refusals)} refusals in the last hour.`;
    },
    lead: 'What happened in the territory, newest first.',
    only: 'Show',
    filters: { all: 'Everything', refused: 'Only refusals' },
    search: 'Find an event',
    searchHint: 'box, code or word',
    empty: 'Nothing has happened yet.',
    emptyWhat: 'Enrolments, connections and refusals appear here as they happen.',
    none: 'No event matches.',
    types: {
      enrolled: 'Enrolled',
      renewed: 'Renewed',
      online: 'Online',
      offline: 'Offline',
      refused: 'Refused',
      revoked: 'Revoked',
      gap: 'Gap',
      event: 'From the box',
      'claim-created': 'Claim made',
      'claim-revoked': 'Claim revoked',
    } as Record<string, string>,
  },
};

/** The letters as radio operators say them; digits as words. */
const spoken: Record<string, string> = {
  '0': 'zero',
  '1': 'one',
  '2': 'two',
  '3': 'three',
  '4': 'four',
  '5': 'five',
  '6': 'six',
  '7': 'seven',
  '8': 'eight',
  '9': 'nine',
  A: 'Alfa',
  B: 'Bravo',
  C: 'Charlie',
  D: 'Delta',
  E: 'Echo',
  F: 'Foxtrot',
  G: 'Golf',
  H: 'Hotel',
  J: 'Juliett',
  K: 'Kilo',
  M: 'Mike',
  N: 'November',
  P: 'Papa',
  Q: 'Quebec',
  R: 'Romeo',
  S: 'Sierra',
  T: 'Tango',
  V: 'Victor',
  W: 'Whiskey',
  X: 'X-ray',
  Y: 'Yankee',
  Z: 'Zulu',
};
export const spell = (group: string): string => [...group].map((letter) => spoken[letter] ?? letter).join(' ');
