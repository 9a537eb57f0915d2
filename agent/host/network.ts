/** What the agent asks of the machine's network. Tests hand in another one. */

/** A device that a cable or a radio hangs on; none that is made by software. */
export interface NetworkLink {
  name: string;
  kind: 'wired' | 'wifi';
  /** Of a network: those that a device gives itself (link-local) are left out. */
  addresses: string[];
}

/** One Wi-Fi network, of one station or several. */
export interface SeenWifi {
  /** Hex of its bytes. */
  ssid: string;
  /** Percent. */
  signal: number;
  /** In 2.4 GHz 1 to 14. */
  channel: number;
  /** As a profile names it; undefined where a password alone does not open it. */
  protection: WifiProtection | undefined;
}
export type WifiProtection = 'open' | 'owe' | 'wpa-psk' | 'sae';

/** `profile` is the UUID of one whose file lies in the profiles' directory. */
export interface NetworkHost {
  /** Asked of the kernel: costs no process. */
  links(): Promise<NetworkLink[]>;
  /** @throws Refusal `network-unavailable`, `wifi-missing` */
  look(link: string, signal: AbortSignal): Promise<SeenWifi[]>;
  /** Profiles are read anew from their files; one whose file is gone is ended. @throws Refusal `network-unavailable` */
  load(): Promise<void>;
  /**
   * Resolves once it is joined, or on the air.
   * @throws Refusal `wifi-password-wrong`, `wifi-not-found`, `wifi-no-address`, `wifi-not-joined`, `network-unavailable`
   */
  up(profile: string, link: string, signal: AbortSignal): Promise<void>;
  /** Harmless where it is not up. */
  down(profile: string): Promise<void>;
}
