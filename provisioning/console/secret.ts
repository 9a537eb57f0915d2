/** The operators' secrets: guessed at only slowly, whoever's they may be. */
import type { Clock } from '#common/clock.js';
import type { Operator } from '#contract/operators.js';
import { Refusal } from '#contract/problems.js';
import type { EventLog } from '../fleet/events.js';

export interface SecretCheck {
  /** Whose secret it is. @throws Refusal `secret-wrong`, or `too-many-attempts` whatever was given, with `Retry-After` in seconds */
  check(given: string, address: string): Operator;
}

const windowMilliseconds = 60_000;
const wrongInWindow = 10;
const mostAddresses = 4096;

export function createSecretCheck({
  find,
  clock,
  events,
}: {
  /** Compares in constant time. */
  find: (secret: string) => Operator | undefined;
  clock: Clock;
  events: Pick<EventLog, 'refused'>;
}): SecretCheck {
  const wrong = new Map<string, { since: number; count: number }>();

  const attempts = (address: string, now: number) => {
    const found = wrong.get(address);
    if (found && now < found.since + windowMilliseconds) return found;
    wrong.delete(address);
    return undefined;
  };

  return {
    check(given, address) {
      const now = clock.now();
      const before = attempts(address, now);
      // Nothing is compared here: an answer that told right from wrong would be no limit.
      if (before && before.count >= wrongInWindow) {
        events.refused('too-many-attempts', { detail: `from ${address}` });
        const seconds = Math.ceil((before.since + windowMilliseconds - now) / 1000);
        throw new Refusal('too-many-attempts', undefined, { headers: { 'Retry-After': String(seconds) } });
      }
      const operator = find(given);
      if (operator) return operator;
      if (before) before.count += 1;
      else {
        if (wrong.size >= mostAddresses) wrong.delete(wrong.keys().next().value ?? '');
        wrong.set(address, { since: now, count: 1 });
      }
      events.refused('secret-wrong', { detail: `from ${address}` });
      throw new Refusal('secret-wrong', undefined, { headers: { 'WWW-Authenticate': 'Bearer realm="operator"' } });
    },
  };
}
