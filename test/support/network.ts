/** Networks that can be cut: a namespace for each machine, a cable for each pair of them. Linux, as root. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

interface Teardown {
  teardown(work: () => unknown): void;
}

export interface Machine {
  /** What a command is put behind to run there. */
  readonly run: readonly string[];
}

export interface Cable {
  /** The addresses of its two ends. */
  readonly ends: readonly [string, string];
  /** Nothing passes, and nobody is told: what was on its way is gone. */
  cut(): void;
  mend(): void;
}

export interface Network {
  /** The machine that the test runs on. */
  readonly here: Machine;
  machine(): Machine;
  cable(one: Machine, other: Machine): Cable;
}

const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });

export function testNetwork(t: Teardown): Network {
  const id = randomBytes(2).toString('hex');
  // Of a range that is kept for measurements between networks (RFC 2544): nobody's own.
  const range = `198.${18 + (randomBytes(1)[0]! % 2)}.${randomBytes(1)[0]!}`;
  const here: Machine = { run: [] };
  let machines = 0;
  let cables = 0;
  const within = ({ run }: Machine, ...args: string[]): void => {
    const [name = '', ...rest] = [...run, 'ip', ...args];
    execFileSync(name, rest, { stdio: ['ignore', 'ignore', 'inherit'] });
  };

  return {
    here,
    machine() {
      machines += 1;
      const name = `wz-${id}-${machines}`;
      ip('netns', 'add', name);
      // With it its ends of all cables go, and with those the other ends.
      t.teardown(() => ip('netns', 'del', name));
      const made: Machine = { run: ['ip', 'netns', 'exec', name] };
      within(made, 'link', 'set', 'lo', 'up');
      return made;
    },
    cable(one, other) {
      const base = cables * 4;
      cables += 1;
      const [a, b] = [`wz${id}${cables}a`, `wz${id}${cables}b`] as const;
      const ends = [`${range}.${base + 1}`, `${range}.${base + 2}`] as const;
      ip('link', 'add', a, 'type', 'veth', 'peer', 'name', b);
      for (const [machine, link, address] of [
        [one, a, ends[0]],
        [other, b, ends[1]],
      ] as const) {
        const where = machine.run.at(-1);
        if (where !== undefined) ip('link', 'set', link, 'netns', where);
        within(machine, 'addr', 'add', `${address}/30`, 'dev', link);
        within(machine, 'link', 'set', link, 'up');
      }
      // The one end sees a cable that is still there and brings nothing; the other is as unplugged.
      return {
        ends,
        cut: () => within(other, 'link', 'set', b, 'down'),
        mend: () => within(other, 'link', 'set', b, 'up'),
      };
    },
  };
}
