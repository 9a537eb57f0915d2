/** The configuration of mosquitto 2.0 that holds the same rule as the embedded broker. Pure: text for its files. */
import path from 'node:path';
import { everyAck, everyDown, everyUp, goodCanary, mostWorkers, serviceName, workerName } from './names.js';

export interface MosquittoWish {
  /** Where the files will lie on the broker's host. */
  at: string;
  port: number;
  /** The address to listen on; every one of the host's when undefined. */
  bind?: string | undefined;
  /** mosquitto gives up root for this user. */
  user: string;
  maxPacketBytes: number;
}

export const mosquittoFiles = {
  conf: 'mosquitto.conf',
  acl: 'acl',
  ca: 'ca.crt',
  cert: 'server.crt',
  key: 'server.key',
  crl: 'crl.pem',
  pid: 'mosquitto.pid',
  /** What is kept for whoever is away. */
  data: 'data',
} as const;

export function mosquittoConf({ at, port, bind, user, maxPacketBytes }: MosquittoWish): string {
  const file = (name: keyof typeof mosquittoFiles) => path.join(at, mosquittoFiles[name]);
  return `# The broker of a territory: mosquitto 2.0, written by "webizen-provider broker config mosquitto".
# Start it with:  mosquitto -c ${file('conf')}

# mosquitto gives up root for this user, who must be able to read every file named here, also later, at SIGHUP.
user ${user}
pid_file ${file('pid')}

# The helper beside this broker replaces ${mosquittoFiles.crl} and sends SIGHUP. Never put a file there by hand: with one that
# is missing, empty or broken mosquitto lets revoked boxes in, and with one that has run out it lets nobody in.
per_listener_settings false
allow_anonymous false
acl_file ${file('acl')}

listener ${port}${bind === undefined ? '' : ` ${bind}`}
cafile ${file('ca')}
certfile ${file('cert')}
keyfile ${file('key')}
crlfile ${file('crl')}
tls_version tlsv1.2

# A box is who its certificate says. Without the last of these it could take another's session by its client id.
require_certificate true
use_identity_as_username true
use_username_as_clientid true

# QoS 2 is not offered, and no packet is larger than a provider takes.
max_qos 1
max_packet_size ${maxPacketBytes}

# What waits for a provider that restarts. Boxes send again what is lost all the same.
persistence true
persistence_location ${file('data')}/
autosave_interval 300
max_queued_messages 100000

# So much is on its way to the provider, or to one worker, before it has stored any of it.
max_inflight_messages 1000
max_inflight_bytes ${maxPacketBytes * 128}
max_keepalive 1800
persistent_client_expiration 7d

# No $SYS: nobody here may read it.
sys_interval 0
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
`;
}

/**
 * A box writes what the contract names below its own `up/`, and reads its own `down/`. A subscription to more is granted
 * and brings nothing: mosquitto asks the rule for each message that it hands out.
 *
 * No rule here can keep a box from joining a shared subscription (`$share`): the provider must never use one, or any
 * box could join it and swallow the messages of others.
 */
export const mosquittoAcl = (): string => `# Who may say and hear what. %u is the name in the certificate: the box's id.
# Everybody: nothing but what stands here.

pattern write wz/1/+/%u/up/status
pattern write wz/1/+/%u/up/health
pattern write wz/1/+/%u/up/event
pattern write wz/1/+/%u/up/reported
pattern write wz/1/+/%u/up/live
pattern write wz/1/+/%u/up/result/+
pattern write wz/1/+/%u/up/app/+/+
pattern read wz/1/+/%u/down/#

# The provider: hears every box, speaks to every box, and clears what was retained against the rule.
user ${serviceName}
topic readwrite ${everyUp}
topic write ${everyDown}

# Ingest workers: each hears the shards that are its own, tells boxes what is stored, and clears as above.
${Array.from({ length: mostWorkers }, (_, number) => `user ${workerName(number)}\ntopic readwrite ${everyUp}\ntopic write ${everyAck}`).join('\n')}

# The canary that the helper probes with: it may come in, and do nothing.
user ${goodCanary}
topic deny #
`;
