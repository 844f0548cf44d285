import { didYouMean, type Mistakes, plain } from './mistakes.ts';
import { DocumentSchema, type SchemaNode } from './schema.ts';
import { parseYamlValue } from './yaml.ts';

const PREFIX = 'SEALSLOT_';
/** Not settings of the document: where it is, and what partners set for `upload` and `download`. */
const IGNORED = new Set(['SEALSLOT_CONFIG', 'SEALSLOT_ENDPOINT', 'SEALSLOT_API_KEY', 'SEALSLOT_CA_FILE']);
/** What Kubernetes and Docker put beside a service that happens to be called "sealslot". */
const SERVICE_LINK = /^SEALSLOT_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP).*)?)$/;

export type Environment = Readonly<Record<string, string | undefined>>;
type Container = Record<string | number, unknown>;

/**
 * Writes `SEALSLOT_LISTEN__PORT=8081` and the like into `document`. A segment is a name of the schema or one that the document
 * already holds, compared without case, `_` and `-`; in a list it is an index.
 */
export function applyOverrides(document: Container, env: Environment, mistakes: Mistakes): void {
  for (const [variable, value] of Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (value === undefined || !variable.startsWith(PREFIX)) continue;
    if (IGNORED.has(variable) || SERVICE_LINK.test(variable)) continue;
    const problem = override(document, variable.slice(PREFIX.length).split('__'), value);
    if (problem !== undefined) mistakes.addAt(variable, problem);
  }
}

function override(document: Container, segments: readonly string[], value: string): string | undefined {
  let container = document;
  let schema: SchemaNode = DocumentSchema as SchemaNode;
  for (const [index, segment] of segments.entries()) {
    const { key, problem } = match(container, schema, segment);
    if (key === undefined) return problem;
    schema = childSchema(schema, key);
    if (index === segments.length - 1) {
      try {
        container[key] = parseValue(value, schema);
        return undefined;
      } catch {
        return 'its value must be valid YAML: a plain value, or a list or map in brackets';
      }
    }
    // A section that is left out, or written without content.
    container[key] ??= {};
    const child = container[key];
    if (typeof child !== 'object' || child === null) return `"${segment}" has nothing below it`;
    container = child as Container;
  }
  return undefined;
}

/** Text fields take the value as it is (a secret of digits stays text), unless it is quoted. */
function parseValue(value: string, schema: SchemaNode): unknown {
  if (schema.type === 'string' && !/^["']/.test(value)) return value;
  return parseYamlValue(value);
}

function match(
  container: Container,
  schema: SchemaNode,
  segment: string,
): { key?: string | number; problem?: string } {
  if (Array.isArray(container)) {
    const index = Number(segment);
    if (/^\d+$/.test(segment) && index < container.length) return { key: index };
    return { problem: `"${segment}" must be an index into a list of ${container.length}` };
  }
  const names = new Set([...Object.keys(container), ...schemaNames(schema)]);
  const matching = [...names].filter((name) => plain(name) === plain(segment));
  const [key, another] = matching;
  if (key === undefined)
    return { problem: `"${segment}" matches no setting${didYouMean(segment, [...names])}` };
  if (another !== undefined) return { problem: `"${segment}" matches ${matching.join(' and ')}` };
  return { key };
}

function schemaNames(schema: SchemaNode): string[] {
  return [schema, ...(schema.oneOf ?? [])].flatMap((node) => Object.keys(node.properties ?? {}));
}

function childSchema(schema: SchemaNode, key: string | number): SchemaNode {
  if (typeof key === 'number') return schema.items ?? {};
  for (const node of [schema, ...(schema.oneOf ?? [])])
    if (node.properties !== undefined && Object.hasOwn(node.properties, key))
      return node.properties[key] ?? {};
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {};
}
