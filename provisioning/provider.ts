/** The provider as a value: every room is made and wired here, and nowhere else. */
import path from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '#common/clock.js';
import { serveControl } from '#common/control.js';
import type { Files } from '#common/files.js';
import { isLoopback } from '#common/web/origin.js';
import { Refusal } from '#contract/problems.js';
import { createAdmission } from './admission/admission.js';
import type { Ways } from './admission/ways.js';
import { openAlertWatch } from './alerts-wiring.js';
import { type ApartConfig, createApart } from './apart-wiring.js';
import { backUp } from './backup/backup.js';
import type { Boxes } from './boxes/boxes.js';
import type { Incoming } from './broker/gate.js';
import { type BrokerSide, createBrokerOutside, createOwnBroker, type OutsideConfig } from './brokers.js';
import { createExpiryWatch } from './ca/expiry.js';
import { createServerCertificate, hostsOf, type ServerTls } from './ca/server-certificate.js';
import { createCallers } from './catalogue/caller.js';
import { createCatalogue } from './catalogue/catalogue.js';
import type { ResolveTxt } from './catalogue/domains.js';
import { linkCommands } from './commands-wiring.js';
import { createConsole } from './console/console.js';
import type { Gauge } from './console/metrics.js';
import { copyToDatabase, type DatabaseConfig, mirrorBoxes, openDatabase } from './database-wiring.js';
import { createAttempts } from './est/attempts.js';
import { createEst } from './est/est.js';
import { countSequences } from './fleet/counted.js';
import type { Hearing } from './fleet/hearing.js';
import { createIngest } from './fleet/ingest.js';
import { checkNotMoved, moveState } from './fleet/move-state.js';
import { createQuota } from './fleet/quota.js';
import { createReceipts } from './fleet/receipts.js';
import { createRetention } from './fleet/retention.js';
import { createTaken } from './fleet/taken.js';
import { createFleetDesk } from './fleet-wiring.js';
import { ingestGauges } from './ingest-gauges.js';
import { createLinkDesk } from './links/desk.js';
import { tellStanding } from './members/news.js';
import { declareMemberRoutes } from './members/routes.js';
import { type Mail, openMail } from './messages/messages.js';
import { createOperations } from './operations.js';
import { openResults } from './rollouts/results.js';
import { declareRolloutRoutes } from './rollouts/routes.js';
import { createRolloutWatch } from './rollouts/watch.js';
import { openRooms } from './rooms.js';
import type { Keep } from './store/fleet.js';
import { controlSocket } from './territory.js';
import { createWatchOperations, withAudit } from './watch-wiring.js';

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

const messageGauges = ({ up, down, received, refused }: ReturnType<Mail['counts']>): Gauge[] => [
  {
    name: 'webizen_messages_waiting',
    help: 'Messages of apps that are kept: up for their makers, down for boxes.',
    series: [
      [{ direction: 'up' }, up],
      [{ direction: 'down' }, down],
    ],
  },
  {
    name: 'webizen_messages_taken',
    help: 'Messages of boxes since the start, stored and refused.',
    series: [
      [{ answer: 'stored' }, received],
      [{ answer: 'refused' }, refused],
    ],
  },
];

/** `localhost` is bound on IPv4, which every machine has; its name stays in the addresses. */
const bindAddress = (host: string): string => (host === 'localhost' ? '127.0.0.1' : host);

const maxPacketBytes = 256 * 1024;

