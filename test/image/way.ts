/** The way from a territory's catalogue to a guest, on which octets are damaged; needs `iptables` and root in a network namespace. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { Transform } from 'node:stream';
import { basePort, host } from './rig.js';

export interface BadWay {
  /** Connections on which an octet was changed. */
  damaged(): number;
  close(): Promise<void>;
}

/** Passes on all, and changes one bit of the octet at this place. */
function damageAt(place: number, onDamage: () => void): Transform {
  let passed = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const here = place - passed;
      passed += chunk.length;
      if (here >= 0 && here < chunk.length) {
        chunk.writeUInt8(chunk.readUInt8(here) ^ 1, here);
        onDamage();
      }
      done(null, chunk);
    },
  });
}

/** Each connection of the guest to the catalogue is damaged once it has brought so many bytes. */
export async function badWay(everyBytes: number): Promise<BadWay> {
  let damaged = 0;
  const server = createServer((guest) => {
    // From another address of this machine than the guest's, so that it is not led here again.
    const catalogue = connect({ host, port: basePort, localAddress: '127.0.0.1' });
    catalogue
      .pipe(damageAt(everyBytes, () => (damaged += 1)))
      .pipe(guest)
      .pipe(catalogue);
    guest.on('error', () => catalogue.destroy()).on('close', () => catalogue.destroy());
    catalogue.on('error', () => guest.destroy());
  }).listen(0, '0.0.0.0');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const rule = (verb: '-A' | '-D'): void => {
    const which = ['-p', 'tcp', '-s', host, '-d', host, '--dport', String(basePort)];
    execFileSync('iptables', ['-t', 'nat', verb, 'OUTPUT', ...which, '-j', 'REDIRECT', '--to-ports', String(port)]);
  };
  rule('-A');
  return {
    damaged: () => damaged,
    async close() {
      rule('-D');
      server.close();
    },
  };
}
