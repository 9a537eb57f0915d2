/** The two systems on the disk, of which one runs: what an update needs done to them. */
export interface Slot {
  /** As RAUC calls it: `rootfs.0`. */
  name: string;
  /** What is in it, where that is known. */
  version: string | undefined;
  /** How often something was installed into it. */
  installs: number;
  /** Whether the boot loader may start it. */
  isGood: boolean;
}

export interface Slots {
  /** The kind of machine that bundles are made for. */
  compatible: string;
  booted: Slot;
  other: Slot;
  /** The name of the one that is started next; undefined where the boot loader does not say. */
  primary: string | undefined;
}

export interface OsHost {
  /** @throws Refusal `os-unsupported`, `os-slots-unreadable` */
  slots(): Promise<Slots>;
  /**
   * Writes the bundle, a file or an address of this machine, into the slot that does not run. Cut off, it leaves that slot unfit to start, and can be repeated.
   * @throws Refusal `os-bundle-refused`, `os-install-failed`, `os-busy`
   */
  install(bundle: string, signal: AbortSignal): Promise<void>;
  /** It is started next, as one that may be tried. Repeating it does no harm; nor does it for the others. @throws Refusal `os-slots-unreadable` */
  activate(slot: string): Promise<void>;
  /** It has proved itself. */
  markGood(slot: string): Promise<void>;
  /** It is not started any more. */
  markBad(slot: string): Promise<void>;
}
