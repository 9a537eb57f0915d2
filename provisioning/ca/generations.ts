/**
 * The territory's CA on disk, `D/ca`: generations of roots and issuing CAs, and the bridges between the roots.
 *
 * A generation counts from the moment that its own certificate is there, and that is written last: after its key, and a
 * root's after its bridges. So a cut in the middle of a rollover leaves the CA as it was, and the rollover repeatable.
 */
import type { X509Certificate } from 'node:crypto';
import path from 'node:path';
import type { Files } from '#common/files.js';
import { certificatesFromPem } from '#common/pki/pem.js';
import { Refusal } from '#contract/problems.js';

export type Kind = 'root' | 'issuing';

export interface Generation {
  readonly number: number;
  readonly certificate: X509Certificate;
}

export interface Generations {
  /** Newest first; never empty. */
  readonly roots: readonly Generation[];
  readonly issuing: readonly Generation[];
  /** Newest first: the key of each root signed by the one before it. */
  readonly newWithOld: readonly X509Certificate[];
  readonly oldWithNew: readonly X509Certificate[];
}

/** The first generation has no number in its name: it was there before there were others. */
const base = (kind: Kind, number: number): string => (number === 1 ? kind : `${kind}-${number}`);

export const place = (directory: string, name: string): string => path.join(directory, 'ca', name);
export const keyFile = (directory: string, kind: Kind, number: number): string =>
  place(directory, `${base(kind, number)}.key`);
export const certificateFile = (directory: string, kind: Kind, number: number): string =>
  place(directory, `${base(kind, number)}.crt`);
/** Of the key of one root, signed by the other. */
export const crossFile = (directory: string, of: number, by: number): string =>
  place(directory, `root-${of}-by-${by}.crt`);

async function certificateIn(files: Files, file: string): Promise<X509Certificate | undefined> {
  const found = await files.read(file);
  if (!found) return undefined;
  const [certificate] = certificatesFromPem(found.toString('utf8'));
  if (!certificate) throw new Error(`cannot read the certificate in ${file}`);
  return certificate;
}

async function all(files: Files, directory: string, kind: Kind): Promise<Generation[]> {
  const found: Generation[] = [];
  for (let number = 1; ; number += 1) {
    const certificate = await certificateIn(files, certificateFile(directory, kind, number));
    if (!certificate) break;
    found.unshift({ number, certificate });
  }
  if (found.length === 0) throw new Refusal('territory-missing', `${certificateFile(directory, kind, 1)} is not there`);
  return found;
}

/** @throws Refusal `territory-missing` when a part of the CA is not there */
export async function readGenerations(files: Files, directory: string): Promise<Generations> {
  const [roots, issuing] = [await all(files, directory, 'root'), await all(files, directory, 'issuing')];
  const bridges = async (of: (number: number) => [of: number, by: number]) => {
    const found: X509Certificate[] = [];
    for (const { number } of roots.slice(0, -1)) {
      const file = crossFile(directory, ...of(number));
      const certificate = await certificateIn(files, file);
      if (!certificate) throw new Refusal('territory-missing', `${file} is not there`);
      found.push(certificate);
    }
    return found;
  };
  return {
    roots,
    issuing,
    newWithOld: await bridges((number) => [number, number - 1]),
    oldWithNew: await bridges((number) => [number - 1, number]),
  };
}
