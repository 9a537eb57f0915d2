/** What the page about the storage says. */
import type { PlainReason } from '#contract/volume.js';

export const storage = {
  link: 'Storage: whether it is encrypted',
  title: {
    tpm2: 'What is on your box is encrypted.',
    'key-file': 'What is on your box is encrypted, but its key lies beside it.',
    plain: 'What is on your box is not encrypted.',
  },
  lead: {
    tpm2: 'It can be read in this box only: its security chip (TPM) keeps the key. Whoever gets the disk without the box reads nothing.',
    'key-file':
      'This machine has no security chip that takes the key, so the box opens its storage with the file webizen-storage-key.txt on the boot partition. Whoever gets the disk can read it all.',
    plain: 'Whoever gets the card or disk of this box can read what is on it. Keep the box where you keep your papers.',
  },
  because: {
    'no-tpm': 'Encrypting it would need a security chip (TPM) to keep the key, and this machine has none.',
    'tpm-refused':
      'There is a security chip (TPM) in this machine, but it did not take the key. It may be switched off or locked in the machine’s own settings.',
    'in-use':
      'There is a security chip (TPM) in this machine, but the box was in use before it could be used. What is there is never encrypted behind your back.',
  } satisfies Record<PlainReason, string>,
  limits:
    'Whoever takes the whole box while it runs, or starts a program of their own on it, is not kept out by this. Nor is anybody who knows your passphrase.',
  bootPartition:
    'The boot partition is never encrypted: it holds what the box starts from, and files that you put there.',
  what: 'What this means',
  key: {
    section: 'Your storage key',
    lead: 'If the box breaks, this key opens its disk in another box. Nobody else has it, and nobody can make it again. It is not your recovery code, which is for the passphrase.',
    show: 'Show the key',
    keep: 'Write it down, and keep it where you keep other papers, not beside the box.',
    label: 'Type the last eight letters',
    hint: 'Then the box forgets the key, and it is on your paper alone.',
    empty: 'Type the last eight letters of the key',
    submit: 'I have it',
    gone: 'You have written it down. The box does not keep it any more.',
    use: 'If the disk is ever asked for it: write it into a file webizen-storage-key.txt on the boot partition, and start the box.',
  },
  care: {
    keyWaits: {
      title: 'Write down the key to your storage.',
      what: 'Without it, what is on the box is lost if the box breaks.',
    },
    keyFile: {
      title: 'The key to your storage lies beside it.',
      what: 'It opens with a file on the boot partition.',
    },
  },
};
