/** Something is asked for once, and again when its address or `version` changes; `again` asks now. Null: nothing is. */
import { useEffect, useState } from 'preact/hooks';
import { call } from './api.js';

export function useAsked<T>(path: string | null, version = 0) {
  const [state, setState] = useState<{ path: string | null; value?: T; error?: unknown }>({ path });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let isGone = false;
    if (path === null) return;
    call<T>('GET', path).then(
      (value) => isGone || setState({ path, value }),
      // What was known stays beside the error.
      (error: unknown) => isGone || setState((known) => ({ ...(known.path === path ? known : {}), path, error })),
    );
    return () => {
      isGone = true;
    };
  }, [path, turn, version]);
  const mine: { value?: T; error?: unknown } = state.path === path ? state : {};
  return { value: mine.value, error: mine.error, again: () => setTurn((count) => count + 1) };
}
