/**
 * The client of the standard API for Node 20 and later, without dependencies.
 *
 *     const box = connect();
 *     await box.storage.put('greeting', 'hello');
 *     for await (const event of box.events()) console.log(event.type);
 */
import { type AppEvent, type Box, type Health, operations, type Self } from './api.js';
import { watch } from './events.js';
import { createStorage, type Storage } from './storage.js';
import { createTransport } from './transport.js';

export type * from './api.js';
export { WebizenError } from './errors.js';
export type { Conditions, Storage, StorageOperation, StoredValue } from './storage.js';

export interface Webizen {
  /** Facts about the box and its territory. */
  box(): Promise<Box>;
  /** This app: its permissions, its limits, how it is run. */
  self(): Promise<Self>;
  /** The newest health sample. Needs the permission `health.read`. */
  health(): Promise<Health>;
  readonly storage: Storage;
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
  return {
    box: async () => (await transport.json(operations.getBox)) as Box,
    self: async () => (await transport.json(operations.getSelf)) as Self,
    health: async () => (await transport.json(operations.getHealth)) as Health,
    storage: createStorage(transport),
    events: ({ signal } = {}) => watch(transport, signal),
    close: () => transport.close(),
  };
}
