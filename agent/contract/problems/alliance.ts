/** The alliance's directory, makers, factory identities and vouchers. */
import type { ProblemTable } from './table.js';

export const allianceProblems = {
  // The alliance's directory
  'directory-malformed': [
    400,
    'this is not a directory of the alliance',
    'fetch the directory again from where the alliance publishes it',
  ],
  'directory-too-large': [
    413,
    'the directory is larger than 5 MB',
    'fetch the directory again from where the alliance publishes it',
  ],
  'directory-foreign': [
    403,
    'the directory is signed by a key that is not one of this alliance',
    'fetch the directory again from where the alliance publishes it; the one held stays in use',
  ],
  'directory-forged': [
    403,
    "the directory's signature does not verify",
    'fetch the directory again from where the alliance publishes it; the one held stays in use',
  ],
  'directory-older': [
    409,
    'the directory is older than the one held',
    'nothing needs doing: the newer one stays in use',
  ],
  'directory-fork': [
    409,
    'two different directories have the same sequence number',
    'tell the alliance: it, or somebody with its key, signed twice; the one held stays in use',
  ],
  'directory-unreachable': [
    503,
    'none of the places that were asked gave a directory',
    'nothing needs doing: the one held stays in use; check the network if it stays',
  ],
  'directory-missing': [404, 'there is no directory of the alliance here yet', 'run webizen-provider directory accept'],
  'directory-keys-missing': [
    400,
    'the public keys of the alliance are not known here',
    "give --keys FILE, the alliance's keys.json",
  ],
  'directory-keys-invalid': [400, 'this is not a file of the alliance’s public keys', "use the alliance's keys.json"],
  'alliance-missing': [404, 'there is no alliance in this directory', 'run webizen-provider alliance init first'],
  'alliance-key': [
    409,
    'this is not the key that was announced as the next one',
    'give --next-key FILE, the key that the last rotation or init made',
  ],
  'entry-exists': [409, 'the directory has an entry with this id', 'choose another id, or remove the entry first'],
  'entry-unknown': [404, 'the directory has no entry with this id', 'list the entries to see their ids'],
  'certificate-unusable': [
    400,
    'the file does not hold the certificate that is wanted',
    'give the certificate of the certification authority, in PEM',
  ],

  // The maker, factory identities and labels
  'maker-missing': [404, 'there is no maker in this directory', 'run webizen-provider maker init first'],
  'serial-invalid': [400, 'the serial number is missing or not one', 'use 1 to 64 letters, digits, dots and dashes'],
  'serial-taken': [
    409,
    'a box with this serial number was made with another key',
    'give each box a serial number of its own',
  ],
  'serial-made': [
    409,
    'a box with this serial number was made already, into another folder',
    'use what was made then: its setup code stands there and nowhere else',
  ],
  'serial-mismatch': [400, 'the request is for another serial number', 'use the request that this box made'],
  'batch-invalid': [
    400,
    'a line of the batch is wrong',
    'give a JSON object a line: serial, csr, and territory where it is known',
  ],
  'idevid-malformed': [
    400,
    'the certificate is not a factory identity',
    'use the idevid.crt that the maker made for this box',
  ],
  'idevid-foreign': [
    403,
    'the factory identity is not by a maker that the alliance accredits',
    'ask the maker of the box; or enrol with a claim code',
  ],
  'idevid-key': [
    409,
    'the factory identity is for another key than the one of this box',
    'use the idevid.crt that was made from the request of this box',
  ],
  'setup-code-malformed': [
    400,
    'this is not a setup code: its length or its check character is wrong',
    'compare the code with the label, character by character',
  ],
  'boot-file-invalid': [400, 'webizen.json on the boot partition is wrong', 'mend each field that is named'],
  'boot-unwritable': [
    500,
    'the setup code cannot be written to the boot partition',
    'put a setup code into webizen.json on the boot partition',
  ],

  // Vouchers (RFC 8366)
  'voucher-malformed': [400, 'this is not a voucher', 'use the voucher that the maker made for this box'],
  'voucher-forged': [
    403,
    "the voucher's signature does not verify",
    'use the voucher that the maker made for this box',
  ],
  'voucher-foreign': [
    403,
    'the voucher is not signed by the maker of this box',
    'use the voucher that the maker made for this box',
  ],
  'voucher-serial': [403, 'the voucher is for another box', 'use the voucher that the maker made for this box'],
  'voucher-expired': [403, 'the voucher has expired', 'set the box up by hand, or ask the maker for a new voucher'],
  'voucher-spent': [403, 'the voucher has been used', 'set the box up by hand'],
} as const satisfies ProblemTable;
