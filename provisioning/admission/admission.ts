/** What a box shows at `simpleenroll` is proven here, and decides whether and as what it comes in. */
import type { X509Certificate } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Csr } from '#common/pki/csr.js';
import { verifyVoucher } from '#common/pki/voucher.js';
import type { FactoryIdentity } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import type { Enter } from '../boxes/enter.js';
import type { Redemption } from '../claims/claims.js';
import { type Maker, recogniseFactory } from './factory.js';
import type { Asking, Waiting } from './requests.js';
import { decide, type Shown, type Ways } from './ways.js';

/** The bytes that came, none of them proven but the possession of the keys. */
export interface Application {
  csr: Csr;
  /** As it was typed. */
  code: string | undefined;
  /** What the client showed in the handshake, its own first. */
  chain: readonly X509Certificate[];
  /** CMS, DER. */
  voucher: Uint8Array | undefined;
  address: string;
}

export interface Admission {
  /**
   * The certificate as DER, or when to ask again while an operator decides.
   * @throws Refusal as `Redemption.redeem`, and the codes of admission
   */
  apply(application: Application): Promise<Buffer | Waiting>;
}

export function createAdmission({
  ways,
  territory,
  roots,
  claims,
  requests,
  enter,
  checkDevice,
  makers,
  clock,
}: {
  ways: Ways;
  /** Its id. */
  territory: string;
  /** The territory's own. */
  roots: () => readonly X509Certificate[];
  claims: Redemption;
  requests: { ask(asking: Asking): Promise<Buffer | Waiting> };
  enter: Enter;
  /** @throws Refusal `factory-barred` */
  checkDevice: (factory: FactoryIdentity) => Promise<void>;
  /** Those that the alliance accredits now. */
  makers: (at: number) => readonly Maker[];
  clock: Clock;
}): Admission {
  function voucherOf(der: Uint8Array | undefined, device: FactoryIdentity | undefined, at: number): Shown['voucher'] {
    const ca = makers(at).find(({ id }) => id === device?.maker)?.ca;
    if (!der || !device || !ca) return undefined;
    try {
      const { pinned, territory: named } = verifyVoucher({ der, makers: [ca], serial: device.serial, at });
      const isOurs = roots().some((root) => root.raw.equals(pinned.raw)) && (named ?? territory) === territory;
      return isOurs ? 'good' : new Refusal('voucher-elsewhere', named);
    } catch (error) {
      return error instanceof Refusal ? error : new Refusal('voucher-invalid', undefined, { cause: error });
    }
  }

  return {
    async apply({ csr, code, chain, voucher, address }) {
      const at = clock.now();
      const factory = chain.length > 0 ? recogniseFactory({ chain, makers: makers(at), at }) : undefined;
      const device = factory instanceof Refusal ? undefined : factory;
      if (device) await checkDevice(device);
      const shown: Shown = {
        code,
        claimLabel: code === undefined ? undefined : claims.labelOf(code),
        factory,
        voucher: voucherOf(voucher, device, at),
      };
      const verdict = decide(ways, shown);
      switch (verdict.way) {
        case 'refused':
          throw verdict.refusal;
        case 'claim':
          try {
            return await claims.redeem(verdict.code, csr, device);
          } catch (error) {
            // An operator may yet know whose box it is.
            const isOld = error instanceof Refusal && error.code === 'claim-expired' && shown.claimLabel !== undefined;
            if (!isOld || !ways.has('manual')) throw error;
          }
          break;
        case 'request':
          break;
        default: {
          const { way, factory } = verdict;
          const how = way === 'maker' ? 'as the device of an accredited maker' : 'with its voucher';
          const { certificate } = await enter(csr, { admittedBy: way, factory, how });
          return Buffer.from(certificate.der, 'base64');
        }
      }
      const { claimLabel } = shown;
      return requests.ask({ csr, address, factory: device, claimLabel });
    },
  };
}
