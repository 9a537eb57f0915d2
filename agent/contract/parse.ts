/** Parses outside bytes against a schema, once, where they enter. */
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';

export interface Fault {
  /** JSON pointer into the document; empty for the document itself. */
  path: string;
  message: string;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; faults: Fault[] };

/** Every fault at once, at most 20. Unknown fields are faults where the schema closes the object. */
export function check<T extends TSchema>(schema: T, value: unknown): Parsed<Static<T>> {
  if (Value.Check(schema, value)) return { ok: true, value: value as Static<T> };
  const faults = Value.Errors(schema, value).flatMap((error): Fault[] => {
    const path = error.instancePath;
    const params = error.params as Record<string, unknown>;
    const named = params.requiredProperties ?? params.additionalProperties;
    if (Array.isArray(named))
      return named.map((name) => ({
        path: `${path}/${String(name)}`,
        message: params.requiredProperties ? 'is missing' : 'is not a known field',
      }));
    return [{ path, message: error.message }];
  });
  return { ok: false, faults: faults.slice(0, 20) };
}

export function parseJson<T extends TSchema>(schema: T, bytes: Uint8Array | string): Parsed<Static<T>> {
  let value: unknown;
  try {
    value = JSON.parse(typeof bytes === 'string' ? bytes : new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    return { ok: false, faults: [{ path: '', message: error instanceof Error ? error.message : 'not JSON' }] };
  }
  return check(schema, value);
}

export const describeFaults = (faults: readonly Fault[]): string =>
  faults.map((fault) => `${fault.path || '/'} ${fault.message}`).join('; ');
