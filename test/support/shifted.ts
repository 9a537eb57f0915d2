/** Built commands with another system clock, for all that runs in them. */
import { execFile } from 'node:child_process';
import { command, type Finished } from './provider.js';

/** What `--import` takes. @param by milliseconds */
export function clockAhead(by: number): string {
  const shift = `
    const True = Date, by = ${by};
    globalThis.Date = class Date extends True {
      constructor(...given) { if (given.length) super(...given); else super(True.now() + by); }
      static now() { return True.now() + by; }
    };`;
  return `data:text/javascript,${encodeURIComponent(shift)}`;
}

export function askCommandAhead(by: number, name: string, args: string[]): Promise<Finished> {
  return new Promise((resolve) => {
    const given = ['--import', clockAhead(by), command(name), ...args];
    execFile(process.execPath, given, { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ status: error ? (typeof error.code === 'number' ? error.code : null) : 0, stdout, stderr });
    });
  });
}
