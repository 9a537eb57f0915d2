/** The provider as a value: every room is made and wired here, and nowhere else. */
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '#common/clock.js';
import { serveControl } from '#common/control.js';
import type { Files } from '#common/files.js';
import { hostsOf, serverTls } from './ca/server-certificate.js';
import { createEst } from './est/est.js';
import { createOperations } from './operations.js';
import { openRooms } from './rooms.js';
import { controlSocket } from './territory.js';

export interface ProviderConfig {
  directory: string;
  /** Where to listen, and the name that the addresses are printed with. */
  host: string;
  /** EST there, MQTT on the next, console on the one after; 0 for three that are free. */
  portBase: number;
}

export interface Provider {
  /** @throws Refusal as `openRooms`; `port-in-use`, `address-unavailable`, `socket-path-too-long` */
  start(): Promise<void>;
  /** Harmless when stopped already. */
  stop(): Promise<void>;
  /** Of what listens; complete after `start`. */
  readonly urls: { readonly est: string };
}

/** `localhost` is bound on IPv4, which every machine has; its name stays in the addresses. */
const bindAddress = (host: string): string => (host === 'localhost' ? '127.0.0.1' : host);

const maxPacketBytes = 256 * 1024;

export function createProvider(
  { directory, host, portBase }: ProviderConfig,
  { files, clock, log }: { files: Files; clock: Clock; log: FastifyBaseLogger },
): Provider {
  const started: (() => Promise<void>)[] = [];
  const urls = { est: '' };
  const hosts = hostsOf(host);
  const name = hosts[0]?.includes(':') ? `[${hosts[0]}]` : (hosts[0] ?? host);
  const portAt = (place: number) => (portBase === 0 ? 0 : portBase + place);

  async function stop(): Promise<void> {
    for (let end = started.pop(); end; end = started.pop()) await end();
  }

  async function startRooms(): Promise<void> {
    const rooms = await openRooms({ directory, files, clock });
    started.push(() => rooms.close());
    const { territory, ca, boxes, claims, events } = rooms;
    const tls = await serverTls({ files, clock, directory, ca, hosts });
    const { id, name: called, jurisdiction, law } = territory;

    const brokerPort = portAt(1);
    const est = createEst({
      tls,
      cacerts: [ca.issuer.certificate.raw, ca.root.raw],
      territory: { id, name: called, jurisdiction, law },
      hosts,
      broker: { port: () => brokerPort, maxPacketBytes },
      claims,
      boxes,
      events,
      clock,
      log,
    });
    started.push(() => est.stop());
    urls.est = `https://${name}:${await est.start(bindAddress(host), portAt(0))}`;

    // Last: who reaches the socket finds everything else running.
    const control = await serveControl(controlSocket(directory), createOperations({ claims, boxes }));
    started.push(() => control.close());
  }

  return {
    urls,
    async start() {
      try {
        await startRooms();
      } catch (error) {
        await stop();
        throw error;
      }
    },
    stop,
  };
}
