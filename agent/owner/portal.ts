/**
 * The captive portal of the box's own Wi-Fi network. Its name server answers every name with the box, so what a phone asks
 * to see whether it is online (Android's generate_204, Apple's hotspot-detect.html, Windows' connecttest.txt, Firefox's
 * canonical.html) arrives here under a name that is not ours. It is led to the box's own address, and told nothing
 * else: under a foreign name no page is ever served.
 *
 * RFC 8910's option is not sent: the address that it tells has to be https under a certificate that the phone trusts
 * (RFC 8908, section 4.1), which a box without a network cannot have.
 */
import { BlockList } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { hostName } from '#common/web/origin.js';
import { plainAddress } from './hosts.js';

export interface PortalParts {
  /** The box's address in its own network, while that is on the air. */
  ownAddress(): string | undefined;
  /** Somebody is there. */
  greet(): void;
}

const prefix = 24;

/** Answers whether the request was led away. Only who is in the box's own network is. */
export function createPortal(portal: PortalParts | undefined, port: () => number) {
  return (request: FastifyRequest, reply: FastifyReply): boolean => {
    const address = portal?.ownAddress();
    const { localAddress = '', remoteAddress = '' } = request.raw.socket;
    if (portal === undefined || address === undefined || plainAddress(localAddress) !== address) return false;
    const network = new BlockList();
    network.addSubnet(address, prefix);
    if (!network.check(plainAddress(remoteAddress))) return false;
    const host = hostName(request.headers.host ?? '').replace(/\.$/, '');
    if (host === address || host.endsWith('.local')) {
      portal.greet();
      return false;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    const place = port() === 80 ? address : `${address}:${port()}`;
    reply.header('cache-control', 'no-store').redirect(`http://${place}/`, 302);
    return true;
  };
}
