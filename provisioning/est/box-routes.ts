/** What an enrolled box asks of its provider beside EST, and what anybody may read. */
import type { X509Certificate } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { PublicJwk } from '#contract/directory.js';
import { eventsForm } from '#contract/events.js';
import { compactHealth } from '#contract/health-codec.js';
import { Leave, type LeaveAnswer } from '#contract/leave.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Profile } from '#contract/profile.js';
import { certificateOf } from './credentials.js';
import type { Limits } from './limits.js';

export interface BoxRouteParts {
  territory: Profile['territory'];
  /** The names in the server's certificate; the first stands in for a name that is not among them. */
  hosts: readonly string[];
  broker: { port(): number; maxPacketBytes: number; outside?: { url: string; protocolVersion: 4 | 5 } | undefined };
  boxes: {
    admit(certificate: X509Certificate): Promise<string>;
    leave(certificate: X509Certificate, leave: Leave): Promise<LeaveAnswer>;
  };
  crl: { der(): Promise<Buffer> };
  /** Who signs for the territory's members. */
  memberKeys?: () => readonly PublicJwk[];
  /** Who signs commands to its boxes. */
  commandKeys?: () => readonly PublicJwk[];
}

const bracketed = (host: string): string => (isIPv6(host) ? `[${host}]` : host);

export function declareBoxRoutes(
  app: FastifyInstance,
  { territory, hosts, broker, boxes, crl, memberKeys, commandKeys }: BoxRouteParts,
  limits: Limits,
): void {
  app.get('/v1/profile', async (request): Promise<Profile> => {
    const certificate = certificateOf(request);
    limits.box(certificate.fingerprint256);
    const box = await boxes.admit(certificate);
    const asked = request.hostname.replace(/^\[|\]$/g, '');
    const host = hosts.includes(asked) ? asked : (hosts[0] ?? 'localhost');
    return {
      box,
      territory,
      broker: {
        url: broker.outside?.url ?? `mqtts://${bracketed(host)}:${broker.port()}`,
        protocolVersion: broker.outside?.protocolVersion ?? 4,
        maxPacketBytes: broker.maxPacketBytes,
      },
      reads: [compactHealth, eventsForm],
      ...(memberKeys && { memberKeys: [...memberKeys()] }),
      ...(commandKeys && { commandKeys: [...commandKeys()] }),
    };
  });

  app.post('/v1/leave', async (request): Promise<LeaveAnswer> => {
    const certificate = certificateOf(request);
    limits.box(certificate.fingerprint256);
    const leave = check(Leave, request.body);
    if (!leave.ok) throw new Refusal('body-invalid', describeFaults(leave.faults));
    return boxes.leave(certificate, leave.value);
  });

  // RFC 2585 section 4.2
  app.get('/v1/crl', async (_request, reply) => reply.type('application/pkix-crl').send(await crl.der()));
}
