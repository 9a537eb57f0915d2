/** The box's own network: Wi-Fi chosen, tried, refused. */
import type { ProblemTable } from './table.js';

export const networkProblems = {
  'wifi-missing': [409, 'this box has no Wi-Fi', 'connect it by cable, or plug in a Wi-Fi adapter'],
  'wifi-busy': [409, 'the box is just trying a Wi-Fi network', 'wait a minute for how it comes out'],
  'wifi-password-needed': [400, 'this Wi-Fi network wants a password', 'enter its password'],
  'wifi-password-invalid': [
    400,
    'this cannot be the password of a Wi-Fi network',
    'it has 8 to 63 letters, figures and signs of the usual keyboard; look for it on the router',
  ],
  'wifi-password-wrong': [
    409,
    'the Wi-Fi network did not take the password',
    'look for the password on the router, mind capitals, and try again',
  ],
  'wifi-not-found': [
    409,
    'the Wi-Fi network was not found',
    'look whether it is switched on and spelt as here, and bring box and router closer together',
  ],
  'wifi-no-address': [
    409,
    'the Wi-Fi network took the box in and gave it no address',
    'restart the router, or look whether it lets new devices in, and try again',
  ],
  'wifi-not-joined': [
    409,
    'the box could not join the Wi-Fi network',
    'check the password, bring box and router closer together, and try again',
  ],
  'wifi-interrupted': [
    409,
    'the box was switched off while it tried the Wi-Fi network',
    'try again, and leave it plugged in for a minute',
  ],
  'wifi-unsupported': [
    409,
    'the Wi-Fi network wants more than a password, or its protection is too old',
    'choose another network, or connect the box by cable',
  ],
  'wifi-unknown': [404, 'the box knows no Wi-Fi network', 'choose one'],
  'network-unavailable': [
    503,
    'the program that looks after the network does not answer',
    'wait a minute; if it stays, restart the box',
  ],
} as const satisfies ProblemTable;
