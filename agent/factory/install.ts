/** The box's half of the production line: it makes its key and asks for a certificate, then takes what the maker made. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import path from 'node:path';
import { type Files, ownDirectory } from '#common/files.js';
import { makeCsr } from '#common/pki/csr.js';
import { verifyIdevid } from '#common/pki/idevid.js';
import { keyFromPem, keyInFile, keyToPem, signerOf } from '#common/pki/keys.js';
import { certificatesFromPem, certificateToPem } from '#common/pki/pem.js';
import { verifyVoucher } from '#common/pki/voucher.js';
import { boxName, Serial } from '#contract/label.js';
import { check, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { SetupVerifier } from '#contract/setup-code.js';
import { factoryPlaces, type StoredSetupCode } from './places.js';
import { parseWifiPassword } from './wifi-password.js';

/** The key of the factory identity: the one installed, or the one that waits. */
async function factoryKey(files: Files, places: ReturnType<typeof factoryPlaces>): Promise<KeyObject> {
  const installed = await files.read(places.identity);
  return installed ? keyFromPem(installed) : keyInFile(files, places.key);
}

/**
 * PEM. The key is on the disk before its request leaves the box, and the same is asked for again each time.
 * @throws Refusal `serial-invalid`
 */
export async function factoryCsr({
  files,
  dataDir,
  serial,
}: {
  files: Files;
  dataDir: string;
  serial: string;
}): Promise<string> {
  if (!check(Serial, serial).ok) throw new Refusal('serial-invalid', serial);
  const places = factoryPlaces(dataDir);
  await ownDirectory(dataDir);
  await ownDirectory(places.directory);
  const der = await makeCsr({ serialNumber: serial, signer: signerOf(await factoryKey(files, places)) });
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`;
}

/**
 * Takes `idevid.crt`, `setup-code.json` and, where they are there, `wifi-password.txt` and `voucher.vcj`. Nothing is kept unless all of it is for
 * this box; the identity comes last, so that a cut run is repeated.
 * @throws Refusal `idevid-malformed`, `idevid-key`, `idevid-foreign`, `setup-code-malformed`, `wifi-password-invalid`, `voucher-spent`, and
 *   those of `verifyVoucher`
 */
export async function factoryInstall({
  files,
  dataDir,
  from,
  at,
}: {
  files: Files;
  dataDir: string;
  from: string;
  /** Milliseconds since 1970. */
  at: number;
}): Promise<{ serial: string; name: string; voucher: boolean }> {
  const places = factoryPlaces(dataDir);
  const given = (name: string) => files.read(path.join(from, name));
  const names = ['idevid.crt', 'setup-code.json', 'voucher.vcj', 'wifi-password.txt'] as const;
  const [crt, code, voucher, wifi] = await Promise.all(names.map(given));

  const chain = readChain(crt?.toString('utf8') ?? '');
  const [leaf, ca] = chain;
  if (!leaf || !ca) throw new Refusal('idevid-malformed', `${path.join(from, 'idevid.crt')}: leaf and CA are wanted`);
  const { serial } = verifyIdevid(leaf, [{ ca }]);
  const key = await waitingKey();
  if (!leaf.publicKey.equals(createPublicKey(key))) throw new Refusal('idevid-key', serial);
  const verifier = code && parseJson(SetupVerifier, code);
  if (!verifier?.ok) throw new Refusal('setup-code-malformed', path.join(from, 'setup-code.json'));
  const wifiPassword = parseWifiPassword(wifi); // labels of before have none
  if (wifi && wifiPassword === undefined)
    throw new Refusal('wifi-password-invalid', path.join(from, 'wifi-password.txt'));
  if (voucher) {
    verifyVoucher({ der: voucher, makers: [ca], serial, at });
    if (await files.read(places.voucherSpent)) throw new Refusal('voucher-spent');
  }

  const stored: StoredSetupCode = { source: 'label', verifier: verifier.value };
  await files.write(places.setupCode, JSON.stringify(stored), 0o600);
  if (wifiPassword !== undefined) await files.write(places.wifiPassword, `${wifiPassword}\n`, 0o600);
  if (voucher) await files.write(places.voucher, voucher, 0o600);
  const pem = chain.map((one) => certificateToPem(one.raw)).join('');
  await files.write(places.identity, keyToPem(key) + pem, 0o600);
  await files.remove(places.key);
  return { serial, name: boxName(serial), voucher: voucher !== undefined };

  async function waitingKey(): Promise<KeyObject> {
    const pem = (await files.read(places.identity)) ?? (await files.read(places.key));
    if (!pem) throw new Refusal('idevid-key', 'this box has made no key: run webizen-agent factory csr first');
    return keyFromPem(pem);
  }
}

function readChain(pem: string) {
  try {
    return certificatesFromPem(pem);
  } catch (error) {
    throw new Refusal('idevid-malformed', undefined, { cause: error });
  }
}
