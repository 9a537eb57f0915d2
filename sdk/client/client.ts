/**
 * The client of the standard API for Node 20 and later, without dependencies.
 *
 *     const box = connect();
 *     await box.storage.put('greeting', 'hello');
 *     for await (const event of box.events()) console.log(event.type);
 */
import {
  type AppEvent,
  type Attestation,
  type Box,
  type Health,
  type Lease,
  type LeaseList,
  type NewLease,
  type NewNotification,
  type NewUsage,
  type Notified,
  operations,
  type Self,
  type UsageEntry,
  type UsageView,
} from './api.js';
import { createEgress, type Egress } from './egress.js';
import { boxEvents } from './events.js';
import { createMessages, type Messages } from './messages.js';
import { createStorage, type Storage } from './storage.js';
import { type Call, createTransport } from './transport.js';

export type * from './api.js';
export type { Egress } from './egress.js';
export { WebizenError } from './errors.js';
export type { Messages, SentMessage } from './messages.js';
export type { Conditions, Storage, StorageOperation, StoredValue } from './storage.js';

export interface Webizen {
  /** Facts about the box and its territory. */
  box(): Promise<Box>;
  /** This app: its permissions, its limits, how it is run. */
  self(): Promise<Self>;
  /** The newest health sample. Needs the permission `health.read`. */
  health(): Promise<Health>;
  readonly storage: Storage;
  readonly messages: Messages;
  /** Servers outside. Needs a permission for each host, such as `network.egress:api.example.com`. */
  readonly egress: Egress;
  /** Says that the app is up, for a health check of the kind `ready`. */
  ready(): Promise<void>;
  /** A token that says which app, release and box asks, for this audience alone. Needs the permission `identity.attest`. */
  attest(audience: string, options?: { nonce?: string }): Promise<Attestation>;
  /** Tells the owner something in the console. Needs the permission `notify`. */
  notify(notification: NewNotification): Promise<Notified>;
  /**
   * Holds the app's own update, or a restart of the box, for a reason that the owner reads. Asked again with the same
   * `key`, it is the same lease.
   */
  hold(lease: NewLease, options?: { key?: string }): Promise<Lease>;
  /**
   * Counts what was used, in a unit of the plan that the owner agreed to: `count({ unit: 'page', quantity: '2' }, { key })`.
   * A key is counted once, however often it is sent. Needs the permission `metering`.
   */
  count(usage: NewUsage, options: { key: string }): Promise<UsageEntry>;
  /** The agreement that holds, what this month has come to, and the owner's limit. Needs the permission `metering`. */
  usage(): Promise<UsageView>;
  /** What the app holds. */
  leases(): Promise<Lease[]>;
  /** Holds it for so long from now on. */
  extend(id: string, seconds: number): Promise<Lease>;
  release(id: string): Promise<void>;
  /** The end of what this app has printed. */
  logs(): Promise<string>;
  /** Every event from now on, across restarts of the box's software, until the signal aborts or the loop is left. */
  events(options?: { signal?: AbortSignal }): AsyncIterable<AppEvent>;
  /** Lets go of kept connections. */
  close(): void;
}

/** Connects lazily: nothing is sent before the first call. Every call may throw a WebizenError. */
export function connect({
  socket = process.env.WEBIZEN_SOCKET ?? '/run/webizen/api.sock',
}: {
  /** Path of the app's socket. */
  socket?: string;
} = {}): Webizen {
  const transport = createTransport(socket);
  const post = (operation: { method: string; path: string }, body: unknown, headers: Call['headers'] = {}) =>
    transport.json({
      ...operation,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const ofLease = (operation: { method: string; path: string }, id: string) => ({
    method: operation.method,
    path: operation.path.replace('{id}', encodeURIComponent(id)),
  });
  return {
    box: async () => (await transport.json(operations.getBox)) as Box,
    self: async () => (await transport.json(operations.getSelf)) as Self,
    health: async () => (await transport.json(operations.getHealth)) as Health,
    storage: createStorage(transport),
    messages: createMessages(transport),
    egress: createEgress(socket),
    ready: async () => void (await transport.call(operations.putReady)),
    attest: async (audience, options = {}) =>
      (await post(operations.postAttestation, { audience, ...options })) as Attestation,
    notify: async (notification) => (await post(operations.postNotification, notification)) as Notified,
    events: ({ signal } = {}) => boxEvents(transport, signal),
    hold: async (lease, { key } = {}) =>
      (await post(operations.postLease, lease, key === undefined ? {} : { 'idempotency-key': key })) as Lease,
    count: async (usage, { key }) =>
      (await post(operations.postUsage, usage, { 'idempotency-key': key })) as UsageEntry,
    usage: async () => (await transport.json(operations.getUsage)) as UsageView,
    leases: async () => ((await transport.json(operations.listLeases)) as LeaseList).leases,
    extend: async (id, seconds) => (await post(ofLease(operations.putLease, id), { seconds })) as Lease,
    release: async (id) => void (await transport.call(ofLease(operations.deleteLease, id))),
    logs: async () => (await transport.call(operations.getLogs)).body.toString('utf8'),
    close: () => transport.close(),
  };
}
