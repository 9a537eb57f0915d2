/** The password of a box's own Wi-Fi network: on its label, or beside the setup code on the boot partition. */
import { Type } from 'typebox';
import { newCode } from './base32.js';

const length = 15;
/** 70 random bits and a check character, `xxxxx-xxxxx-xxxxx`; typed as it stands there. */
export const newWifiPassword = (): string => newCode(length).toLowerCase();

/** 8 to 63 printable characters of ASCII (IEEE 802.11-2020, annex J.4), none of them a blank: it is read from paper. */
export const WifiPassword = Type.String({ pattern: '^[!-~]{8,63}$' });
