/** The machine as the simulated box sees it: the real one, but for what is switched off. */
import { connect, Socket } from 'node:net';
import { Refusal } from '#contract/problems.js';
import { createResolver } from '../egress/dns.js';
import { type Host, realHost } from '../host/host.js';

export interface Conditions {
  diskFull: boolean;
  networkCut: boolean;
}

/** What the developer's own servers are called to the agent. It takes public addresses alone; nobody was given this one. */
const standInAddress = (at: number): string => `3ffe::${(at + 1).toString(16)}`;

export function createDevHost({
  conditions,
  reach,
}: {
  /** Looked at each time. */
  conditions: Readonly<Conditions>;
  /** By name. */
  reach: Readonly<Record<string, { host: string; port: number }>>;
}): Host {
  const names = Object.keys(reach);
  const resolve = createResolver();
  return {
    ...realHost,
    async reboot() {
      throw new Refusal('host-cannot-reboot', 'a simulated box has no machine of its own');
    },
    freeBytes: (directory) => (conditions.diskFull ? 0 : realHost.freeBytes(directory)),
    async space(directory) {
      const found = await realHost.space(directory);
      return conditions.diskFull ? { ...found, freeBytes: 0 } : found;
    },
    outside: {
      async resolve(name) {
        if (conditions.networkCut) throw new Error('the network is cut');
        const at = names.indexOf(name);
        return at < 0 ? resolve(name) : [standInAddress(at)];
      },
      dial(address, port) {
        if (conditions.networkCut) return new Socket().destroy(new Error('the network is cut'));
        const name = names.find((_, at) => standInAddress(at) === address);
        const to = name === undefined ? { host: address, port } : reach[name];
        return connect({ ...to, port: to?.port ?? port, allowHalfOpen: true });
      },
    },
  };
}
