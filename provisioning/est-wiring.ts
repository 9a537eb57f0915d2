/** The server that boxes enrol with and members call, wired: who may come in, and every room that has routes there. */
import { declareAccounts } from './accounts-wiring.js';
import type { Addresses } from './addresses.js';
import { createAdmission } from './admission/admission.js';
import type { Ways } from './admission/ways.js';
import { declareAgreements } from './agreements-wiring.js';
import type { OutsideConfig } from './brokers.js';
import type { ServerTls } from './ca/server-certificate.js';
import { declareCases } from './cases-wiring.js';
import { type CallerParts, createCallers } from './catalogue/caller.js';
import type { Catalogue } from './catalogue/catalogue.js';
import { createEst, type Est } from './est/est.js';
import type { Ground } from './ground.js';
import type { LinkDesk } from './links/desk.js';
import { declareRegisterRoutes } from './members/register-routes.js';
import { declareMemberRoutes } from './members/routes.js';
import type { Mail } from './messages/messages.js';
import type { Rooms } from './rooms.js';
import { declareSystems } from './systems-wiring.js';
import { maxPacketBytes } from './traffic-wiring.js';

export interface EstWish {
  rooms: Rooms;
  addresses: Addresses;
  tls: ServerTls;
  ways: Ways;
  /** Requests to enrol taken each second from one address. */
  enrolmentsPerSecond: number | undefined;
  /** Where boxes find the broker. */
  broker: { port: number; outside: OutsideConfig | undefined };
  catalogue: Pick<Catalogue, 'declare'>;
  links: Pick<LinkDesk, 'declare'>;
  mail: Pick<Mail, 'declare'>;
}

/** @throws Refusal `port-in-use`, `address-unavailable` */
export async function startEst({ clock, log, onStop }: Ground, wish: EstWish): Promise<Est & { port: number }> {
  const { rooms, addresses, tls, ways, enrolmentsPerSecond, broker, catalogue, links, mail } = wish;
  const { territory, ca, crl, claims, requests, boxes, directory, members, commands, events, systems } = rooms;
  const { id, name, jurisdiction, law } = territory;
  const { hosts } = addresses;
  const callers = (limits: CallerParts['limits']) => createCallers({ members, boxes, hosts, limits });
  const est = createEst({
    tls,
    cacerts: () => ca.authorities.map(({ raw }) => raw),
    territory: { id, name, jurisdiction, law },
    hosts,
    broker: { port: () => broker.port, maxPacketBytes, outside: broker.outside },
    admission: createAdmission({
      ways,
      territory: id,
      roots: () => ca.roots,
      claims,
      requests,
      enter: boxes.enter,
      checkDevice: boxes.checkDevice,
      makers: directory.makers,
      clock,
    }),
    asksForCode: ways.has('claim') && !ways.has('manual'),
    ...(enrolmentsPerSecond !== undefined && { enrolmentsPerSecond }),
    boxes,
    directory,
    crl,
    memberKeys: members.keys,
    commandKeys: commands.keys.listed,
    more: [
      (app) => declareMemberRoutes(app, { members }),
      (app) => declareRegisterRoutes(app, { members }),
      (app, limits) => declareCases(app, { members, boxes, hosts, limits }),
      catalogue.declare,
      (app, limits) => links.declare(app, callers(limits)),
      (app, limits) => mail.declare(app, callers(limits)),
      (app, limits) => commands.diagnostics.declare(app, callers(limits)),
      (app, limits) => declareSystems(app, callers(limits), systems),
      (app, limits) => declareAgreements(app, callers(limits), rooms),
      (app, limits) => declareAccounts(app, callers(limits), rooms),
    ],
    events,
    clock,
    log,
  });
  onStop(() => est.stop());
  return { ...est, port: await est.start(addresses.bind, addresses.ports.est) };
}
