/** The provider's commands about one territory, as an office types them where no server runs. */
import type { Test } from 'tap';
import { runCommand } from './provider.js';

export function territoryCommands(t: Test, dir: string) {
  const run = (...args: string[]) => runCommand('webizen-provider', [...args, '--dir', dir]);
  return {
    run,
    /** What it printed. */
    done(...args: string[]): string {
      const { status, stdout, stderr } = run(...args);
      t.equal(status, 0, `${args.join(' ')}: ${stderr}`);
      return stdout;
    },
    refused(code: string, ...args: string[]): void {
      const { status, stderr } = run(...args);
      t.not(status, 0, args.join(' '));
      t.match(stderr, code);
    },
  };
}
