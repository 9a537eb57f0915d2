/** What happened and what happens, in words: kinds of ledger entries and steps of changes. */

import { exact, monthName } from './format.js';
import { sayPermission } from './permissions.js';
import { placeName } from './places.js';
import { appSteps } from './texts-apps.js';
import { provider } from './texts-provider.js';
import { line } from './words-of.js';

type Facts = Record<string, string | number | boolean>;

const text = (facts: Facts, name: string, otherwise: string): string => String(facts[name] ?? otherwise);
const times = (facts: Facts): string => (Number(facts.count ?? 1) === 1 ? 'once' : `${facts.count} times`);

const permission = (facts: Facts): string => sayPermission(text(facts, 'capability', '')).name;
const app = (facts: Facts): string => text(facts, 'app', 'an app');
const asked = (facts: Facts): string => {
  const kind = text(facts, 'kind', '');
  return provider.kinds[kind]?.name ?? kind;
};
const company = (facts: Facts): string => line(text(facts, 'name', text(facts, 'member', 'a company')));
const version = (facts: Facts): string => (facts.version === undefined ? '' : ` ${facts.version}`);

const standings: Record<string, (name: string) => string> = {
  accredited: (name) => `The alliance accredits ${name}.`,
  suspended: (name) => `The alliance has suspended ${name}. Your box goes on working.`,
  unlisted: (name) => `The alliance does not list ${name} any more. Your box goes on working.`,
};

const linkEnds: Record<string, string> = {
  moved: ' when the box moved.',
  expelled: ': it was expelled from the alliance.',
  provider: ', as the provider says.',
};

const termsEnds: Record<string, string> = {
  removed: ' with the app.',
  replaced: ': a newer one took its place.',
  notice: ': its notice was over, and the new terms were not agreed to. Nothing more is charged.',
  unused: ': the app was not installed under it.',
};

