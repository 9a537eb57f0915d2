/**
 * What the page knows, kept fresh: the event stream says when something is new; where the stream is down everything is
 * asked for each five seconds. What was last known stays when the provider does not answer.
 */
import type { AlertGroup } from '#contract/alerts.js';
import type { FleetGlance } from '#contract/fleet.js';
import type { AdmissionRequest, FleetEvent } from '#contract/operator.js';
import type { SignedIn } from '#contract/operators.js';
import { call, Refused, Unreachable } from './api.js';

export interface Territory {
  id: string;
  name: string;
  jurisdiction: string;
  law: string;
}

export interface State {
  /** `asking`: not known yet; `ended`: was signed in, and is no more. */
  session: 'asking' | 'out' | 'ended' | 'in';
  territory: Territory | undefined;
  /** As whom the page is signed in. */
  me: SignedIn | undefined;
  glance: FleetGlance | undefined;
  /** Those that wait come first. */
  requests: readonly AdmissionRequest[] | undefined;
  /** Alerts that fire and that nobody has acknowledged or silenced. */
  unseen: number | undefined;
  /** Oldest first. */
  events: readonly FleetEvent[] | undefined;
  /** When the provider last answered, by this machine's clock. */
  answeredAt: number | undefined;
  reachable: boolean;
  streaming: boolean;
}

export interface Live {
  readonly state: State;
  start(): void;
  signIn(secret: string): Promise<void>;
  signOut(): Promise<void>;
  /** Ask for the glance again now. */
  refresh(): Promise<void>;
  refreshRequests(): Promise<void>;
  refreshAlerts(): Promise<void>;
  /** Runs a call and learns from how it ends whether the provider answers and the session lives. */
  watch<T>(asked: Promise<T>): Promise<T>;
  onChange(listener: () => void): () => void;
  /** Each new event; undefined when it is time to ask because no stream tells. */
  onEvent(listener: (event: FleetEvent | undefined) => void): () => void;
}

const pollMilliseconds = 5000;
const slowMilliseconds = 60_000;
const askAgainMilliseconds = 1000;
const gatherMilliseconds = 500;
const mostGatherMilliseconds = 5000;
const keptEvents = 500;

const empty: State = {
  session: 'asking',
  territory: undefined,
  me: undefined,
  glance: undefined,
  requests: undefined,
  unseen: undefined,
  events: undefined,
  answeredAt: undefined,
  reachable: true,
  streaming: false,
};

const boxesIn = ({ states }: FleetGlance): number => Object.values(states).reduce((sum, count) => sum + count, 0);

