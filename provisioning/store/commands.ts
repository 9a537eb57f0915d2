/** What is stored of what boxes are asked, and told to be like. */
import type { Database } from '#common/commits.js';
import type { Command, CommandResult, DesiredState } from '#contract/commands.js';
import type { CommandState } from '#contract/operator-commands.js';
import { sublevel } from './sublevel.js';

/** Something that was asked of a box. Keyed by `{box}!{sequence, 16 digits}`. */
export interface CommandRecord {
  command: Command;
  state: CommandState;
  sentAt?: number;
  /** The last that the box gave, and when it came. */
  answer?: CommandResult;
  answeredAt?: number;
  /** Of a bundle in `diagnostics/`. */
  diagnosticsBytes?: number;
}

export const commandSublevels = (db: Database) => ({
  commands: sublevel<CommandRecord>(db, 'commands'),
  /** Those without a final answer. */
  commandsOpen: sublevel<true>(db, 'commandsopen'),
  /** The highest sequence that was given. */
  commandBoxes: sublevel<{ sequence: number }>(db, 'commandboxes'),
  /** What boxes are told to be like from now on. Keyed by box id. */
  desired: sublevel<DesiredState>(db, 'desired'),
});

export type CommandStore = Readonly<ReturnType<typeof commandSublevels>>;
