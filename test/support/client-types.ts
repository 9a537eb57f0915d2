/** Writes the client's types from the OpenAPI document, whatever of JSON Schema the document uses. */
interface Schema {
  $ref?: string;
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  patternProperties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  description?: string;
}

interface Operation {
  operationId: string;
  summary?: string;
  responses: Record<string, { content?: Record<string, { schema?: Schema }> }>;
  'x-webizen-capability': string | null;
  'x-webizen-problems': string[];
}

export interface ApiDocument {
  info: { version: string };
  components: { schemas: Record<string, Schema> };
  paths: Record<string, Record<string, Operation>>;
}

const comment = (text: string | undefined, indent = ''): string => (text ? `${indent}/** ${text} */\n` : '');

const literal = (value: unknown): string => JSON.stringify(value).replace(/^"(.*)"$/, "'$1'");

function typeOf(schema: Schema, indent: string): string {
  if (schema.$ref) return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
  if ('const' in schema) return literal(schema.const);
  if (schema.enum) return schema.enum.map(literal).join(' | ');
  if (schema.anyOf) return schema.anyOf.map((one) => typeOf(one, indent)).join(' | ');
  switch (schema.type) {
    case 'array': {
      const item = typeOf(schema.items ?? {}, indent);
      return item.includes('|') ? `(${item})[]` : `${item}[]`;
    }
    case 'object':
      return objectOf(schema, indent);
    case 'integer':
    case 'number':
      return 'number';
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    default:
      return 'unknown';
  }
}

function objectOf(schema: Schema, indent: string): string {
  const { properties, patternProperties, additionalProperties, required = [] } = schema;
  const others = typeof additionalProperties === 'object' ? additionalProperties : undefined;
  const values = properties ? undefined : (Object.values(patternProperties ?? {})[0] ?? others);
  if (values) return `Record<string, ${typeOf(values, indent)}>`;
  const inner = `${indent}  `;
  const lines = Object.entries(properties ?? {}).map(([name, schema]) => {
    const optional = required.includes(name) ? '' : '?';
    return `${comment(schema.description, inner)}${inner}${name}${optional}: ${typeOf(schema, inner)};\n`;
  });
  return `{\n${lines.join('')}${indent}}`;
}

export function clientTypes({ info, components, paths }: ApiDocument): string {
  const types = Object.entries(components.schemas).map(
    ([name, schema]) => `${comment(schema.description)}export type ${name} = ${typeOf(schema, '')};\n`,
  );
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const codes = [...new Set(operations.flatMap(({ operation }) => operation['x-webizen-problems']))].sort();
  const table = operations.map(({ path, method, operation }) => {
    const capability = operation['x-webizen-capability'];
    return `${comment(operation.summary, '  ')}  ${operation.operationId}: { method: '${method}', path: '${path}', capability: ${
      capability === null ? 'null' : `'${capability}'`
    } },\n`;
  });
  return [
    '// Made from docs/spec/openapi.json by `make spec`; do not edit.\n',
    `export const apiVersion = '${info.version}';\n`,
    ...types,
    `/** What a refusal of this API can be. */\nexport type ProblemCode =\n${codes.map((code) => `  | '${code}'`).join('\n')};\n`,
    `export const operations = {\n${table.join('')}} as const;\n`,
  ].join('\n');
}
