/** What a command is handed of the process. */
export interface Io {
  out(line: string): void;
  /** Aborted when the process is told to stop. */
  readonly stop: AbortSignal;
  /** Where the built console lies. */
  readonly assetsDir: string;
}

/** @throws Refusal whatever stands in the way */
export type Command = (args: string[], io: Io) => Promise<void>;
