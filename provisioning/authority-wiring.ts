/** The territory's authority while it serves, wired: its revocation lists, the server's certificate, and what runs out. */
import type { Files } from '#common/files.js';
import type { BrokerSide } from './brokers.js';
import { createExpiryWatch, type Ending } from './ca/expiry.js';
import { createServerCertificate, type ServerCertificate } from './ca/server-certificate.js';
import type { Gauge } from './console/metrics.js';
import type { Ground } from './ground.js';
import type { Rooms } from './rooms.js';

/** The certificate is renewed once it is started: by then whoever shows it listens to it. */
export async function startAuthority(
  { clock, log, onStop }: Ground,
  {
    rooms: { ca, crl },
    ...place
  }: { rooms: Pick<Rooms, 'ca' | 'crl'>; files: Files; directory: string; hosts: readonly string[] },
): Promise<ServerCertificate> {
  const certificate = await createServerCertificate({ ...place, clock, ca, log });
  // A CA that was rolled has boxes of its own soon: the brokers need its list before the first of them comes.
  onStop(ca.onChange(() => void crl.changed()));
  await crl.start();
  onStop(() => crl.stop());
  return certificate;
}

export function startExpiryWatch(
  { clock, onStop }: Ground,
  {
    rooms: { ca, crl, members, events },
    certificate,
    broker,
  }: {
    rooms: Pick<Rooms, 'ca' | 'crl' | 'members' | 'events'>;
    certificate: Pick<ServerCertificate, 'notAfter'>;
    broker: Pick<BrokerSide, 'certificateEnd'>;
  },
): { gauges(): Gauge[] } {
  const endings = (): Ending[] => [
    { what: 'root', at: Date.parse(ca.root.validTo) },
    { what: 'issuing', at: Date.parse(ca.issuer.certificate.validTo) },
    { what: 'server', at: certificate.notAfter },
    { what: 'crl', at: crl.nextUpdate() },
    { what: 'members', at: members.listsEnd() },
    ...[broker.certificateEnd()].flatMap((at) => (at === undefined ? [] : [{ what: 'broker', at }])),
  ];
  const expiry = createExpiryWatch({ clock, events, endings });
  expiry.start();
  onStop(() => expiry.stop());
  return {
    gauges: () => [
      {
        name: 'webizen_expiry_seconds',
        help: 'Until a certificate or list runs out.',
        series: expiry.left().map(({ what, seconds }) => [{ what }, seconds]),
      },
    ],
  };
}
