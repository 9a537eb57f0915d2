/** Binds a request to the TLS connection it came by, where the client offers it (RFC 7030 section 3.5, RFC 9266). */
import type { TLSSocket } from 'node:tls';
import type { Csr } from '#common/pki/csr.js';
import { Refusal } from '#contract/problems.js';

const exporterLabel = 'EXPORTER-Channel-Binding';
const exporterBytes = 32;

/**
 * `tls-exporter` of TLS 1.3; below it `tls-unique`: the first Finished message of the handshake, which the client sends
 * in a full one and the server in a resumed one (RFC 5929 section 3.1).
 */
export function channelBindingOf(socket: TLSSocket): Buffer | undefined {
  if (socket.getProtocol() === 'TLSv1.3')
    return socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0));
  return socket.isSessionReused() ? socket.getFinished() : socket.getPeerFinished();
}

/** @throws Refusal `csr-channel`: somebody in between passes on a request that was made for another connection */
export function checkChannel({ challengePassword }: Csr, socket: TLSSocket): void {
  if (challengePassword === undefined) return;
  if (challengePassword !== channelBindingOf(socket)?.toString('base64')) throw new Refusal('csr-channel');
}
