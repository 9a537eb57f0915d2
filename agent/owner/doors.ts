/**
 * The ways in: the label's code, the passphrase, the recovery code, and label code with a file on the boot partition.
 * All of them go through the same slow turns; every failure is told to the ledger, which counts rather than lists them.
 */
import path from 'node:path';
import type { FastifyRequest } from 'fastify';
import type { Files } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import type { OwnerSigner } from '../consent/ledger.js';
import type { OwnerFeatures } from './features.js';
import type { Tries } from './tries.js';

export interface Doors {
  /** @throws Refusal `setup-code-wrong` */
  labelCode(request: FastifyRequest, code: string): Promise<void>;
  /** @throws Refusal `passphrase-wrong` */
  passphrase(request: FastifyRequest, passphrase: string): Promise<OwnerSigner>;
  /** @throws Refusal `recovery-wrong` */
  recoveryCode(request: FastifyRequest, wish: { recoveryCode: string; passphrase: string }): Promise<NewKeyHolder>;
  /** @throws Refusal `replace-forbidden`, `forgotten-file-missing`, `setup-code-wrong` */
  forgotten(request: FastifyRequest, wish: { code: string; passphrase: string }): Promise<NewKeyHolder>;
  forgottenState(): Promise<'ready' | 'file-missing' | 'forbidden'>;
  /** What needs the passphrase once more, in the same slow turns. */
  again<T>(request: FastifyRequest, work: () => Promise<T>): Promise<T>;
  waitSeconds(): number;
}

export interface NewKeyHolder {
  recoveryCode: string;
  signer: OwnerSigner;
}

/** Whoever can write to the boot partition holds the card. */
export const forgottenFile = 'webizen-forgot-passphrase';

const failures = {
  'setup-code-wrong': 'setup-code-failed',
  'passphrase-wrong': 'sign-in-failed',
  'recovery-wrong': 'recovery-failed',
} as const;
type Wrong = keyof typeof failures;
const isWrong = (code: string): code is Wrong => code in failures;

export function createDoors({
  factory,
  owner,
  ledger,
  tries,
  files,
  bootDir,
}: Pick<OwnerFeatures, 'factory' | 'owner' | 'ledger'> & {
  tries: Tries;
  files: Files;
  /** Undefined on a machine without a boot partition. */
  bootDir: string | undefined;
}): Doors {
  const file = bootDir === undefined ? undefined : path.join(bootDir, forgottenFile);

  /** A wrong one is undefined to the turns, so that the next one waits. */
  async function inTurn<T>(request: FastifyRequest, work: () => Promise<T>): Promise<T> {
    let wrong: Refusal | undefined;
    const gone = new AbortController();
    request.raw.socket.once('close', () => gone.abort());
    const judged = await tries.attempt(
      request.ip,
      async () => {
        try {
          return { value: await work() };
        } catch (error) {
          if (!(error instanceof Refusal) || !isWrong(error.code)) throw error;
          wrong = error;
          await ledger.append({ by: 'stranger', type: failures[error.code] });
          return undefined;
        }
      },
      gone.signal,
    );
    if (judged) return judged.value;
    throw wrong ?? new Refusal('unavailable');
  }

  async function checkLabel(code: string): Promise<void> {
    if (!(await factory.verifySetupCode(code))) throw new Refusal('setup-code-wrong');
  }

  async function forgottenState() {
    if (owner.isSet() && !owner.mayReplace()) return 'forbidden' as const;
    const found = file === undefined ? undefined : await files.read(file);
    return found === undefined ? ('file-missing' as const) : ('ready' as const);
  }

  return {
    labelCode: (request, code) => inTurn(request, () => checkLabel(code)),
    passphrase: (request, passphrase) => inTurn(request, () => owner.unlock(passphrase)),
    recoveryCode: (request, { recoveryCode, passphrase }) =>
      inTurn(request, () => owner.recover(recoveryCode, passphrase)),
    async forgotten(request, { code, passphrase }) {
      const state = await forgottenState();
      if (state === 'forbidden') throw new Refusal('replace-forbidden');
      if (state === 'file-missing' || file === undefined) throw new Refusal('forgotten-file-missing');
      const made = await inTurn(request, async () => {
        await checkLabel(code);
        return owner.replace(passphrase);
      });
      // Once only: a file that cannot be removed would keep the door open for whoever knows the label.
      await files.remove(file);
      return made;
    },
    forgottenState,
    again: inTurn,
    waitSeconds: () => tries.waitSeconds(),
  };
}
