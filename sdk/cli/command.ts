/** What a command is handed of the process. */
export interface Io {
  out(line: string): void;
  /** For what is on its way: a line for people, beside what a program reads. */
  tell(line: string): void;
  /** The terminal that a person types at; undefined where there is none. */
  readonly terminal: NodeJS.ReadStream | undefined;
  /** Told when the command is asked to end. Answers how to stop listening. */
  onEnd(listener: () => void): () => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the skeletons of apps lie. */
  readonly templatesDir: string;
  /** The program that simulates a box. */
  readonly devBoxFile: string;
  /** The published specification of the standard API. */
  readonly specificationFile: string;
}

/** Answers whether it is as wished: false is told by the exit code. @throws Refusal whatever stands in the way */
export type Command = (args: string[], io: Io) => Promise<boolean>;
