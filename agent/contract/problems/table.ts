/** Of each code: the HTTP status, what is wrong in one sentence, and what to do about it. */
export type ProblemTable = Record<string, readonly [status: number, title: string, remedy: string]>;
