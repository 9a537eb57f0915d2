/** What the page of a box says whose data do not open. */
export const lockedTexts = {
  title: 'Your box cannot open its data.',
  because: {
    'no-tpm': 'They are encrypted, and the security chip (TPM) that has the key is missing or switched off.',
    'tpm-refused':
      'They are encrypted, and the security chip (TPM) does not give the key: it is another one, or it was cleared.',
    'wrong-key': 'They are encrypted, and the storage key that the box was given does not fit.',
    unknown: 'It does not recognise what is on its disk.',
    unsaid: 'It could not look at its disk.',
  },
  nothingLost: 'Nothing was deleted.',
  noKey:
    'Switch the box off and on again. If that does not help, ask whoever looks after it, before anything is written to the disk.',
  open: 'Open them with the storage key',
  openLead: {
    chip: 'You wrote it down when the box was set up. The box restarts with it, ties the data to the security chip that it has now, and forgets the key again.',
    noChip:
      'You wrote it down when the box was set up. If the chip was only switched off in the machine’s settings, switch it on again instead. Without one the key stays in a file beside what it opens, and whoever takes the disk reads it.',
  },
  key: 'Storage key',
  keyHint:
    'Eight groups of eight letters. It goes over your own network unencrypted: do this at home, not in a network of strangers.',
  submit: 'Restart with this key',
  byFile: 'Or without the network',
  byFileLead:
    'Write the key into a file webizen-storage-key.txt on the boot partition of the disk, from another computer, and start the box again.',
  doneTitle: 'Your box restarts with the key.',
  done: 'Give it two minutes. If the key fits, you find your box as it was.',
  look: 'Look again',
} as const;