export function createProvider(
  {
    directory,
    host,
    portBase,
    assetsDir,
    admission: ways = new Set(['claim']),
    enrolmentsPerSecond,
    outside,
    workers,
    database,
    keep,
  }: ProviderConfig,
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
  const started: (() => Promise<void>)[] = [];
  const urls = { est: '', broker: '', console: '' };
  const hosts = hostsOf(host);
  const name = hosts[0]?.includes(':') ? `[${hosts[0]}]` : (hosts[0] ?? host);
  const portAt = (place: number) => (portBase === 0 ? 0 : portBase + place);

  async function stop(): Promise<void> {
    for (let end = started.pop(); end; end = started.pop()) await end();
  }

  async function startRooms(): Promise<void> {
    const openFleet = database && openDatabase(database, keep, clock);
    const rooms = await openRooms({ directory, files, clock, openFleet, keep });
    started.push(() => rooms.close());
    started.push(mirrorBoxes({ rooms, clock, log }));
    if (!database) await checkNotMoved(rooms.store);
    const { territory, store, fleetStore, ca, crl, boxes, claims, requests, events, members, registry, rollouts } =
      rooms;
    const { directory: listed } = rooms;
    const certificate = await createServerCertificate({ files, clock, directory, ca, hosts, log });
    const { tls } = certificate;
    const { id, name: called, jurisdiction, law } = territory;
    // A CA that was rolled has boxes of its own soon: the brokers need its list before the first of them comes.
    const noMore = ca.onChange(() => void crl.changed());
    started.push(async () => noMore());
    await crl.start();
    started.push(() => crl.stop());

    const taken = createTaken({ store, events });
    taken.start();
    started.push(async () => taken.stop());

    const receipts = createReceipts({ ca, clock, log, publish: (topic, payload) => broker.publish(topic, payload) });
    receipts.start();
    // The broker hands messages to ingest, and ingest answers through the broker.
    const apart =
      workers && outside && database
        ? createApart(
            workers,
            { outside, database },
            {
              ...{ fleet: fleetStore, ca, events, clock, log },
              refusal: taken.refusal,
              onHead: receipts.give,
            },
          )
        : undefined;
    // The workers know who is here, and go on when this process does not.
    if (!apart) await fleetStore.allOffline();
    const ingest: Hearing =
      apart?.hearing ??
      createIngest({
        fleet: fleetStore,
        events,
        clock,
        log,
        refusal: taken.refusal,
        onHead: receipts.give,
        publish: (topic, payload) => broker.publish(topic, payload),
      });
    const talk = createQuota({ clock, burst: 20, perMinute: 2 });
    const mail = await openMail({
      ...{ store, registry, members, events, clock, log },
      online: ingest.online,
      refusal: taken.refusal,
      mayTell: talk.take,
      publish: (topic, payload) => broker.publish(topic, payload),
    });
    mail.start();
    const commands = linkCommands({
      ...rooms.commands,
      ...{ online: ingest.online, events, clock, log },
      publish: (topic, payload, options) => broker.publish(topic, payload, options),
    });
    function changed(box: string): void {
      mail.changed(box);
      commands.changed(box);
    }
    async function receive({ topic, ...message }: Incoming): Promise<void> {
      if (topic.kind === 'app') return mail.receive({ ...message, topic });
      if (await commands.receive({ ...message, topic })) return;
      await ingest.receive({ ...message, topic });
      if (topic.kind === 'status') changed(message.box);
    }
    const itsParts = {
      ...{ tls, ca, crl, store, events, clock, log, maxPacketBytes, besideWorkers: apart !== undefined },
      admit: boxes.admit,
      // Thousands of these come a second.
      receive: (message: Incoming) => (message.topic.kind === 'health' ? ingest.receive(message) : receive(message)),
      left(box: string) {
        ingest.left(box);
        changed(box);
      },
    };
    const broker: BrokerSide = outside ? createBrokerOutside(outside, itsParts) : createOwnBroker(itsParts);
    started.push(() => receipts.stop());
    started.push(() => ingest.stop());
    started.push(() => mail.stop());
    const desk = createFleetDesk({
      ...{ store, events, clock, fleet: fleetStore, online: ingest.online },
      endings: { ...boxes, revoke: (box, wish) => revoke(box, wish) },
    });
    await desk.table.start();
    started.push(async () => desk.table.stop());
    const brokerPort = await broker.start(bindAddress(host), portAt(1));
    started.push(() => broker.stop());
    commands.start();
    started.push(() => commands.stop());
    apart?.start();
    if (apart) started.push(() => apart.stop());
    urls.broker = outside?.url ?? `mqtts://${name}:${brokerPort}`;

    /** Told first that it is meant: a cut in between is made up for at the next start. */
    const byOperator = new Set<string>();
    const revoke: Boxes['revoke'] = async (box, wish) => {
      if (store.boxes.getSync(box) === undefined) throw new Refusal('box-unknown', box); // nothing is meant of a stranger
      byOperator.add(box);
      try {
        await broker.intend(box);
        await boxes.revoke(box, wish);
        await broker.end(box);
      } finally {
        byOperator.delete(box);
      }
    };
    const noMoreEndings = boxes.onEnded((box) => {
      mail.ended(box).catch((error: unknown) => log.error({ err: error, box }, 'cannot forget the messages of a box'));
      commands.ended(box).catch((error: unknown) => log.error({ err: error, box }, 'cannot end the commands of a box'));
      if (byOperator.has(box)) return;
      const cut = async () => {
        await broker.intend(box);
        await broker.end(box);
      };
      cut().catch((error: unknown) => log.error({ err: error, box }, 'cannot end the session of a box'));
    });
    started.push(async () => noMoreEndings());

    const retention = createRetention({
      ...{ fleet: fleetStore, clock, keep, log },
      isHeld: async () => !database && (await moveState(store)) !== undefined,
    });
    retention.start();
    started.push(() => retention.stop());

    const quota = createQuota({ clock, burst: 20, perMinute: 2 });
    const results = await openResults({ store, rollouts, registry, quota, clock, events });
    const watch = createRolloutWatch({ rollouts, clock, log });
    watch.start();
    started.push(() => watch.stop());
    const catalogue = createCatalogue({
      directory: path.join(directory, 'catalogue'),
      territory: id,
      ...{ store, registry, members, rollouts, boxes, hosts, clock, log, resolveTxt },
      more: (app, callers) => declareRolloutRoutes(app, { callers, rollouts, results, registry }),
    });
    await catalogue.start();
    started.push(() => catalogue.stop());

    const links = createLinkDesk({
      territory: id,
      ...{ store, clock, members, boxes, events, log },
      releases: registry,
      attempts: { member: createAttempts({ clock }), source: createAttempts({ clock }) },
      online: ingest.online,
      publish: (topic, payload) => broker.publish(topic, payload),
    });
    links.start();
    started.push(() => links.stop());

    const est = createEst({
      tls,
      cacerts: () => ca.authorities.map(({ raw }) => raw),
      territory: { id, name: called, jurisdiction, law },
      hosts,
      broker: { port: () => brokerPort, maxPacketBytes, outside },
      admission: createAdmission({
        ways,
        territory: id,
        roots: () => ca.roots,
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
      memberKeys: members.keys,
      commandKeys: rooms.commands.keys.listed,
      more: [
        (app) => declareMemberRoutes(app, { members }),
        catalogue.declare,
        (app, limits) => links.declare(app, createCallers({ members, boxes, hosts, limits })),
        (app, limits) => mail.declare(app, createCallers({ members, boxes, hosts, limits })),
        (app, limits) => rooms.commands.diagnostics.declare(app, createCallers({ members, boxes, hosts, limits })),
      ],
      events,
      clock,
      log,
    });
    started.push(() => est.stop());
    urls.est = `https://${name}:${await est.start(bindAddress(host), portAt(0))}`;
    const noMoreNews = members.onChange(() => {
      const tell = async () => {
        const { sequence } = await members.lists();
        const count = ingest.counts().online;
        const { publish } = broker;
        await tellStanding({ sequence, boxes: () => store.boxes.keys(), online: ingest.online, count, publish });
      };
      tell().catch((error: unknown) => log.error({ err: error }, 'cannot tell the boxes of a standing'));
    });
    started.push(async () => noMoreNews());
    await members.start(urls.est);
    started.push(() => members.stop());

    const endings = () => [
      { what: 'root', at: Date.parse(ca.root.validTo) },
      { what: 'issuing', at: Date.parse(ca.issuer.certificate.validTo) },
      { what: 'server', at: certificate.notAfter },
      { what: 'crl', at: crl.nextUpdate() },
      { what: 'members', at: members.listsEnd() },
      ...[broker.certificateEnd()].flatMap((at) => (at === undefined ? [] : [{ what: 'broker', at }])),
    ];
    const expiry = createExpiryWatch({ clock, events, endings });
    expiry.start();
    started.push(() => expiry.stop());
    const { leafLifetimeSeconds: leafSeconds } = territory;
    const alerts = await openAlertWatch({
      ...{ store, events, clock, log, leafSeconds },
      boxes: desk.fleet,
      territory: id,
    });
    alerts.start();
    started.push(() => alerts.stop());
    const gauges = (): Gauge[] => [
      ...alerts.gauges(),
      ...ingestGauges(ingest.counts()),
      {
        name: 'webizen_audit_entries',
        help: 'Entries of the audit log.',
        series: [[{}, rooms.audit.head()?.length ?? 0]],
      },
      ...messageGauges(mail.counts()),
      ...commands.gauges(),
      ...(apart?.gauges() ?? []),
      {
        name: 'webizen_expiry_seconds',
        help: 'Until a certificate or list runs out.',
        series: expiry.left().map(({ what, seconds }) => [{ what }, seconds]),
      },
      ...[broker.reachable()].flatMap((reachable): Gauge[] =>
        reachable === undefined
          ? []
          : [
              {
                name: 'webizen_broker_reachable',
                help: 'Whether there is a session with the broker.',
                series: [[{}, reachable ? 1 : 0]],
              },
            ],
      ),
    ];
    const plain = isLoopback(host);
    const pages = createConsole({
      ...desk,
      claims,
      requests,
      events,
      operators: rooms.operators,
      audit: rooms.audit,
      alerts,
      territory: { id, name: called, jurisdiction, law },
      assetsDir,
      clock,
      log,
      gauges,
      commands: rooms.commands,
      ...(plain ? {} : { tls: { key: tls.key, cert: tls.cert } }),
    });
    started.push(() => pages.stop());
    const consolePort = await pages.start(bindAddress(host), portAt(2));
    urls.console = `${plain ? 'http' : 'https'}://${name}:${consolePort}`;

    certificate.onChange((now: ServerTls) => {
      est.secure(now);
      broker.secure(now);
      pages.secure({ key: now.key, cert: now.cert });
    });
    certificate.start();
    started.push(() => certificate.stop());

    // Last: who reaches the socket finds everything else running.
    const control = await serveControl(
      controlSocket(directory),
      withAudit(rooms.audit, {
        ...createWatchOperations(rooms),
        ...createOperations({
          claims,
          ...desk,
          requests,
          directory: listed,
          members,
          registry,
          rollouts,
          commands: rooms.commands,
          reloadCa: ca.reload,
          async moveStore(url) {
            await retention.hold();
            return copyToDatabase({ url }, clock, rooms);
          },
          backup: (file) => backUp({ directory, territory: id, store, clock, file }),
          count: (box, since) => countSequences(fleetStore, box, since),
        }),
      }),
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
