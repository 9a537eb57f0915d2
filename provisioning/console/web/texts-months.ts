/** What the pages about months say: part of the catalogue in texts.ts. */
import { dayOf } from './format.js';

const lastDay = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' });
const monthFormat = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' });
const monthName = (period: string): string => monthFormat.format(Date.parse(`${period}-01T00:00:00Z`));
const count = (n: number, one: string, many: string): string => `${n.toLocaleString('en-GB')} ${n === 1 ? one : many}`;

export const monthTexts = {
  pageTitle: 'Months',
  asking: 'Asking for the months',
  monthName,
  waits: (month: string) => `${monthName(month)} is over and waits to be closed.`,
  begun: (month: string) => `${monthName(month)} is being closed.`,
  runs: (month: string) => `${monthName(month)} is under way.`,
  lead: 'A month is closed once. What becomes known behind it, and what is given back, stands in the next one.',
  next: 'Closed next',
  ends: (at: number) => `Its last day is ${lastDay.format(at)}, by UTC.`,
  byItself: (at: number) => `It closes by itself on ${dayOf(at)}.`,
  byHand: 'Somebody closes it.',
  first: 'The first month is closed by somebody; those behind it close by themselves.',
  close: 'Close this month',
  goOn: 'Go on closing it',
  closeAsk: (month: string) =>
    `${monthName(month)} is reckoned for all boxes and members, and cannot be opened again. Owners see it on their boxes.`,
  closeYes: 'Close it now',
  no: 'No, leave it',
  itself: 'Close months by themselves',
  afterDays: 'Days after the end',
  afterHint: 'From 1 to 60: late statements of boxes are charged with the month that follows.',
  wrong: 'Write a number from 1 to 60',
  save: 'Close them by themselves',
  off: 'Leave it to us',
  closed: 'Closed months',
  none: 'No month is closed yet.',
  head: {
    ...{ month: 'Month', at: 'Closed', boxes: 'Boxes', currency: 'Currency', owners: 'Owners pay', members: 'Members' },
    ...{ territory: 'Territory', alliance: 'Alliance' },
  },
  closing: 'being closed',
  nothing: 'nothing was charged',
  one: {
    title: (month: string, boxes: number) => `${monthName(month)} was charged to ${count(boxes, 'box', 'boxes')}.`,
    gone: 'This month is not closed.',
    back: 'All months',
    totals: 'What it came to',
    members: 'Members',
    boxes: 'Boxes',
    noMembers: 'No member has anything of it.',
    noBoxes: 'No box was charged anything.',
    head: {
      ...{ member: 'Member', about: 'About', charged: 'Charged', share: 'Share', discount: 'Discount' },
      ...{ alliance: 'Alliance', income: 'Income', box: 'Box', sum: 'Sum', lines: 'Lines', app: 'App', what: 'For' },
      ...{ used: 'Used', price: 'Price', amount: 'Amount', entry: 'Entry' },
    },
    more: 'Show more',
    show: (box: string) => `Show the account of ${box}`,
    find: 'Box',
    findAct: 'Show its account',
    ownersCsv: 'Boxes as CSV',
    membersCsv: 'Members as CSV',
    hash: 'SHA-256 over all accounts, behind that of the month before',
    days: (held: number, of: number) => `${held} of ${of} days`,
  },
};
