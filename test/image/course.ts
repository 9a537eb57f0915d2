/** What a scenario says while it goes: steps with their times, and what holds. */
import type { Machine } from './machine.js';

/** Emulated and beside other work; a real board takes a tenth. */
const patienceMilliseconds = 40 * 60_000;

export interface Course {
  /** Seconds since the last `begin`, by step. */
  times: Record<string, number>;
  /** From now on times are counted. */
  begin(): void;
  passed(what: string): void;
  say(line: string): void;
  /** @throws Error when it does not hold */
  expect(holds: boolean, what: string): void;
  /** Asks each second. @throws Error with the end of the serial line when the machine ends or patience does */
  until<T>(machine: Machine, what: string, ask: () => Promise<T | undefined | false>): Promise<T>;
}

export function openCourse(): Course {
  const times: Record<string, number> = {};
  let began = Date.now();
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const passed = (what: string): void => {
    times[what] = Math.round((Date.now() - began) / 100) / 10;
    say(`${what} ${times[what]} s`);
  };
  return {
    times,
    say,
    passed,
    begin() {
      began = Date.now();
    },
    expect(holds, what) {
      if (!holds) throw new Error(`it does not hold: ${what}`);
      say(`holds: ${what}`);
    },
    async until<T>(machine: Machine, what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
      const from = Date.now();
      let reason: unknown;
      for (;;) {
        const answer = await ask().catch((error: unknown) => {
          reason = error;
        });
        if (answer !== undefined && answer !== false) {
          passed(what);
          return answer;
        }
        const late = Date.now() - from > patienceMilliseconds;
        if (late || machine.ended())
          throw new Error(
            `${late ? 'waited in vain for' : 'the machine ended before'} ${what}:\n${machine.serial().slice(-3000)}`,
            { cause: reason },
          );
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    },
  };
}
