/** What the owner reads about prices, agreements and what is counted. */
import { date } from './format.js';

const nbsp = '\u00a0';
const money = (amount: string, currency: string): string => `${amount}${nbsp}${currency}`;

const audiences: Record<string, string> = {
  'natural-person': 'A private person',
  student: 'A student',
  'non-profit': 'An association or a charity',
  commercial: 'A business',
  'public-body': 'A public office or school',
};

const ends: Record<string, (app: string) => string> = {
  left: () => 'You left.',
  removed: () => 'The app was removed.',
  replaced: () => 'A newer agreement took its place.',
  notice: () => 'Its terms were changed, you did not agree to the new ones, and the notice was over.',
  unused: (app) => `${app} was not installed under it, or needs no agreement any more.`,
};

export const terms = {
  title: 'What it costs',
  lead: 'Agreeing to a price is a step of its own. Nothing is charged before the app is installed, and you can leave at any time.',
  you: 'What are you?',
  youHint: 'Some makers ask less of some. Say what is true: the maker and your provider read it.',
  audience: (id: string): string => audiences[id] ?? (id.split(':')[1] ?? id).replaceAll('-', ' '),
  plan: 'Choose a plan',
  none: 'No plan is for this. Choose what else you are.',
  free: 'Free of charge',
  price: {
    once: (amount: string, currency: string) => `${money(amount, currency)} once`,
    month: (amount: string, currency: string) => `${money(amount, currency)} a month`,
    year: (amount: string, currency: string) => `${money(amount, currency)} a year`,
    unit: (amount: string, currency: string, unit: string) =>
      `${money(amount, currency)} for each ${unit.replaceAll('-', ' ')}`,
  },
  trial: (days: number) => `The first ${days}${nbsp}days cost nothing.`,
  notice: (days: number) =>
    `If the maker changes the price or the text, these terms go on for at least ${days}${nbsp}days, unless you agree to the new ones.`,
  read: 'Read the text of this plan',
  agree: 'Agree to this plan',
  choose: 'Choose a plan first',
  missing: 'Agree to a plan, or leave the app',
  agreed: (plan: string) => `You have agreed to “${plan}”.`,
  agreedLead: 'It is charged from when the app is installed.',
  other: 'Choose another plan',
  takeBack: 'Take it back',
  changed: (plan: string) => `You have agreed to “${plan}”, which this version does not offer any more.`,
  changedLead: 'Look at what has changed before you agree. If you do not, what you have goes on as below.',

  app: {
    title: 'What it costs',
    since: (day: number) => `Since ${date(day)}`,
    soon: 'From when it is installed',
    as: 'Agreed as',
    plan: 'Plan',
    price: 'Price',
    told: 'Your provider',
    toldStates: { told: 'knows of it', waiting: 'hears of it when the box can reach it', refused: 'did not take it' },
    coming: (version: string) => `Version ${version} has other terms.`,
    comingLead: (day: number) =>
      `Until ${date(day)} nothing changes. If you have not agreed by then, the app stops and nothing more is charged; what it keeps stays on your box.`,
    leave: 'Leave',
    leaveTitle: (app: string) => `Leave the agreement about ${app}?`,
    leaveWhat: [
      'It ends now, without notice, and nothing more is charged.',
      'The app stops. What it keeps stays on your box until you remove the app.',
      'You can agree again later, to the terms as they are then.',
    ],
    leaveSubmit: 'Leave now',
    no: 'No, keep it',
    ended: 'There is no agreement any more.',
    endedLead: 'The app does not run, and nothing is charged. Agree to one of its plans to go on, or remove it.',
    again: 'Look at its plans',
    plans: 'The plans that it has',
    past: 'Agreements before',
    from: (from: number, to: number) => `${date(from)} to ${date(to)}`,
    why: (why: string, app: string): string => ends[why]?.(app) ?? '',
  },
};
