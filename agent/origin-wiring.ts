/** What the maker and the alliance gave the box, wired: its factory identity, the directory, the voucher that counts. */
import type { StandingChange } from '#contract/directory.js';
import { DirectoryKeys } from '#contract/directory.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { type BoxDirectory, createDirectory } from './directory/directory.js';
import { type Factory, openFactory } from './factory/factory.js';
import type { Ground } from './ground.js';

export interface Voucher {
  territory: string;
  der: Uint8Array;
}

export interface Origin {
  readonly factory: Factory;
  /** Undefined where the configuration names none. */
  readonly directory: BoxDirectory | undefined;
  /** By an accredited maker, for a territory of the directory whose CA it names. */
  voucher(): Voucher | undefined;
  spendVoucher(): Promise<void>;
  /** From now on the ledger is told how the box's own territory stands; first of all, what an image brought before. */
  tellStandings(own: () => string | undefined): void;
}

/** @throws Refusal `config-invalid` when the keys that the directory is held against are not there */
async function openDirectory(
  { config, host, clock, onRefused }: Ground,
  { own, onChange }: { own(): string | undefined; onChange(changes: readonly StandingChange[]): void },
): Promise<BoxDirectory | undefined> {
  if (!config.directory) return undefined;
  const { file, keysFile } = config.directory;
  const pinned = parseJson(DirectoryKeys, (await host.files.read(keysFile)) ?? Buffer.alloc(0));
  if (!pinned.ok) throw new Refusal('config-invalid', `/directory/keysFile: ${describeFaults(pinned.faults)}`);
  return createDirectory({
    files: host.files,
    dataDir: config.dataDir,
    shipped: file,
    pinned: pinned.value,
    clock,
    own,
    onChange,
    onRefused,
  });
}

async function voucherOf(
  factory: Factory,
  directory: BoxDirectory | undefined,
  { clock, onRefused }: Ground,
): Promise<Voucher | undefined> {
  if (!directory || !factory.idevid()) return undefined;
  try {
    const voucher = await factory.voucher(directory.makers(clock.now()), clock.now());
    if (!voucher) return undefined;
    const pinned = voucher.pinned.raw.toString('base64');
    const territory = directory
      .current()
      ?.directory.territories.find(({ id, ca }) => id === (voucher.territory ?? id) && ca.includes(pinned));
    return territory && { territory: territory.id, der: voucher.der };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    onRefused(error);
    return undefined;
  }
}

/** @throws Refusal as `openDirectory` */
export async function openOrigin(ground: Ground): Promise<Origin> {
  const { config, host, clock, ledger, onRefused } = ground;
  const { dataDir, bootDir } = config;
  const factory = await openFactory({ dataDir, bootDir, files: host.files, clock, onRefused });
  /** Not known before the membership is: the directory is opened first, and may bring news at once. */
  let ownOf: (() => string | undefined) | undefined;
  let early: readonly StandingChange[] = [];
  const own = (): string | undefined => ownOf?.();
  function onChange(changes: readonly StandingChange[]): void {
    if (!ownOf) early = [...early, ...changes];
    for (const change of ownOf ? changes : [])
      if (change.territory === own())
        void ledger
          .append({ by: 'box', type: 'standing', facts: { ...change } })
          .catch((error: unknown) => onRefused(new Refusal('internal', undefined, { cause: error })));
  }
  const directory = await openDirectory(ground, { own, onChange });
  let voucher = await voucherOf(factory, directory, ground);
  return {
    factory,
    directory,
    voucher: () => voucher,
    async spendVoucher() {
      await factory.spendVoucher();
      voucher = undefined;
    },
    tellStandings(own) {
      ownOf = own;
      onChange(early);
      early = [];
    },
  };
}