export const words = {
  ledger: {
    'owner.set': () => 'The box became yours.',
    'owner.key': () => 'A new owner’s key was made.',
    'owner.replace': (facts) =>
      facts.allowed === true
        ? 'You allowed label and card to set a new passphrase.'
        : 'You forbade label and card to set a new passphrase.',
    passphrase: (facts) =>
      facts.how === 'recovery-code'
        ? 'The passphrase was set anew with the recovery code.'
        : 'You changed the passphrase.',
    'recovery-code': () => 'You made a new recovery code.',
    jurisdiction: (facts) => `You stated where you live: ${placeName(text(facts, 'jurisdiction', ''))}.`,
    election: (facts) => `You chose the provider ${text(facts, 'name', text(facts, 'territory', 'unknown'))}.`,
    enrolled: (facts) => `The box joined ${text(facts, 'name', text(facts, 'territory', 'its provider'))}.`,
    renewed: () => 'The certificate was renewed.',
    'other-machine': () => 'The card was started in another machine than before.',
    transfer: (facts) => `You chose to move to ${text(facts, 'name', text(facts, 'territory', 'another provider'))}.`,
    transferred: (facts) => `The box moved to ${text(facts, 'name', text(facts, 'territory', 'another provider'))}.`,
    abandoned: (facts) =>
      `You took it back to ${facts.kind === 'transfer' ? 'move to' : 'join'} ${text(facts, 'name', text(facts, 'territory', 'a provider'))}.`,
    left: (facts) => `The box left ${text(facts, 'name', text(facts, 'territory', 'its provider'))}.`,
    objection: (facts) => `The provider objected to the move${facts.text ? `: ${facts.text}` : ''}.`,
    refused: (facts) => `The provider did not admit the box${facts.reason ? `: ${facts.reason}` : ''}.`,
    command: (facts) =>
      `The provider asked: “${asked(facts)}”${facts.outcome === undefined ? '.' : ', and the box did not do it.'}`,
    'command-result': (facts) =>
      `${facts.outcome === 'done' ? 'The box did' : 'The box did not do'} what the provider asked: “${asked(facts)}”.`,
    'command-allowed': (facts) => `You said yes to what the provider asked: “${asked(facts)}”.`,
    'command-declined': (facts) => `You said no to what the provider asked: “${asked(facts)}”.`,
    'command-refused': (facts) =>
      `Something that is not your provider’s word was not followed, ${times(facts)}${Number(facts.count ?? 1) > 1 ? ' or more' : ''}.`,
    'command-rule': (facts) =>
      facts.rule === 'ask'
        ? `You want to be asked first: “${asked(facts)}”.`
        : `The provider need not ask you first: “${asked(facts)}”.`,
    reporting: (facts) =>
      facts.level === 'minimum'
        ? 'You had only the minimum told to the provider.'
        : 'You had all told to the provider.',
    'storage-key.shown': () => 'You looked at the storage key.',
    'storage-key.noted': () => 'You wrote down the storage key, and the box forgot it.',
    'sign-in': () => 'You signed in.',
    'sign-in-failed': (facts) => `A wrong passphrase was tried ${times(facts)}.`,
    'setup-code-failed': (facts) => `A wrong label code was tried ${times(facts)}.`,
    'recovery-failed': (facts) => `A wrong recovery code was tried ${times(facts)}.`,
    'https-only': (facts) =>
      facts.only === true
        ? 'You allowed signing in with encryption only.'
        : 'You allowed signing in without encryption.',
    'wifi-chosen': (facts) => `The Wi-Fi “${text(facts, 'network', '')}” was chosen for the box.`,
    'wifi-forgotten': (facts) => `You had the box forget the Wi-Fi “${text(facts, 'network', '')}”.`,
    standing: (facts) =>
      `${standings[text(facts, 'to', '')]?.(text(facts, 'name', 'the provider')) ?? ''}${facts.reason ? ` The reason: ${facts.reason}.` : ''}`,
    'register.forked': (facts) =>
      `The register of decisions of ${text(facts, 'territory', 'the territory')} does not hold what it held before. Both versions, as it signed them, stand in this entry: keep an export, and ask the provider.`,
    'time-confirmed': (facts) =>
      `You confirmed the time: ${exact(Number(facts.to))}. The box had taken it for ${exact(Number(facts.from))}.`,
    'reset-asked': () => 'The reset of the box was asked for.',
    'hand-over-asked': () => 'Handing the box over was asked for.',
    reset: () => 'The box was reset.',
    'hand-over': () => 'The box was handed over.',
    'backup.code': () => 'You made a backup code.',
    'backup.settings': () => 'You settled how backups are made.',
    'backup.asked': (facts) => `You had a backup made ${facts.to === 'disk' ? 'on a disk' : 'as a file'}.`,
    'restore-asked': (facts) => `You had the backup of ${exact(Number(facts.madeAt))} restored.`,
    restored: (facts) =>
      `The box was restored: it has what ${text(facts, 'box', 'a box')} had on ${exact(Number(facts.madeAt))}.`,
    'restore-undone': () => 'The box could not start with what was restored, and went back to what it had.',
    'app.restored': (facts) => `${app(facts)}${version(facts)} came back with the backup.`,
    'app.gone': (facts) => `${app(facts)}${version(facts)} is not in the backup, and went.`,
    'app.agreed': (facts) => `You said yes to ${app(facts)}${version(facts)} and its terms.`,
    'app.installed': (facts) => `${app(facts)}${version(facts)} was installed.`,
    'app.updated': (facts) => `${app(facts)} was updated${facts.version === undefined ? '' : ` to${version(facts)}`}.`,
    'app.not-installed': (facts) => `${app(facts)}${version(facts)} was not installed. Nothing of it is left.`,
    'app.rolled-back': (facts) => `The update of ${app(facts)} was taken back.`,
    'app.remove': (facts) => `You chose to remove ${app(facts)}.`,
    'app.removed': (facts) => `${app(facts)} was removed, with what it kept.`,
    'app.update-now': (facts) => `You had ${app(facts)} updated without waiting for it any longer.`,
    'app.stop': (facts) => `You stopped ${app(facts)}.`,
    'app.start': (facts) => `You started ${app(facts)}.`,
    'app.succession-told': (facts) => `Another maker is to take over ${app(facts)}, if you agree.`,
    'app.succession': (facts) =>
      `You let ${text(facts, 'name', text(facts, 'to', 'another maker'))} take over ${app(facts)}.`,
    'app.succession-declined': (facts) =>
      `You said no to ${text(facts, 'name', text(facts, 'to', 'another maker'))}, who was to take over ${app(facts)}.`,
    'app.expelled': (facts) => `${app(facts)} was stopped: its maker was expelled.`,
    'app.reinstated': (facts) => `The maker of ${app(facts)} is a member again.`,
    'os.updated': (facts) => `The box was updated to${version(facts)}.`,
    'os.rolled-back': (facts) =>
      `The new system${version(facts)} did not work here. The box went back to the one before.`,
    'os.not-updated': (facts) => `The new system${version(facts)} could not be put in place.`,
    'os.settings': () => 'You settled how the box is updated.',
    'os.hold': (facts) =>
      Number(facts.days) === 0 ? 'You let updates go ahead again.' : `You put updates off for ${facts.days} days.`,
    'os.now': (facts) => `You had the box updated to${version(facts)} without waiting.`,
    'link.confirmed': (facts) => `You linked your box with ${company(facts)}.`,
    'link.refused': (facts) => `You refused to be linked with ${company(facts)}.`,
    'link.ended': (facts) =>
      facts.why === 'owner'
        ? `You ended the link with ${company(facts)}.`
        : facts.why === 'member'
          ? `${company(facts)} ended its link with your box.`
          : `The link with ${company(facts)} ended${linkEnds[text(facts, 'why', '')] ?? '.'}`,
    'offer.declined': (facts) => `You did not want ${app(facts)}${version(facts)}, which ${company(facts)} offered.`,
    'manager.appointed': (facts) => `You let ${company(facts)} manage its apps, and accept their terms in your name.`,
    'manager.dismissed': (facts) => `You took back that ${company(facts)} manages its apps.`,
    'manager.agreed': (facts) =>
      `${company(facts)}, your manager, chose ${app(facts)}${version(facts)} for you, and accepted its terms.`,
    'terms.agreed': (facts) =>
      `You agreed to the terms of ${app(facts)}: ${text(facts, 'prices', '')}${facts.replaces === undefined ? '' : ', in place of those before'}.`,
    'terms.cap': (facts) =>
      facts.amount === 'none'
        ? `You took the limit off what ${app(facts)} may cost a month.`
        : `You set a limit to what ${app(facts)} may cost a month: ${text(facts, 'amount', '')}.`,
    'terms.left': (facts) => `You left the agreement about ${app(facts)}.`,
    'terms.ended': (facts) => `The agreement about ${app(facts)} ended${termsEnds[text(facts, 'why', '')] ?? '.'}`,
    'terms.changed': (facts) =>
      `Version ${text(facts, 'to', '')} of ${app(facts)} has other terms. Yours hold until ${exact(Number(facts.endsAt))}.`,
    'terms.change-withdrawn': (facts) => `The other terms of ${app(facts)} were taken back. Yours hold.`,
    'terms.usage-restarted': (facts) =>
      `What ${app(facts)} had used stood otherwise at your provider than on this box. It goes on behind what stands there; no month is charged twice.`,
    'terms.usage-refused': (facts) =>
      `Your provider refused the sums of what ${app(facts)} used in ${text(facts, 'period', '')}. They are not charged.`,
    'terms.month-closed': (facts) =>
      `Your provider closed ${monthName(text(facts, 'month', ''))}: ${text(facts, 'sums', '')}.`,
    'terms.month-differs': (facts) =>
      `Your box reckons ${monthName(text(facts, 'month', ''))} otherwise than your provider has closed it.`,
    'grant.given': (facts) =>
      `${app(facts)} was allowed: ${permission(facts)}${facts.until === undefined ? '' : `, until ${exact(Number(facts.until))}`}.`,
    'grant.taken': (facts) => `Taken back from ${app(facts)}: ${permission(facts)}.`,
    'grant.ended': (facts) => `The time is over for ${app(facts)}: ${permission(facts)}.`,
    'grant.dropped': (facts) => `All that ${app(facts)} was allowed ended with it.`,
  } as Record<string, (facts: Facts) => string>,
  steps: {
    elect: 'Note your choice',
    reach: 'Find the provider and make sure that it is the right one',
    key: 'Make a key that never leaves the box',
    ask: 'Ask to be admitted',
    adopt: 'Take over the certificate',
    prove: 'Try the certificate out',
    announce: 'Tell the old provider',
    birth: 'Report to the new provider',
    switch: 'Change over',
    depart: 'Take leave of the old provider',
    complete: 'Take leave of the old provider',
    revoke: 'Have the certificate revoked',
    destroy: 'Destroy keys and data',
    ...appSteps,
  } as Record<string, string>,
};
