/** What the box has promised to somebody outside, each beside the length that the log of writes had when it was heard. */
import { nothing, type Promised } from './agent-data.js';

export type Note = { logBytes: number } & (
  | { kind: 'stored'; key: string; version: number }
  | { kind: 'sample'; sequence: number }
  | { kind: 'ledger'; length: number }
  | { kind: 'member' }
);

/** Of a cut at which the log had so many bytes. What was heard later may be there or not. */
export function promisedBy(notes: readonly Note[], logBytes: number): Promised {
  const versions = new Map<string, number>();
  let { sample, ledgerLength, isMember } = nothing;
  for (const note of notes) {
    if (note.logBytes > logBytes) continue;
    if (note.kind === 'stored') versions.set(note.key, Math.max(note.version, versions.get(note.key) ?? 0));
    if (note.kind === 'sample') sample = Math.max(sample, note.sequence);
    if (note.kind === 'ledger') ledgerLength = Math.max(ledgerLength, note.length);
    if (note.kind === 'member') isMember = true;
  }
  return { versions, sample, ledgerLength, isMember };
}
