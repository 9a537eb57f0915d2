/** Parses outside bytes against a schema, once, where they enter. */
import type { Static, TSchema } from 'typebox';
import { Settings } from 'typebox/system';
import { Value } from 'typebox/value';

export interface Fault {
  /** JSON pointer into the document; empty for the document itself. */
  path: string;
  message: string;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; faults: Fault[] };

/** Typebox stops at eight, which is fewer than a bad configuration has. */
Settings.Set({ maxErrors: 100 });

type Detail = ReturnType<typeof Value.Errors>[number];

const namesIn = (names: unknown): string[] => (Array.isArray(names) ? names.map(String) : []);

/** No person reads a longer pattern than this. */
const longestPattern = 100;

/** What the schema at this JSON pointer says of itself. */
function descriptionAt(schema: unknown, pointer: string): string | undefined {
  let at: unknown = schema;
  for (const step of pointer.split('/').slice(1)) at = Object(at)[step.replaceAll('~1', '/').replaceAll('~0', '~')];
  const { description } = Object(at);
  return typeof description === 'string' ? description : undefined;
}

function formOf(schema: TSchema, error: Detail): string {
  if (error.keyword !== 'pattern' || String(error.params.pattern).length <= longestPattern) return error.message;
  const description = descriptionAt(schema, error.schemaPath);
  return description === undefined ? error.message : `must be ${description}`;
}

/** In words, all that is wrong at one place. */
function faultsAt(schema: TSchema, path: string, errors: readonly Detail[]): Fault[] {
  const allowed = errors.flatMap((error) =>
    error.keyword === 'const' ? [JSON.stringify(error.params.allowedValue)] : [],
  );
  if (allowed.length > 0)
    return [{ path, message: `must be ${allowed.length > 1 ? 'one of ' : ''}${allowed.join(', ')}` }];
  return errors.flatMap((error): Fault[] => {
    if (error.keyword === 'required')
      return namesIn(error.params.requiredProperties).map((name) => ({
        path: `${path}/${name}`,
        message: 'is missing',
      }));
    if (error.keyword === 'additionalProperties')
      return namesIn(error.params.additionalProperties).map((name) => ({
        path: `${path}/${name}`,
        message: 'is not a known field',
      }));
    return error.keyword === 'boolean' ? [] : [{ path, message: formOf(schema, error) }]; // boolean: said as additionalProperties
  });
}

/** Every fault at once, at most so many. Unknown fields are faults where the schema closes the object. */
export function check<T extends TSchema>(schema: T, value: unknown, most = 20): Parsed<Static<T>> {
  if (Value.Check(schema, value)) return { ok: true, value: value as Static<T> };
  const places = new Map<string, Detail[]>();
  for (const error of Value.Errors(schema, value))
    places.set(error.instancePath, [...(places.get(error.instancePath) ?? []), error]);
  return { ok: false, faults: [...places].flatMap(([path, errors]) => faultsAt(schema, path, errors)).slice(0, most) };
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
