/** Counters of the interfaces that lead out (proc_net_dev(5)), and the Wi-Fi's signal (/proc/net/wireless). */
import { decimal } from './numbers.js';
import type { Kernel, Measured } from './values.js';

/** Loopback, and what is only between containers and the machine: it never leaves the box, and would count twice. */
const inside = /^(lo|veth|docker|podman|cni|br-|virbr|ifb)/;

export interface NetworkTotals {
  receive: number;
  transmit: number;
  receiveErrors: number;
  transmitErrors: number;
}

export function networkTotals(text: string): NetworkTotals {
  const totals = { receive: 0, transmit: 0, receiveErrors: 0, transmitErrors: 0 };
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon < 0 || inside.test(line.slice(0, colon).trim())) continue;
    const fields = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/);
    const at = (field: number): number => Math.max(0, decimal(fields[field]) ?? 0);
    totals.receive += at(0);
    totals.receiveErrors += at(2);
    totals.transmit += at(8);
    totals.transmitErrors += at(10);
  }
  return totals;
}

/** The strongest, in dBm: ` wlan0: 0000   54.  -56.  -256 …`, status, link quality, signal level. */
export function wifiSignal(text: string | undefined): number | undefined {
  const levels = (text ?? '').split('\n').flatMap((line) => {
    const [, level] = /^\s*[\w.-]{1,32}:\s+[0-9a-f]+\s+-?\d+\.?\s+(-?\d+)\.?\s/i.exec(line) ?? [];
    const value = decimal(level);
    return value !== undefined && value < 0 && value > -120 ? [value] : []; // others count from 0 to 255
  });
  return levels.length > 0 ? Math.max(...levels) : undefined;
}

export async function readNetwork(kernel: Kernel): Promise<Measured> {
  const [counters, wireless] = await Promise.all([kernel('/proc/net/dev'), kernel('/proc/net/wireless')]);
  const totals = counters === undefined ? undefined : networkTotals(counters);
  return {
    'system.network.io{network.io.direction=receive}': totals?.receive,
    'system.network.io{network.io.direction=transmit}': totals?.transmit,
    'system.network.errors{network.io.direction=receive}': totals?.receiveErrors,
    'system.network.errors{network.io.direction=transmit}': totals?.transmitErrors,
    'system.network.wireless.signal': wifiSignal(wireless),
  };
}
