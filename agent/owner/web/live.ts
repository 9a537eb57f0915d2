/**
 * What the page knows, kept fresh: the box pushes the owner's view when something in it changes. Where the box does not
 * answer, what was last known stays, and the page asks again until it does: it recovers by itself.
 */
import type { AppOffer } from '#contract/installed.js';
import type { OwnerState, OwnerView } from '#contract/owner.js';
import { call, Refused, Unreachable } from './api.js';

export interface State {
  /** Undefined until the box has answered once. */
  known: OwnerState | undefined;
  /** Of a signed-in owner. */
  view: OwnerView | undefined;
  reachable: boolean;
  /** When the box last answered, by this machine's clock. */
  answeredAt: number | undefined;
  /** Was signed in, and is no more. */
  ended: boolean;
  /** Shown once; only this page has it. */
  recoveryCode: string | undefined;
  /** What the owner looked at last: a file that was sent is not looked up again. */
  offer: AppOffer | undefined;
}

export interface Live {
  readonly state: State;
  start(): void;
  /** Asks the box how things stand now. */
  load(): Promise<void>;
  /** Runs a call, learns from how it ends, and then looks how things stand. */
  act<T = null>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T>;
  keep(recoveryCode: string | undefined): void;
  keepOffer(offer: AppOffer): void;
  onChange(listener: () => void): () => void;
}

const askAgainMilliseconds = 1000;
const pollMilliseconds = 5000;

export function createLive(): Live {
  let state: State = {
    known: undefined,
    view: undefined,
    reachable: true,
    answeredAt: undefined,
    ended: false,
    recoveryCode: undefined,
    offer: undefined,
  };
  let stream: EventSource | undefined;
  let isLoading: Promise<void> | undefined;
  let next: ReturnType<typeof setTimeout> | undefined;
  const listeners = new Set<() => void>();

  function set(change: Partial<State>): void {
    state = { ...state, ...change };
    for (const listener of [...listeners]) listener();
  }

  /** One that was asked for before the box pushed another may come after it. */
  function take(view: OwnerView): void {
    const { run, count } = state.view?.made ?? { run: '', count: 0 };
    const isOlder = view.made.run === run && view.made.count < count;
    set({ reachable: true, answeredAt: Date.now(), ...(isOlder ? {} : { view }) });
  }

  function learn(error: unknown): void {
    if (error instanceof Unreachable) set({ reachable: false });
    if (error instanceof Refused) set({ reachable: true, answeredAt: Date.now() });
  }

  function follow(): void {
    if (stream && stream.readyState !== EventSource.CLOSED) return;
    const opened = new EventSource('/v1/events');
    stream = opened;
    opened.addEventListener('message', (message: MessageEvent<string>) => {
      take(JSON.parse(message.data));
    });
    // Cut, or the session has ended: which of them, the box is asked.
    opened.addEventListener('error', () => void load());
  }

  function unfollow(): void {
    stream?.close();
    stream = undefined;
  }

  async function loadNow(): Promise<void> {
    clearTimeout(next);
    try {
      const known = await call<OwnerState>('GET', '/v1/state');
      const wasIn = state.known?.session === 'owner';
      const isIn = known.session === 'owner';
      if (!isIn) unfollow();
      set({
        known,
        reachable: true,
        answeredAt: Date.now(),
        ended: !isIn && (state.ended || wasIn),
        ...(isIn ? {} : { view: undefined, recoveryCode: undefined, offer: undefined }),
      });
      if (isIn) {
        follow();
        take(await call<OwnerView>('GET', '/v1/view'));
      }
    } catch (error) {
      learn(error);
    }
    const isStreaming = stream?.readyState === EventSource.OPEN;
    if (!state.reachable) next = setTimeout(() => void load(), askAgainMilliseconds);
    else if (state.known?.session === 'owner' && !isStreaming) next = setTimeout(() => void load(), pollMilliseconds);
  }

  function load(): Promise<void> {
    isLoading ??= loadNow().finally(() => {
      isLoading = undefined;
    });
    return isLoading;
  }

  return {
    get state() {
      return state;
    },
    start() {
      void load();
      document.addEventListener('visibilitychange', () => document.hidden || void load());
      setInterval(() => set({}), 30_000); // relative times move on
    },
    load,
    async act<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown) {
      try {
        const answer = await call<T>(method, path, body);
        if (path.startsWith('/v1/session'))
          set({ ended: false, known: state.known && { ...state.known, session: 'none' } });
        await isLoading; // what it asked may be from before
        await load();
        return answer;
      } catch (error) {
        learn(error);
        if (error instanceof Unreachable || (error instanceof Refused && error.problem.status === 401)) void load();
        throw error;
      }
    },
    keep: (recoveryCode) => set({ recoveryCode }),
    keepOffer: (offer) => set({ offer }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
