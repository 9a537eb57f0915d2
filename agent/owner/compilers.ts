/**
 * Outside data is checked by the contract, and refused rather than mended. Fastify is handed this instead of its own
 * compilers, which the agent's bundle leaves out: without it the console does not start there.
 */
import type { FastifySchemaCompiler, FastifyServerOptions } from 'fastify';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

/** A query is text: where text will not do, what is all digits is a number. */
const numbersOf = (query: unknown): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(query ?? {}).map(([name, text]) => [name, /^\d{1,9}$/.test(String(text)) ? Number(text) : text]),
  );

const compileCheck: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  return (data: unknown) => {
    const isQuery = httpPart === 'querystring';
    const asText = check(schema, isQuery ? Value.Default(schema, { ...Object(data) }) : data);
    const parsed = asText.ok || !isQuery ? asText : check(schema, Value.Default(schema, numbersOf(data)));
    if (parsed.ok) return { value: parsed.value };
    return { error: new Refusal('body-invalid', describeFaults(parsed.faults)) };
  };
};

export const compilersFactory = {
  buildValidator: () => compileCheck,
  buildSerializer: () => () => JSON.stringify,
} as unknown as NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>;
