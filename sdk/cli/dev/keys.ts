/** A developer at the terminal: a key a fault. */
import { devFaultNames, devFaults } from '#contract/developing.js';

const endings = ['\u0003', '\u0004']; // Ctrl-C and Ctrl-D, which are plain characters while keys come one by one

export function keyLines(): string[] {
  return [
    ...devFaultNames.map((name) => `${devFaults[name].key}  ${name.padEnd(9)} ${devFaults[name].about}`),
    '?  these keys; Ctrl-C ends',
  ];
}

/** Answers how to give the terminal back. */
export function takeKeys(
  terminal: NodeJS.ReadStream,
  on: { fault(name: (typeof devFaultNames)[number]): void; help(): void; end(): void },
): () => void {
  const typed = (chunk: Buffer | string): void => {
    for (const key of chunk.toString()) {
      const name = devFaultNames.find((one) => devFaults[one].key === key);
      if (name) on.fault(name);
      else if (key === '?') on.help();
      else if (endings.includes(key)) on.end();
    }
  };
  terminal.setRawMode(true);
  terminal.on('data', typed);
  terminal.resume();
  return () => {
    terminal.off('data', typed);
    terminal.setRawMode(false);
    terminal.pause();
  };
}
