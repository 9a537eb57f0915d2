/** Where the factory's things lie below the data directory. A reset keeps this folder, and nothing else. */
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { SetupVerifier } from '#contract/setup-code.js';

export const factoryPlaces = (dataDir: string) => {
  const directory = path.join(dataDir, 'factory');
  const file = (name: string) => path.join(directory, name);
  return {
    directory,
    /** Waits for its certificate. */
    key: file('idevid.key'),
    /** Key and chain in one: never a certificate without its key. */
    identity: file('idevid.pem'),
    setupCode: file('setup-code.json'),
    /** Of the box's own Wi-Fi network. */
    wifiPassword: file('wifi-password'),
    voucher: file('voucher.vcj'),
    /** While it is there, no voucher counts any more. */
    voucherSpent: file('voucher-spent.json'),
    /** Of a home-made box, which has no serial number but needs a name that stays. */
    homeSerial: file('home-serial'),
  };
};

export const StoredSetupCode = Type.Object({
  /** A label's stands for good; the others follow what the boot partition says. */
  source: Type.Union([Type.Literal('label'), Type.Literal('webizen.json'), Type.Literal('made')]),
  verifier: SetupVerifier,
});
export type StoredSetupCode = Static<typeof StoredSetupCode>;
