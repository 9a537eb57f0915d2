/**
 * What the box has from its maker, or from whoever built it at home: factory identity, name, setup code, voucher, and
 * what webizen.json on the boot partition says. None of it is the owner's, so it outlives a reset.
 */
import { randomBytes, type X509Certificate } from 'node:crypto';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import { type Files, ownDirectory } from '#common/files.js';
import { serialOfIdevid, verifyIdevid } from '#common/pki/idevid.js';
import { keyFromPem, keyToPem } from '#common/pki/keys.js';
import { certificatesFromPem, certificateToPem } from '#common/pki/pem.js';
import { type VoucherFacts, verifyVoucher } from '#common/pki/voucher.js';
import { boxName } from '#contract/label.js';
import { Refusal } from '#contract/problems.js';
import { verifySetupCode } from '#contract/setup-code.js';
import { type BootFile, bootFileName, parseBootFile, withoutWifi } from './boot-file.js';
import { factoryPlaces, type StoredSetupCode } from './places.js';
import { openSetupCode } from './setup-code.js';
import { openWifiPassword } from './wifi-password.js';

export { BootFile, parseBootFile } from './boot-file.js';

export interface FactoryIdentity {
  keyPem: string;
  /** PEM, leaf first, then the maker's CA. */
  chain: string;
  leaf: X509Certificate;
  serial: string;
}

export interface MakerOfBoxes {
  id: string;
  name: string;
  ca: X509Certificate;
}

export interface Factory {
  /** Undefined for a home-made box. */
  idevid(): FactoryIdentity | undefined;
  /** `webizen-XXXX`, as on the label; a home-made box has one too. */
  name(): string;
  /** What webizen.json says; empty where there is none, or where it is wrong and `onRefused` was told. */
  boot(): BootFile;
  hasSetupCode(): boolean;
  /** Where the code is to be found, for a page that asks for it. */
  setupCodeSource(): StoredSetupCode['source'] | undefined;
  /** Answers after the same work whatever the text; one at a time. Delays between tries are the caller's. */
  verifySetupCode(text: string): Promise<boolean>;
  /** Of the box's own Wi-Fi network; undefined where nobody could read it. */
  wifiPassword(): string | undefined;
  /** Once what webizen.json says of Wi-Fi is kept elsewhere: the password goes from there. @throws Refusal `boot-unwritable` */
  forgetBootWifi(): Promise<void>;
  /**
   * Undefined without one, or when it is spent.
   * @param makers those of the directory that may speak; the voucher counts only when it is by this box's own
   * @param at the trusted time, milliseconds since 1970
   * @throws Refusal `idevid-foreign` when none of them made this box, and those of `verifyVoucher`
   */
  voucher<M extends MakerOfBoxes>(
    makers: readonly M[],
    at: number,
  ): Promise<(VoucherFacts & { maker: M; der: Buffer }) | undefined>;
  /** Durable: from now on no voucher counts. At the first use, and at reset and hand-over whether it was used or not. */
  spendVoucher(): Promise<void>;
}

async function readIdentity(files: Files, file: string): Promise<FactoryIdentity | undefined> {
  const pem = (await files.read(file))?.toString('utf8');
  if (pem === undefined) return undefined;
  const key = keyFromPem(pem);
  const certificates = certificatesFromPem(pem);
  const [leaf] = certificates;
  if (!leaf?.checkPrivateKey(key)) throw new Error(`cannot use ${file}: it holds no key with its certificate`);
  const chain = certificates.map((one) => certificateToPem(one.raw)).join('');
  return { keyPem: keyToPem(key), chain, leaf, serial: serialOfIdevid(leaf) };
}

async function homeSerial(files: Files, file: string): Promise<string> {
  const found = (await files.read(file))?.toString('utf8').trim();
  if (found) return found;
  const made = `home-${randomBytes(8).toString('hex')}`;
  await files.write(file, `${made}\n`);
  return made;
}

export async function openFactory({
  dataDir,
  bootDir,
  files,
  clock,
  onRefused,
}: {
  dataDir: string;
  /** Where the boot partition is mounted; undefined where there is none. */
  bootDir?: string | undefined;
  files: Files;
  clock: Clock;
  /** A fault on the boot partition is told, and does not keep the box from starting. */
  onRefused(refusal: Refusal): void;
}): Promise<Factory> {
  const places = factoryPlaces(dataDir);
  await ownDirectory(places.directory);

  async function orTell<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      onRefused(error);
      return undefined;
    }
  }
  async function readBoot(): Promise<BootFile> {
    const bytes = bootDir === undefined ? undefined : await files.read(path.join(bootDir, bootFileName));
    return bytes ? parseBootFile(bytes) : {};
  }

  const identity = await readIdentity(files, places.identity);
  const name = boxName(identity?.serial ?? (await homeSerial(files, places.homeSerial)));
  const boot = (await orTell(readBoot)) ?? {};
  const setupCode = await orTell(() => openSetupCode({ files, file: places.setupCode, bootDir, boot }));
  const wifiPassword = await orTell(() =>
    openWifiPassword({ files, file: places.wifiPassword, bootDir, boxName: name }),
  );
  let turn: Promise<unknown> = Promise.resolve();

  return {
    idevid: () => identity,
    name: () => name,
    boot: () => boot,
    hasSetupCode: () => setupCode !== undefined,
    setupCodeSource: () => setupCode?.source,
    verifySetupCode(text) {
      // One at a time: each takes megabytes, and strangers may ask.
      const answer = turn.then(() => verifySetupCode(text, setupCode?.verifier));
      turn = answer.catch(() => {});
      return answer;
    },
    wifiPassword: () => wifiPassword,
    async forgetBootWifi() {
      if (bootDir === undefined) return;
      const file = path.join(bootDir, bootFileName);
      const bytes = await files.read(file);
      if (!bytes) return;
      await files.write(file, withoutWifi(bytes)).catch((error: unknown) => {
        throw new Refusal('boot-unwritable', error instanceof Error ? error.message : undefined, { cause: error });
      });
    },
    async voucher(makers, at) {
      if (!identity || (await files.read(places.voucherSpent))) return undefined;
      const der = await files.read(places.voucher);
      if (!der) return undefined;
      const { maker } = verifyIdevid(identity.leaf, makers);
      return { ...verifyVoucher({ der, makers: [maker.ca], serial: identity.serial, at }), maker, der };
    },
    async spendVoucher() {
      if (await files.read(places.voucherSpent)) return;
      await files.write(places.voucherSpent, JSON.stringify({ at: clock.now() }));
    },
  };
}
