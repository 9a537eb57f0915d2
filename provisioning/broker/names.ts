/**
 * The names that the provider's own parts have at a broker outside. Each holds a dot, which no box id has: a box can
 * never be given one of them, and a broker's rule for one never meets a box.
 */
export const serviceName = 'provider.webizen';
/** Ingest workers go by numbers from 0, which is the provider's own, to one less than this. */
export const mostWorkers = 64;
export const workerName = (number: number): string => `ingest-${number}.webizen`;

/** Let in by the broker as long as its list is as it must be. */
export const goodCanary = 'canary.webizen';
/** Revoked before it was ever used: a broker that lets it in does not look at the list. */
export const revokedCanary = 'revoked-canary.webizen';

/** What the provider reads. `up/` has several depths, and the rule of what may be said there is judged on arrival. */
export const everyUp = 'wz/1/+/+/up/#';
export const everyDown = 'wz/1/+/+/down/#';
export const everyAck = 'wz/1/+/+/down/ack';
/** What a worker takes of a shard: what goes into the fleet's store. */
export const upOfShard = (shard: string): string[] =>
  ['status', 'health', 'event', 'reported'].map((kind) => `wz/1/${shard}/+/up/${kind}`);
/** What the provider takes where workers take the rest: what goes into its own store, and who is here. */
export const upBesideWorkers = ['status', 'live', 'result/+', 'app/+/+'].map((kind) => `wz/1/+/+/up/${kind}`);
