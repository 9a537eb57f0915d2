/** A maker: its certification authority in `ca.key` and `ca.crt`, and the register of the boxes that it made. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import type { Clock } from '#common/clock.js';
import { type Files, ownDirectory } from '#common/files.js';
import { createIssuer, type Issuer } from '#common/pki/certificate.js';
import { issueMakerRoot } from '#common/pki/idevid.js';
import { keyFromPem, keyInFile, signerOf } from '#common/pki/keys.js';
import { certificatesFromPem, certificateToPem } from '#common/pki/pem.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { openRegister, type Register } from './register.js';

const About = Type.Object(
  {
    id: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' }),
    name: Type.String({ minLength: 1, maxLength: 64 }), // RFC 5280: ub-organization-name
    /** In hardwareModuleName: the kind of hardware, an arc below 2.25 made at random (X.667). */
    hardwareType: Type.String({ pattern: '^2\\.25\\.\\d{1,39}$' }),
  },
  { additionalProperties: true },
);
export type About = Static<typeof About>;

export interface Maker {
  readonly about: About;
  readonly issuer: Issuer;
  readonly register: Register;
}

const place = (directory: string, name: string): string => path.join(directory, name);

/** Can be repeated after a cut; `maker.json` comes last. @throws Refusal `directory-not-empty`, `arguments-invalid` */
export async function createMaker({
  files,
  clock,
  directory,
  id,
  name,
}: {
  files: Files;
  clock: Clock;
  directory: string;
  id: string;
  name: string;
}): Promise<void> {
  const hardwareType = `2.25.${BigInt(`0x${randomBytes(16).toString('hex')}`)}`;
  const about = check(About, { id, name, hardwareType });
  if (!about.ok) throw new Refusal('arguments-invalid', describeFaults(about.faults));
  await ownDirectory(directory);
  if (await files.read(place(directory, 'maker.json')))
    throw new Refusal('directory-not-empty', place(directory, 'maker.json'));
  const signer = signerOf(await keyInFile(files, place(directory, 'ca.key')));
  const subject = { commonName: `${name.slice(0, 40)} factory`, organization: name };
  const der = await issueMakerRoot({ subject, signer, notBefore: clock.now() - 3_600_000 });
  await files.write(place(directory, 'ca.crt'), certificateToPem(der), 0o644);
  await files.write(place(directory, 'maker.json'), `${JSON.stringify(about.value, null, 2)}\n`);
}

/** @throws Refusal `maker-missing`, `config-invalid` */
export async function openMaker({ files, directory }: { files: Files; directory: string }): Promise<Maker> {
  const [json, key, crt] = await Promise.all(
    ['maker.json', 'ca.key', 'ca.crt'].map((name) => files.read(place(directory, name))),
  );
  if (!json || !key || !crt) throw new Refusal('maker-missing', directory);
  const about = parseJson(About, json);
  if (!about.ok) throw new Refusal('config-invalid', `maker.json: ${describeFaults(about.faults)}`);
  const [certificate] = certificatesFromPem(crt.toString('utf8'));
  if (!certificate) throw new Refusal('maker-missing', place(directory, 'ca.crt'));
  const issuer = createIssuer({
    certificate,
    signer: signerOf(keyFromPem(key)),
  });
  return { about: about.value, issuer, register: await openRegister(place(directory, 'made.jsonl')) };
}
