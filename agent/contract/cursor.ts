/** The opaque cursor of a listing: the last key given, bound to the prefix it was given for. */
const version = 1;

export function buildCursor(prefix: string, lastKey: string): string {
  return Buffer.from(JSON.stringify([version, prefix, lastKey]), 'utf8').toString('base64url');
}

/** The last key given, or undefined for anything that `buildCursor` did not make for this prefix. Takes outside bytes. */
export function parseCursor(prefix: string, cursor: string): string | undefined {
  if (cursor.length > 4096 || !/^[A-Za-z0-9_-]+$/.test(cursor)) return undefined;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (!Array.isArray(parsed) || parsed.length !== 3) return undefined;
    const [itsVersion, itsPrefix, lastKey] = parsed as unknown[];
    if (itsVersion !== version || itsPrefix !== prefix || typeof lastKey !== 'string') return undefined;
    // Base64 has many spellings of the same bytes; ours is one.
    return lastKey.startsWith(prefix) && buildCursor(prefix, lastKey) === cursor ? lastKey : undefined;
  } catch {
    return undefined;
  }
}
