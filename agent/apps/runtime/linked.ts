/** A signal that ends with another one, or before it. */
export interface Linked {
  signal: AbortSignal;
  abort(): void;
  /** The other outlives many of these: nothing of this one stays with it. */
  release(): void;
}

export function linkedTo(other: AbortSignal): Linked {
  const own = new AbortController();
  const abort = () => own.abort();
  other.addEventListener('abort', abort);
  if (other.aborted) abort();
  return { signal: own.signal, abort, release: () => other.removeEventListener('abort', abort) };
}
