/**
 * Who should own which shard. Pure, and a function of what stands in the database alone: every worker works out the same
 * division from the same rows, so that none of them has to lead.
 */

/** Two hex digits of SHA-256(box id), as in the topics (contract/topics.ts). */
export const allShards: readonly string[] = Array.from({ length: 256 }, (_, index) =>
  index.toString(16).padStart(2, '0'),
);

/**
 * Evenly: the most and the fewest that a worker has differ by one at most. With few moves: a worker keeps what it has up
 * to its share, and who has the most already gets the larger share.
 * @param current the owner of each shard that is owned
 * @param workers ids of those that live
 */
export function plan(current: ReadonlyMap<string, string>, workers: readonly string[]): Map<string, string> {
  const division = new Map<string, string>();
  if (workers.length === 0) return division;
  const held = new Map<string, string[]>(workers.map((worker) => [worker, []]));
  for (const shard of allShards) held.get(current.get(shard) ?? '')?.push(shard);

  const order = [...held.keys()].sort(
    (one, other) => held.get(other)!.length - held.get(one)!.length || (one < other ? -1 : 1),
  );
  const least = Math.floor(allShards.length / order.length);
  const larger = allShards.length % order.length;
  const share = new Map(order.map((worker, place) => [worker, place < larger ? least + 1 : least]));

  for (const [worker, shards] of held)
    for (const shard of shards.slice(0, share.get(worker))) division.set(shard, worker);
  const free = allShards.filter((shard) => !division.has(shard));
  for (const worker of order)
    for (const shard of free.splice(0, Math.max(0, share.get(worker)! - held.get(worker)!.length)))
      division.set(shard, worker);
  return new Map(allShards.map((shard) => [shard, division.get(shard)!]));
}
