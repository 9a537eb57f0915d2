/** How the trial of a promise can end other than well. */

/** The implementation did something else than was promised. */
export class Mismatch extends Error {
  readonly expected: string;
  readonly seen: string;

  constructor(expected: string, seen: string) {
    super(`expected ${expected}, seen ${seen}`);
    this.name = 'Mismatch';
    this.expected = expected;
    this.seen = seen;
  }
}

/** The owner has not granted what the promise is about: neither kept nor broken. */
export class NotGranted extends Error {}

/** It cannot be tried as things stand here; the message says why. */
export class NotTried extends Error {}

const said = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
};

/** @throws Mismatch */
export function same(what: string, seen: unknown, expected: unknown): void {
  if (JSON.stringify(seen) === JSON.stringify(expected)) return;
  throw new Mismatch(`${what}: ${said(expected)}`, said(seen));
}

/** @throws Mismatch */
export function holds(condition: boolean, expected: string, seen: unknown): void {
  if (!condition) throw new Mismatch(expected, said(seen));
}
