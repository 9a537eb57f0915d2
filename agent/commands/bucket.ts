/** So many at once, and then one in so long: what a broker can repeat at will must not cost the box at will. */
export function createBucket({
  most,
  everyMilliseconds,
  monotonic,
}: {
  most: number;
  everyMilliseconds: number;
  monotonic: () => number;
}): { take(): boolean } {
  let left = most;
  let countedAt = monotonic();
  return {
    take() {
      left = Math.min(most, left + (monotonic() - countedAt) / everyMilliseconds);
      countedAt = monotonic();
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
}
