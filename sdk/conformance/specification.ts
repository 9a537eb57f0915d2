/** The published specification, read for what each operation may answer, and answers held against it. */
import { check, describeFaults } from '#contract/parse.js';
import type { Answer } from './http.js';
import { holds, Mismatch } from './outcome.js';

type Json = Record<string, unknown>;

export interface Operation {
  id: string;
  method: string;
  path: string;
  capability: string | null;
  problems: readonly string[];
  /** By status; a media type with its schema, or undefined for an answer without a body. */
  answers: ReadonlyMap<number, { type: string; schema: Json } | undefined>;
}

export interface Specification {
  version: string;
  operations: readonly Operation[];
  of(id: string): Operation;
  schema(name: string): Json;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const object = (value: unknown): Json => (isObject(value) ? value : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const pointer = '#/components/schemas/';

/** Schemas with each reference replaced by what it names; none of ours names itself. */
function withoutReferences(value: unknown, schemas: Json): unknown {
  if (Array.isArray(value)) return value.map((one) => withoutReferences(one, schemas));
  if (!isObject(value)) return value;
  const { $ref } = value;
  if (typeof $ref === 'string' && $ref.startsWith(pointer))
    return withoutReferences(schemas[$ref.slice(pointer.length)], schemas);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutReferences(one, schemas)]));
}

function answersOf(responses: Json, schemas: Json): Operation['answers'] {
  return new Map(
    Object.entries(responses).map(([status, response]) => {
      const [content] = Object.entries(object(object(response).content));
      if (!content) return [Number(status), undefined];
      const [type, media] = content;
      return [Number(status), { type, schema: object(withoutReferences(object(media).schema, schemas)) }];
    }),
  );
}

/** Undefined for what is no OpenAPI document with operations. */
export function readSpecification(document: unknown): Specification | undefined {
  const { info, components, paths } = object(document);
  const schemas = object(object(components).schemas);
  const operations = Object.entries(object(paths)).flatMap(([path, methods]) =>
    Object.entries(object(methods)).map(([method, described]): Operation => {
      const operation = object(described);
      const problems = operation['x-webizen-problems'];
      return {
        id: text(operation.operationId),
        method: method.toUpperCase(),
        path,
        capability: text(operation['x-webizen-capability']) || null,
        problems: Array.isArray(problems) ? problems.map(text) : [],
        answers: answersOf(object(operation.responses), schemas),
      };
    }),
  );
  if (operations.length === 0 || text(object(info).version) === '') return undefined;
  return {
    version: text(object(info).version),
    operations,
    of(id) {
      const found = operations.find((operation) => operation.id === id);
      if (!found) throw new Error(`the specification has no operation ${id}`);
      return found;
    },
    schema: (name) => object(withoutReferences(schemas[name], schemas)),
  };
}

export function jsonOf({ text: body }: Pick<Answer, 'text'>): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Mismatch('a body of JSON', body === '' ? 'no body' : body.slice(0, 200));
  }
}

/** @throws Mismatch unless the value has the shape */
export function shaped(schema: Json, value: unknown, what: string): void {
  const parsed = check(schema, value);
  if (!parsed.ok)
    throw new Mismatch(`${what} of the shape that the specification gives`, describeFaults(parsed.faults));
}

/** A refusal is problem details (RFC 9457) with all that ours have; answers its code. @throws Mismatch */
export function problemOf(specification: Specification, answer: Answer): string {
  const type = text(answer.headers['content-type']);
  holds(type.startsWith('application/problem+json'), 'Content-Type: application/problem+json', type || 'none');
  const body = jsonOf(answer);
  shaped(specification.schema('Problem'), body, 'problem details');
  const { status, code, remedy, title, type: urn } = object(body);
  holds(status === answer.status, `status ${answer.status} in the problem too`, status);
  holds(urn === `urn:webizen:problem:${text(code)}`, `type urn:webizen:problem:${text(code)}`, urn);
  holds(text(remedy).trim() !== '', 'a remedy', 'an empty one');
  holds(text(title).trim() !== '', 'a title', 'an empty one');
  return text(code);
}

/** Whether the operation may answer so. @throws Mismatch */
export function judge(
  specification: Specification,
  operation: Operation,
  answer: Answer,
): { code: string | undefined } {
  const { method, path, answers, problems } = operation;
  const said = answers.get(answer.status);
  if (!answers.has(answer.status))
    throw new Mismatch(
      `${method} ${path}: one of ${[...answers.keys()].join(', ')}`,
      `${answer.status} ${answer.text}`,
    );
  if (answer.status >= 400) {
    if (method === 'HEAD') return { code: undefined };
    const code = problemOf(specification, answer);
    holds(problems.includes(code), `one of the problems ${problems.join(', ')}`, code);
    return { code };
  }
  if (said === undefined) holds(answer.bytes.length === 0, 'no body', answer.text);
  else if (said.type === 'application/json') {
    const type = text(answer.headers['content-type']);
    holds(type.startsWith('application/json'), 'Content-Type: application/json', type || 'none');
    shaped(said.schema, jsonOf(answer), `${method} ${path}: an answer`);
  }
  return { code: undefined };
}
