/**
 * One box: a folder that appears whole, then a line in the register. So a batch that was cut is run again, and a box that
 * is there keeps its certificate and its setup code, which stands on its label and nowhere else.
 */
import { access, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import { parseCsr } from '#common/pki/csr.js';
import { issueIdevid } from '#common/pki/idevid.js';
import { keyHash } from '#common/pki/keys.js';
import { certificatesFromPem, certificateToPem } from '#common/pki/pem.js';
import { makeVoucher } from '#common/pki/voucher.js';
import { boxName, Serial } from '#contract/label.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { newSetupCode, parseSetupCode, setupVerifier } from '#contract/setup-code.js';
import { newWifiPassword } from '#contract/wifi-password.js';
import { labelSvg, labelText } from './label.js';
import type { Maker } from './maker.js';

export interface Wish {
  serial: string;
  /** DER or PEM. */
  csr: Uint8Array;
  /** Where it was sold to; no voucher without. */
  territory?: { id: string | undefined; ca: Uint8Array } | undefined;
}

export interface MakeParts {
  maker: Maker;
  clock: Clock;
  /** Each box gets a folder of its own there, named by its serial. */
  out: string;
  /** How long vouchers last; undefined: until they are used. */
  voucherMilliseconds?: number | undefined;
}

/** The request in a file, without its armour. */
export function csrBytes(file: Uint8Array): Buffer {
  const text = Buffer.from(file).toString('latin1');
  const [, base64] = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([^-]+)-----END/.exec(text) ?? [];
  return base64 === undefined ? Buffer.from(file) : Buffer.from(base64, 'base64');
}

async function writeSynced(file: string, data: string | Uint8Array, mode: number): Promise<void> {
  const handle = await open(file, 'w', mode);
  try {
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const exists = (place: string): Promise<boolean> =>
  access(place).then(
    () => true,
    () => false,
  );

/**
 * @throws Refusal `serial-invalid`, `serial-mismatch`, `serial-taken`, `serial-made`, and those of `parseCsr`
 */
export async function makeBox(parts: MakeParts, wish: Wish): Promise<'made' | 'there'> {
  const { maker, clock, out } = parts;
  const { about, issuer, register } = maker;
  const { serial } = wish;
  if (!check(Serial, serial).ok) throw new Refusal('serial-invalid', serial);
  const csr = parseCsr(csrBytes(wish.csr));
  if (csr.serialNumber !== undefined && csr.serialNumber !== serial)
    throw new Refusal('serial-mismatch', `${csr.serialNumber}, wanted ${serial}`);
  const folder = path.join(out, serial);
  const known = register.find(serial);
  if (known && known.keyHash !== csr.keyHash) throw new Refusal('serial-taken', serial);
  if (await exists(folder)) {
    const [held] = certificatesFromPem(await readFile(path.join(folder, 'idevid.crt'), 'utf8'));
    if (!held || keyHash(held.publicKey) !== csr.keyHash) throw new Refusal('serial-taken', `${serial} in ${folder}`);
    if (known) return 'there';
    const voucher = (await exists(path.join(folder, 'voucher.vcj'))) ? (wish.territory?.id ?? '') : null;
    const { serialNumber: certificate } = held;
    await register.add({ serial, keyHash: csr.keyHash, certificate, name: boxName(serial), voucher, at: clock.now() });
    return 'there';
  }
  if (known) throw new Refusal('serial-made', serial);

  const now = clock.now();
  const code = newSetupCode();
  const wifi = newWifiPassword();
  const label = { name: boxName(serial), code, wifi, serial };
  const [idevid, verifier, voucher] = await Promise.all([
    issueIdevid(issuer, {
      serial,
      organization: about.name,
      hardwareType: about.hardwareType,
      spki: csr.spki,
      notBefore: now - 3_600_000,
    }),
    setupVerifier(parseSetupCode(code) ?? code),
    wish.territory &&
      makeVoucher(issuer, {
        serial,
        createdAt: now,
        expiresAt: parts.voucherMilliseconds === undefined ? undefined : now + parts.voucherMilliseconds,
        pinned: wish.territory.ca,
        territory: wish.territory.id,
      }),
  ]);
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  const chain = certificateToPem(idevid.der) + certificateToPem(issuer.certificate.raw);
  const contents: [string, string | Uint8Array, number][] = [
    ['idevid.crt', chain, 0o644],
    ['setup-code.json', `${JSON.stringify(verifier)}\n`, 0o600],
    ['wifi-password.txt', `${wifi}\n`, 0o600],
    ['label.svg', labelSvg(label), 0o600],
    ['label.txt', labelText(label), 0o600],
    ...(voucher ? ([['voucher.vcj', voucher, 0o644]] as [string, Uint8Array, number][]) : []),
  ];
  await Promise.all(contents.map(([name, data, mode]) => writeSynced(path.join(partial, name), data, mode)));
  await rename(partial, folder);
  await register.add({
    serial,
    keyHash: csr.keyHash,
    certificate: idevid.serial,
    name: label.name,
    voucher: voucher ? (wish.territory?.id ?? '') : null,
    at: now,
  });
  return 'made';
}
