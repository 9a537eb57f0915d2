/**
 * systemd, where it is what started the agent: told when the agent is ready and when it stops, and again and again that it
 * lives (sd_notify(3), sd_watchdog_enabled(3)). Node has no datagram sockets of the unix kind, so systemd-notify speaks.
 */
import { execFile } from 'node:child_process';

export interface ServiceManager {
  /** From now on it is told each third of the watchdog's time, for as long as the event loop turns. */
  ready(): void;
  /** Harmless twice. The watchdog still counts: an agent that cannot stop is ended by it. */
  stopping(): void;
}

/**
 * @param environment as systemd gave it: NOTIFY_SOCKET, WATCHDOG_USEC; without the first nobody is told
 * @param onFault hears why it could not be told; what is not told ends in a restart by systemd
 */
export function createServiceManager(
  environment: Readonly<Record<string, string | undefined>>,
  onFault: (error: Error) => void,
  program = 'systemd-notify',
): ServiceManager {
  const isAsked = Boolean(environment.NOTIFY_SOCKET);
  const watchdogMilliseconds = Number(environment.WATCHDOG_USEC ?? 0) / 1000;
  let timer: NodeJS.Timeout | undefined;
  const tell = (word: string): void => {
    if (!isAsked) return;
    execFile(program, [word], { timeout: 30_000 }, (error) => error && onFault(error));
  };
  return {
    ready() {
      tell('READY=1');
      if (isAsked && watchdogMilliseconds > 0 && timer === undefined)
        timer = setInterval(() => tell('WATCHDOG=1'), watchdogMilliseconds / 3).unref();
    },
    stopping() {
      tell('STOPPING=1');
      clearInterval(timer);
    },
  };
}
