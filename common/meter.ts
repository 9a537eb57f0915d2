/** Hands on what goes through it, hashed (SHA-256) and counted. */
import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';

export interface Meter {
  through: Transform;
  /** Hex; once, when all of it has gone through. */
  sha256(): string;
  /** Bytes so far. */
  size(): number;
}

export function meter(): Meter {
  const hash = createHash('sha256');
  let size = 0;
  const through = new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      size += piece.length;
      done(null, piece);
    },
  });
  return { through, sha256: () => hash.digest('hex'), size: () => size };
}
