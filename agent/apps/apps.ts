/**
 * The apps of the configuration, each run as a supervised child process. They are not sandboxed, and every status says so;
 * containers come behind this same interface.
 */
import { chmod, mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '#common/clock.js';
import type { Capability } from '#contract/capabilities.js';
import type { AppState } from '#contract/status.js';
import { createLeftovers } from './leftovers.js';
import { createOutputLog, endOf } from './output-log.js';
import { createSupervisor, type Supervisor } from './supervisor.js';

/** As it stands in the configuration. */
export interface AppConfig {
  id: string;
  /** The program and its parameters; no shell reads them. */
  command: string[];
  grants: Capability[];
  quotaBytes: number;
}

export interface AppStatus {
  id: string;
  state: AppState;
  sandbox: 'none';
  restarts: number;
  pid: number | null;
  grants: Capability[];
  quotaBytes: number;
}

export interface Apps {
  /** Kills what an earlier agent left running, then starts every app. Resolves without waiting for them. */
  start(): Promise<void>;
  /** Resolves when every app has ended. */
  stop(): Promise<void>;
  /** Undefined when there is no such app. */
  show(id: string): AppStatus | undefined;
  list(): AppStatus[];
  /** The end of what it printed; empty where there is nothing. */
  logs(id: string, wish: { tailBytes: number }): Promise<string>;
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function createApps({
  apps,
  dataDir,
  runtimeDir,
  socketOf,
  clock,
  log,
  onChange = () => {},
  searchPath = defaultPath,
}: {
  apps: readonly AppConfig[];
  dataDir: string;
  runtimeDir: string;
  socketOf: (id: string) => string;
  clock: Clock;
  log: Pick<Logger, 'info' | 'warn'>;
  /** Called when an app's state changed. */
  onChange?: (id: string) => void;
  /** PATH of the apps. */
  searchPath?: string;
}): Apps {
  const supervisors = new Map<string, Supervisor>();

  const logs = path.join(dataDir, 'logs');
  const logFileOf = (id: string): string => path.join(logs, `${id}.log`);

  async function prepare(id: string): Promise<{ directory: string; logFile: string }> {
    const directory = path.join(dataDir, 'apps', id);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    await mkdir(logs, { recursive: true, mode: 0o700 });
    return { directory, logFile: logFileOf(id) };
  }

  const statusOf = ({ id, grants, quotaBytes }: AppConfig): AppStatus => {
    const supervisor = supervisors.get(id);
    return {
      id,
      state: supervisor?.state() ?? 'stopped',
      sandbox: 'none',
      restarts: supervisor?.restarts() ?? 0,
      pid: supervisor?.pid() ?? null,
      grants,
      quotaBytes,
    };
  };

  return {
    async start() {
      const leftovers = createLeftovers({ directory: path.join(runtimeDir, 'pids') });
      for (const { id, command } of apps) {
        const { directory, logFile } = await prepare(id);
        if (leftovers.kill(id)) log.warn({ app: id }, 'killed the app that an earlier agent left running');
        const output = createOutputLog({
          file: logFile,
          onError: (error) => log.warn({ app: id, err: error }, "cannot write the app's output"),
        });
        // Nothing of the agent's own environment is handed on.
        const environment = { WEBIZEN_SOCKET: socketOf(id), PATH: searchPath, HOME: directory, LANG: 'C.UTF-8' };
        const supervisor = createSupervisor({
          launch: { id, command, directory, environment },
          clock,
          leftovers,
          output,
          onChange: () => onChange(id),
        });
        supervisors.set(id, supervisor);
        supervisor.start();
      }
    },
    async stop() {
      await Promise.all([...supervisors.values()].map((supervisor) => supervisor.stop()));
    },
    show(id) {
      const app = apps.find((one) => one.id === id);
      return app && statusOf(app);
    },
    list: () => apps.map(statusOf),
    logs: (id, { tailBytes }) => endOf(logFileOf(id), tailBytes),
  };
}
