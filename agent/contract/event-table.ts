/**
 * Every kind of event that a box tells of itself. The list only grows: a kind never changes its meaning, and a provider
 * shows one that it does not know by its name and facts.
 */
import type { Severity } from './conditions.js';

export interface EventKind {
  severity: Severity;
  /** Told even where the owner has switched off all beyond the minimum. */
  minimum: boolean;
  title: string;
  /** In the owner's words. */
  owner: string;
}

export const eventTable = {
  boot: {
    severity: 'info',
    minimum: true,
    title: 'The machine started',
    owner: 'that it was started, and whether it had been switched off in good order',
  },
  'boot-unexpected': {
    severity: 'attention',
    minimum: true,
    title: 'The machine started after a power cut or a crash',
    owner: 'that it was started after a power cut or a crash, and how many figures were lost in it',
  },
  'agent-started': {
    severity: 'info',
    minimum: true,
    title: 'The box’s own software was started again',
    owner: 'that its own software was started again',
  },
  'agent-crashed': {
    severity: 'attention',
    minimum: true,
    title: 'The box’s own software had ended without being asked to',
    owner: 'that its own software had crashed',
  },
  'software-changed': {
    severity: 'info',
    minimum: true,
    title: 'Another version runs',
    owner: 'that another version of its software or system runs',
  },
  'clock-trusted': {
    severity: 'info',
    minimum: true,
    title: 'The box knows the time',
    owner: 'that it knows the time again',
  },
  'clock-stepped': {
    severity: 'attention',
    minimum: true,
    title: 'The time of the box was put right',
    owner: 'that its time was put right, and by how much',
  },
  'certificate-renewed': {
    severity: 'info',
    minimum: true,
    title: 'The certificate was renewed',
    owner: 'that its certificate was renewed',
  },
  'certificate-failed': {
    severity: 'attention',
    minimum: true,
    title: 'The certificate could not be renewed',
    owner: 'that its certificate could not be renewed, and why',
  },
  enrolled: {
    severity: 'info',
    minimum: true,
    title: 'The box has come into this territory',
    owner: 'that it has come to this provider',
  },
  'machine-changed': {
    severity: 'trouble',
    minimum: true,
    title: 'The memory of the box woke up in another machine',
    owner: 'that its memory card runs in another machine',
  },
  reset: {
    severity: 'attention',
    minimum: true,
    title: 'The box was reset',
    owner: 'that it was reset',
  },
  'owner-set': {
    severity: 'info',
    minimum: true,
    title: 'An owner has set the box up',
    owner: 'that it has an owner, but not who',
  },
  'owner-key-replaced': {
    severity: 'attention',
    minimum: false,
    title: 'The owner’s key was made anew',
    owner: 'that the forgotten passphrase was replaced with the card in hand',
  },
  'sign-in-failed': {
    severity: 'attention',
    minimum: false,
    title: 'Somebody tried wrong passphrases or codes',
    owner: 'that somebody tried wrong passphrases or codes here, and how often',
  },
  'command-ended': {
    severity: 'info',
    minimum: true,
    title: 'A command has ended',
    owner: 'what became of each command of your provider',
  },
  'command-refused': {
    severity: 'attention',
    minimum: true,
    title: 'Commands were not the provider’s',
    owner: 'that commands came which your provider had not signed',
  },
  'safe-mode': {
    severity: 'trouble',
    minimum: true,
    title: 'The box started in safe mode, without apps',
    owner: 'that its software ended again and again, with what error, and which app was started last',
  },
  'safe-mode-left': {
    severity: 'info',
    minimum: true,
    title: 'The box works as usual again after safe mode',
    owner: 'that it works as usual again after safe mode',
  },
  trouble: {
    severity: 'trouble',
    minimum: true,
    title: 'Trouble began while the box could not say so',
    owner: 'what was in trouble while it was offline',
  },
  'disk-errors': {
    severity: 'trouble',
    minimum: true,
    title: 'The disk makes errors',
    owner: 'that its disk makes errors',
  },
  'network-back': {
    severity: 'info',
    minimum: false,
    title: 'The box was on and could not reach its provider',
    owner: 'for how long it was on and could not reach your provider',
  },
  'app-installed': {
    severity: 'info',
    minimum: false,
    title: 'An app was installed',
    owner: 'which app was installed',
  },
  'app-not-installed': {
    severity: 'attention',
    minimum: false,
    title: 'An app could not be installed',
    owner: 'which app could not be installed, and why',
  },
  'app-updated': {
    severity: 'info',
    minimum: false,
    title: 'An app was updated',
    owner: 'which app was updated',
  },
  'app-rolled-back': {
    severity: 'attention',
    minimum: false,
    title: 'An update of an app was taken back',
    owner: 'which app’s update was taken back, and why',
  },
  'app-removed': {
    severity: 'info',
    minimum: false,
    title: 'An app was removed',
    owner: 'which app was removed',
  },
  'app-expelled': {
    severity: 'attention',
    minimum: false,
    title: 'An app was stopped: its maker is expelled',
    owner: 'which app was stopped because its maker was expelled',
  },
  'month-differs': {
    severity: 'attention',
    minimum: false,
    title: 'The box reckons a month otherwise than it was closed',
    owner: 'which month it reckons otherwise than your provider has closed it, and in how many places',
  },
  'app-reinstated': {
    severity: 'info',
    minimum: false,
    title: 'An app may run again: its maker is back in good standing',
    owner: 'which app may run again',
  },
  'system-updated': {
    severity: 'info',
    minimum: true,
    title: 'The system was updated',
    owner: 'that its system was updated',
  },
  'system-not-updated': {
    severity: 'attention',
    minimum: true,
    title: 'An update of the system could not be put in place',
    owner: 'that an update of its system could not be put in place, and why',
  },
  'system-rolled-back': {
    severity: 'trouble',
    minimum: true,
    title: 'The box went back to the system before',
    owner: 'that it went back to the system before, and why',
  },
} as const satisfies Record<string, EventKind>;

export type EventType = keyof typeof eventTable;
export const eventTypes = Object.keys(eventTable) as EventType[];

/** Undefined for the kinds of a later version. */
export const eventKind = (type: string): EventKind | undefined =>
  Object.hasOwn(eventTable, type) ? eventTable[type as EventType] : undefined;
