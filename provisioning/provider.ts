/** The provider as a value: every room is made and wired here, and nowhere else. */
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '#common/clock.js';
import { serveControl } from '#common/control.js';
import type { Files } from '#common/files.js';
import { isLoopback } from '#common/web/origin.js';
import { createAdmission } from './admission/admission.js';
import type { Ways } from './admission/ways.js';
import { createBroker } from './broker/broker.js';
import { hostsOf, serverTls } from './ca/server-certificate.js';
import { createConsole } from './console/console.js';
import { createEst } from './est/est.js';
import { createIngest, type Ingest } from './fleet/ingest.js';
import { createRetention } from './fleet/retention.js';
import { createFleet } from './fleet/view.js';
import { createOperations } from './operations.js';
import { openRooms } from './rooms.js';
import { controlSocket, readSecret } from './territory.js';

export interface ProviderConfig {
  directory: string;
  /** Where to listen, and the name that the addresses are printed with. */
  host: string;
  /** EST there, MQTT on the next, console on the one after; 0 for three that are free. */
  portBase: number;
  /** Where the built console lies. */
  assetsDir: string;
  /** How boxes may come in; by claim code unless said. */
  admission?: Ways;
  /** Requests to enrol taken each second from one address. */
  enrolmentsPerSecond?: number;
}

export interface Provider {
  /** @throws Refusal as `openRooms`; `port-in-use`, `address-unavailable`, `socket-path-too-long` */
  start(): Promise<void>;
  /** Harmless when stopped already. */
  stop(): Promise<void>;
  /** Of what listens; complete after `start`. */
  readonly urls: { readonly est: string; readonly broker: string; readonly console: string };
}

/** `localhost` is bound on IPv4, which every machine has; its name stays in the addresses. */
const bindAddress = (host: string): string => (host === 'localhost' ? '127.0.0.1' : host);

const maxPacketBytes = 256 * 1024;

export function createProvider(
  { directory, host, portBase, assetsDir, admission: ways = new Set(['claim']), enrolmentsPerSecond }: ProviderConfig,
  { files, clock, log }: { files: Files; clock: Clock; log: FastifyBaseLogger },
): Provider {
  const started: (() => Promise<void>)[] = [];
  const urls = { est: '', broker: '', console: '' };
  const hosts = hostsOf(host);
  const name = hosts[0]?.includes(':') ? `[${hosts[0]}]` : (hosts[0] ?? host);
  const portAt = (place: number) => (portBase === 0 ? 0 : portBase + place);

  async function stop(): Promise<void> {
    for (let end = started.pop(); end; end = started.pop()) await end();
  }

  async function startRooms(): Promise<void> {
    const rooms = await openRooms({ directory, files, clock });
    started.push(() => rooms.close());
    const { territory, store, ca, crl, boxes, claims, requests, events, directory: listed } = rooms;
    const tls = await serverTls({ files, clock, directory, ca, hosts });
    const { id, name: called, jurisdiction, law } = territory;

    // The broker hands messages to ingest, and ingest answers through the broker.
    const ingest: Ingest = createIngest({
      store,
      events,
      clock,
      log,
      publish: (topic, payload) => broker.publish(topic, payload, { qos: 1 }),
    });
    const broker = createBroker({
      tls,
      admit: boxes.admit,
      receive: ingest.receive,
      left: ingest.left,
      events,
      clock,
      log,
      limits: { maxPacketBytes },
    });
    started.push(() => ingest.stop());
    const brokerPort = await broker.start(bindAddress(host), portAt(1));
    started.push(() => broker.stop());
    urls.broker = `mqtts://${name}:${brokerPort}`;

    const forget = boxes.onEnded((box) => broker.disconnect(box));
    started.push(async () => void forget());
    await crl.start();

    const retention = createRetention({ store, clock, log });
    retention.start();
    started.push(() => retention.stop());

    const est = createEst({
      tls,
      cacerts: [ca.issuer.certificate.raw, ca.root.raw],
      territory: { id, name: called, jurisdiction, law },
      hosts,
      broker: { port: () => brokerPort, maxPacketBytes },
      admission: createAdmission({
        ways,
        territory: id,
        roots: () => [ca.root],
        claims,
        requests,
        enter: boxes.enter,
        checkDevice: boxes.checkDevice,
        makers: listed.makers,
        clock,
      }),
      asksForCode: ways.has('claim') && !ways.has('manual'),
      ...(enrolmentsPerSecond !== undefined && { enrolmentsPerSecond }),
      boxes,
      directory: listed,
      crl,
      events,
      clock,
      log,
    });
    started.push(() => est.stop());
    urls.est = `https://${name}:${await est.start(bindAddress(host), portAt(0))}`;

    const fleet = createFleet({
      store,
      online: ingest.online,
      endings: boxes,
    });
    const secret = await readSecret(files, directory);
    const plain = isLoopback(host);
    const operators = createConsole({
      fleet,
      claims,
      requests,
      events,
      secret,
      territory: { id, name: called, jurisdiction, law },
      assetsDir,
      clock,
      log,
      ...(plain ? {} : { tls: { key: tls.key, cert: tls.cert } }),
    });
    started.push(() => operators.stop());
    const consolePort = await operators.start(bindAddress(host), portAt(2));
    urls.console = `${plain ? 'http' : 'https'}://${name}:${consolePort}`;

    // Last: who reaches the socket finds everything else running.
    const control = await serveControl(
      controlSocket(directory),
      createOperations({ claims, fleet, requests, directory: listed }),
    );
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