export function createLive(): Live {
  let state = empty;
  let stream: EventSource | undefined;
  let isGathering = false;
  let refreshing: Promise<void> | undefined;
  let refreshedAt = 0;
  const changed = new Set<() => void>();
  const heard = new Set<(event: FleetEvent | undefined) => void>();

  function set(change: Partial<State>): void {
    state = { ...state, ...change };
    for (const listener of changed) listener();
  }

  function learn(events: readonly FleetEvent[]): void {
    const known = new Set(state.events?.map(({ id }) => id));
    const lasting = events.filter(({ id, type }) => type !== 'health' && !known.has(id));
    if (state.events && lasting.length === 0) return;
    set({ events: [...(state.events ?? []), ...lasting].sort((a, b) => (a.id < b.id ? -1 : 1)).slice(-keptEvents) });
  }

  function leave(session: 'out' | 'ended'): void {
    stream?.close();
    stream = undefined;
    set({ ...empty, session });
  }

  async function watch<T>(asked: Promise<T>): Promise<T> {
    try {
      const answer = await asked;
      set({ reachable: true, answeredAt: Date.now() });
      return answer;
    } catch (error) {
      if (error instanceof Unreachable) set({ reachable: false });
      if (error instanceof Refused) {
        set({ reachable: true, answeredAt: Date.now() });
        if (error.problem.status === 401 && state.session === 'in') leave('ended');
        else if (error.problem.status === 401 && state.session === 'asking') leave('out');
      }
      throw error;
    }
  }

  async function refreshNow(): Promise<void> {
    refreshedAt = Date.now();
    try {
      set({ glance: await watch(call<FleetGlance>('GET', '/v1/fleet/glance')) });
    } catch {
      // `watch` has told the page; what is known stays.
    }
  }

  async function refreshRequests(): Promise<void> {
    try {
      set({ requests: await watch(call<AdmissionRequest[]>('GET', '/v1/requests')) });
    } catch {
      // as above
    }
  }

  async function refreshAlerts(): Promise<void> {
    try {
      const groups = await watch(call<AlertGroup[]>('GET', '/v1/alerts'));
      const open = groups.map(({ firing, acknowledged, silenced }) => Math.max(0, firing - acknowledged - silenced));
      set({ unseen: open.reduce((sum, count) => sum + count, 0) });
    } catch {
      // as above
    }
  }

  function refresh(): Promise<void> {
    refreshing ??= refreshNow().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  /** Boxes report by the hundred: their news is asked for together, and the larger the fleet the more is gathered. */
  function refreshSoon(): void {
    if (isGathering) return;
    isGathering = true;
    setTimeout(
      () => {
        isGathering = false;
        void refresh();
      },
      Math.max(gatherMilliseconds, Math.min(mostGatherMilliseconds, (state.glance ? boxesIn(state.glance) : 0) * 5)),
    );
  }

  function openStream(): void {
    stream?.close();
    const opened = new EventSource('/v1/events');
    stream = opened;
    opened.addEventListener('open', () => {
      set({ streaming: true });
      learn([]);
      void refreshRequests();
      refreshSoon(); // whatever happened while nobody told
    });
    opened.addEventListener('error', () => set({ streaming: false }));
    opened.addEventListener('message', (message: MessageEvent<string>) => {
      const event: FleetEvent = JSON.parse(message.data);
      if (event.type === 'live') {
        for (const listener of heard) listener(event); // each second, and of one box alone
        return;
      }
      learn([event]);
      if (event.type.startsWith('admission-')) void refreshRequests();
      if (event.type === 'alert') void refreshAlerts();
      refreshSoon();
      for (const listener of heard) listener(event);
    });
  }

  async function pollEvents(): Promise<void> {
    try {
      learn(await watch(call<FleetEvent[]>('GET', '/v1/events')));
    } catch {
      // as above
    }
  }

  function tick(): void {
    if (state.session !== 'in') return;
    if (state.streaming) {
      if (Date.now() - refreshedAt > slowMilliseconds) {
        void refresh();
        void refreshAlerts();
      }
    } else {
      void refresh();
      void refreshRequests();
      void refreshAlerts();
      void pollEvents();
      for (const listener of heard) listener(undefined);
      if (stream?.readyState === EventSource.CLOSED && state.reachable) openStream();
    }
    set({}); // relative times move on
  }

  async function enter(): Promise<void> {
    try {
      const territory = await watch(call<Territory>('GET', '/v1/territory'));
      const me = await watch(call<SignedIn>('GET', '/v1/session'));
      set({ session: 'in', territory, me });
      openStream();
      await Promise.all([refresh(), refreshRequests(), refreshAlerts()]);
    } catch {
      // Nothing is shown yet, not even the way in.
      if (state.session === 'asking') setTimeout(() => void enter(), askAgainMilliseconds);
    }
  }

  return {
    get state() {
      return state;
    },
    start() {
      setInterval(tick, pollMilliseconds);
      document.addEventListener('visibilitychange', () => document.hidden || tick());
      void enter();
    },
    async signIn(secret) {
      await watch(call('POST', '/v1/session', { body: { secret } }));
      await enter();
    },
    async signOut() {
      await watch(call('DELETE', '/v1/session'));
      leave('out');
    },
    refresh,
    refreshRequests,
    refreshAlerts,
    watch,
    onChange(listener) {
      changed.add(listener);
      return () => changed.delete(listener);
    },
    onEvent(listener) {
      heard.add(listener);
      return () => heard.delete(listener);
    },
  };
}
