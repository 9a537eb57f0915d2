/** What the pages say of who may do what: part of the catalogue in texts.ts. */
import type { Role } from '#contract/operators.js';

export const roleTexts = {
  signedIn: (name: string, role: Role): string => `Signed in as ${name}, ${roleTexts.is[role]}`,
  is: { viewer: 'viewer', operator: 'operator', admin: 'admin' } satisfies Record<Role, string>,
  a: { viewer: 'a viewer', operator: 'an operator', admin: 'an admin' } satisfies Record<Role, string>,
  /** Who else can, where oneself cannot. */
  needed: (name: string, has: Role, needs: Role, act: string): string => {
    const who = needs === 'admin' ? 'an admin' : 'an operator or an admin';
    return `You are ${roleTexts.a[has]} (${name}) and see everything here. To ${act}, ask ${who}.`;
  },
  acts: {
    box: 'change this box, ask it something or revoke it',
    claims: 'create or revoke a claim code',
    requests: 'admit or refuse a box',
    alerts: 'acknowledge or silence what fires',
    rules: 'change rules and where alerts are sent',
    filters: 'save a filter',
    months: 'close a month, or have months close by themselves',
  },
  adminsOnly: 'This page is for admins.',
  adminsWhat: (name: string, has: Role): string =>
    `You are signed in as ${name}, ${roleTexts.a[has]}. Ask an admin for what you need from it.`,
  back: 'Go to the fleet',
};
