/** What boxes and the provider say to one another, wired: the broker, and who hears what comes in through it. */
import { type Apart, type ApartConfig, createApart } from './apart-wiring.js';
import type { Incoming } from './broker/gate.js';
import { type BrokerSide, createBrokerOutside, createOwnBroker, type OutsideConfig } from './brokers.js';
import type { ServerTls } from './ca/server-certificate.js';
import { linkCommands } from './commands-wiring.js';
import type { Gauge } from './console/metrics.js';
import type { DatabaseConfig } from './database-wiring.js';
import { createEndings, type Endings } from './endings-wiring.js';
import type { Hearing } from './fleet/hearing.js';
import { createIngest } from './fleet/ingest.js';
import { createQuota } from './fleet/quota.js';
import { createReceipts } from './fleet/receipts.js';
import { createTaken } from './fleet/taken.js';
import type { Ground } from './ground.js';
import { type Mail, openMail } from './messages/messages.js';
import type { Rooms } from './rooms.js';
import { trafficGauges } from './traffic-gauges.js';

export interface Traffic {
  readonly broker: BrokerSide;
  readonly ingest: Hearing;
  readonly mail: Mail;
  readonly revoke: Endings['revoke'];
  gauges(): Gauge[];
  /** As `BrokerSide.start`; commands go out, and boxes come in, from then on. */
  start(host: string, port: number): Promise<number>;
}

export const maxPacketBytes = 256 * 1024;

export async function openTraffic(
  ground: Ground,
  {
    rooms,
    tls,
    outside,
    workers,
    database,
  }: {
    rooms: Rooms;
    tls: ServerTls;
    outside: OutsideConfig | undefined;
    workers: ApartConfig | undefined;
    database: DatabaseConfig | undefined;
  },
): Promise<Traffic> {
  const { clock, log, onStop } = ground;
  const { store, fleetStore, ca, crl, boxes, events, members, registry } = rooms;
  const taken = createTaken({ store, events });
  taken.start();
  onStop(() => taken.stop());
  const { refusal } = taken;
  // The broker hands messages to who hears them, and they answer through the broker.
  const publish: BrokerSide['publish'] = (...message) => broker.publish(...message);

  const receipts = createReceipts({ ca, clock, log, publish });
  receipts.start();
  onStop(() => receipts.stop());
  const onHead = receipts.give;
  const apart: Apart | undefined =
    workers && outside && database
      ? createApart(
          workers,
          { outside, database },
          { fleet: fleetStore, ...{ ca, events, clock, log, refusal, onHead } },
        )
      : undefined;
  // The workers know who is here, and go on when this process does not.
  if (!apart) await fleetStore.allOffline();
  const ingest: Hearing =
    apart?.hearing ?? createIngest({ fleet: fleetStore, ...{ events, clock, log, refusal, onHead, publish } });
  onStop(() => ingest.stop());
  const { online } = ingest;

  const mail = await openMail({
    ...{ store, registry, members, events, clock, log, online, refusal, publish },
    mayTell: createQuota({ clock, burst: 20, perMinute: 2 }).take,
  });
  mail.start();
  onStop(() => mail.stop());
  const commands = linkCommands({ ...rooms.commands, ...{ online, events, clock, log, publish } });

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
  const endings = createEndings(ground, { store, boxes, broker, mail, commands });

  return {
    ...{ broker, ingest, mail, revoke: endings.revoke },
    gauges: () => [
      ...trafficGauges({ heard: ingest.counts(), mail: mail.counts(), reachable: broker.reachable() }),
      ...commands.gauges(),
      ...(apart?.gauges() ?? []),
    ],
    async start(host, port) {
      const listens = await broker.start(host, port);
      onStop(() => broker.stop());
      commands.start();
      onStop(() => commands.stop());
      apart?.start();
      if (apart) onStop(() => apart.stop());
      endings.start();
      return listens;
    },
  };
}
