/** What a request says about octets: which ones it wants, and which ones it brings. Takes outside bytes. */

export interface Span {
  /** Both included. */
  first: number;
  last: number;
}

const whole = /^\d{1,15}$/;

/** A header that is one whole number, in digits alone. */
export const countIn = (header: unknown): number | undefined =>
  typeof header === 'string' && whole.test(header) ? Number(header) : undefined;

/**
 * One byte range (RFC 9110 section 14.1.2). `all`: none was asked for, or in a way that a server may ignore (section
 * 14.2: another unit, several ranges, not well-formed). `none`: what was asked for lies outside.
 */
export function spanOf(header: string | undefined, size: number): Span | 'all' | 'none' {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return 'all';
  if (from === '')
    return to !== '' && Number(to) > 0 ? { first: Math.max(0, size - Number(to)), last: size - 1 } : 'none';
  const first = Number(from);
  if (to !== '' && Number(to) < first) return 'all'; // not well-formed
  return first < size ? { first, last: to === '' ? size - 1 : Math.min(Number(to), size - 1) } : 'none';
}

export interface Piece {
  offset: number;
  /** Of the whole. */
  length: number;
}

/** Undefined where the two headers do not say which octets these are. */
export function pieceOf(headers: Record<string, unknown>): Piece | undefined {
  const offset = countIn(headers['upload-offset']);
  const length = countIn(headers['upload-length']);
  return offset !== undefined && length !== undefined && length > 0 && offset <= length
    ? { offset, length }
    : undefined;
}

/** The hex digits of `sha256:…`. */
export const hexOf = (digest: string): string | undefined => /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
