/** Operators and their roles, the audit log, alert rules and their delivery. */
import type { ProblemTable } from './table.js';

export const watchProblems = {
  'role-missing': [
    403,
    'this needs a role that you do not have',
    'ask an admin of the territory to do it, or for the role',
  ],
  'operator-unknown': [404, 'there is no such operator', 'look at webizen-provider operator list'],
  'operator-exists': [409, 'there is an operator of this name already', 'choose another name, or give it a new secret'],
  'operator-built-in': [
    409,
    'the first admin can neither be removed nor given another role',
    'give it a new secret with webizen-provider operator reset admin',
  ],
  'operators-too-many': [409, 'there are as many operators as a territory may have', 'remove those who have left'],
  'audit-damaged': [
    409,
    'the audit log is not what was written: its chain is broken',
    'keep a copy of the directory, find out who could write to it, and compare with an exported log',
  ],
  'alert-rule-unknown': [404, 'there is no such alert rule', 'look at the list of rules'],
  'alert-rules-too-many': [
    409,
    'there are as many alert rules as a territory may have',
    'remove one that is not needed',
  ],
  'alert-not-firing': [409, 'nothing fires of this rule there', 'look at what fires now'],
  'silence-unknown': [404, 'there is no such silence', 'look at the list of silences; one that is over is gone'],
  'silences-too-many': [409, 'there are as many silences as a territory may have', 'end one that is not needed'],
  'webhook-unknown': [404, 'there is no such webhook', 'look at the list of webhooks'],
  'webhooks-too-many': [409, 'there are as many webhooks as a territory may have', 'remove one that is not needed'],
  'mail-missing': [404, 'the territory sends no mail', 'set its mail server first'],
  'mail-insecure': [
    409,
    'mail to another machine is sent with TLS alone',
    'use tls or starttls, or a mail server on this machine',
  ],
  'mail-password-missing': [
    409,
    'a user needs a password, and a password a user',
    'say both; a password is kept only as long as server, port, security and user stay the same',
  ],
  'mail-failed': [502, 'the mail server did not take the mail', 'check the settings and what it says'],
  'webhook-failed': [502, 'the webhook did not take the delivery', 'check its address and what it says of the request'],
} as const satisfies ProblemTable;
