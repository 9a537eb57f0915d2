/** The provider as a value: what it is made of, in the order in which it starts; each part is wired in a file of its own. */
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { startClosing } from './accounts-wiring.js';
import { addressesOf } from './addresses.js';
import type { Ways } from './admission/ways.js';
import { startAlertWatch } from './alerts-wiring.js';
import type { ApartConfig } from './apart-wiring.js';
import { startAuthority, startExpiryWatch } from './authority-wiring.js';
import type { OutsideConfig } from './brokers.js';
import type { ResolveTxt } from './catalogue/domains.js';
import { startCatalogue, startLinks } from './catalogue-wiring.js';
import { startConsole } from './console-wiring.js';
import { startControl } from './control-wiring.js';
import { type DatabaseConfig, mirrorBoxes, openDatabase, startRetention } from './database-wiring.js';
import { startEst } from './est-wiring.js';
import { checkNotMoved } from './fleet/move-state.js';
import { startFleetDesk } from './fleet-wiring.js';
import type { Ground } from './ground.js';
import { startMembers } from './members-wiring.js';
import { recordGauges } from './records-gauges.js';
import { openRooms } from './rooms.js';
import type { Control } from './store/control/control.js';
import type { Keep } from './store/fleet.js';
import { openTraffic } from './traffic-wiring.js';

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
  /** A broker that is not the provider's own. */
  outside?: OutsideConfig | undefined;
  /** What boxes tell is kept there instead of in the directory. */
  database?: DatabaseConfig | undefined;
  /** The control plane's records, where they are in the database too and this process holds them. */
  records?: Pick<Control, 'db' | 'token' | 'isSure' | 'standbys'> | undefined;
  /** How long it is kept; as `usualKeep` unless said. */
  keep?: Keep | undefined;
  /** With both a broker outside and a database: what boxes report is stored by workers. */
  workers?: ApartConfig | undefined;
}

export interface Provider {
  /** @throws Refusal as `openRooms`; `port-in-use`, `address-unavailable`, `socket-path-too-long` */
  start(): Promise<void>;
  /** Harmless when stopped already. */
  stop(): Promise<void>;
  /** Of what listens; complete after `start`. */
  readonly urls: { readonly est: string; readonly broker: string; readonly console: string };
}

export function createProvider(
  config: ProviderConfig,
  {
    files,
    clock,
    log,
    resolveTxt,
  }: {
    files: Files;
    clock: Clock;
    log: FastifyBaseLogger;
    /** By the network's name servers unless said. */
    resolveTxt?: ResolveTxt;
  },
): Provider {
  const { directory, outside, workers, database, records, keep } = config;
  const { assetsDir, enrolmentsPerSecond, admission: ways = new Set(['claim']) } = config;
  const addresses = addressesOf(config);
  const { hosts, bind, ports, urlOf } = addresses;
  const urls = { est: '', broker: '', console: '' };
  const started: (() => Promise<void> | void)[] = [];
  const ground: Ground = { clock, log, onStop: (end) => void started.push(end) };

  async function stop(): Promise<void> {
    for (let end = started.pop(); end; end = started.pop()) await end();
  }

  async function startParts(): Promise<void> {
    const openFleet = database && openDatabase(database, keep, clock, records?.token);
    const rooms = await openRooms({ directory, files, clock, openFleet, records: records?.db, keep });
    ground.onStop(() => rooms.close());
    ground.onStop(mirrorBoxes({ rooms, clock, log }));
    if (!database) await checkNotMoved(rooms.store);

    const certificate = await startAuthority(ground, { rooms, files, directory, hosts });
    const { tls } = certificate;
    const traffic = await openTraffic(ground, { rooms, tls, outside, workers, database });
    const { broker, mail } = traffic;
    const desk = await startFleetDesk(ground, { rooms, traffic });
    const brokerPort = await traffic.start(bind, ports.broker);
    urls.broker = outside?.url ?? urlOf('mqtts', brokerPort);
    const moves = startRetention(ground, { rooms, keep, database });

    const catalogue = await startCatalogue(ground, { rooms, directory, hosts, resolveTxt });
    const links = startLinks(ground, { rooms, traffic });
    const est = await startEst(ground, {
      ...{ rooms, addresses, tls, ways, enrolmentsPerSecond, catalogue, links, mail },
      broker: { port: brokerPort, outside },
    });
    urls.est = urlOf('https', est.port);
    await startMembers(ground, { rooms, traffic, url: urls.est });

    startClosing(ground, rooms);
    const expiry = startExpiryWatch(ground, { rooms, certificate, broker });
    const alerts = await startAlertWatch(ground, { rooms, boxes: desk.fleet });
    const gauges = () => [...traffic.gauges(), ...expiry.gauges(), ...(records ? recordGauges(records) : [])];
    const isSure = records?.isSure;
    const pages = await startConsole(ground, { rooms, desk, alerts, addresses, tls, assetsDir, isSure, gauges });
    urls.console = pages.url;

    certificate.onChange((now) => {
      est.secure(now);
      broker.secure(now);
      pages.secure({ key: now.key, cert: now.cert });
    });
    certificate.start();
    ground.onStop(() => certificate.stop());
    // Last: who reaches the socket finds everything else running.
    await startControl(ground, { rooms, desk, alerts, directory, moveStore: moves.moveStore });
  }

  return {
    urls,
    async start() {
      try {
        await startParts();
      } catch (error) {
        await stop();
        throw error;
      }
    },
    stop,
  };
}
