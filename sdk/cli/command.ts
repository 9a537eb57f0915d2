/** What a command is handed of the process. */
export interface Io {
  out(line: string): void;
  /** For what is on its way: a line for people, beside what a program reads. */
  tell(line: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the skeletons of apps lie. */
  readonly templatesDir: string;
}

/** Answers false where it was done, and the answer is no. @throws Refusal whatever stands in the way */
export type Command = (args: string[], io: Io) => Promise<boolean | void>;
