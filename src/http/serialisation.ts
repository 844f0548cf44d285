import fastJson, { type Schema } from 'fast-json-stringify';
import type { FastifyInstance } from 'fastify';
import { NAMED_SCHEMAS } from './schemas.ts';

/**
 * Answers hold what their schemas name, and nothing else. As Fastify does it by itself; but a host application may have set another
 * serialiser, and schemas of the same names.
 */
export function useSchemasOfAnswers(app: FastifyInstance): void {
  const named: Record<string, Schema> = {};
  for (const schema of NAMED_SCHEMAS)
    named[String((schema as { $id?: string }).$id)] = withoutFormats(schema as Schema);
  // Most answers have the same few schemas, and to compile one takes milliseconds: a start would take twice as long.
  const compiled = new Map<string, (answer: unknown) => string>();
  app.setSerializerCompiler<Schema>(({ schema }) => {
    const text = JSON.stringify(schema);
    const serialise = compiled.get(text) ?? fastJson(withoutFormats(schema), { schema: named });
    compiled.set(text, serialise);
    return serialise;
  });
  // It would be asked instead of the schemas, and there is no other way to take it away.
  app.setReplySerializer(undefined as never);
}

/** Which kind of request an answer holds is found out by its schemas. That its URL is one, they need not find out as well. */
function withoutFormats(schema: Schema): Schema {
  const leaveOut = (name: string, value: unknown): unknown =>
    name === 'format' && typeof value === 'string' ? undefined : value;
  return JSON.parse(JSON.stringify(schema, leaveOut)) as Schema;
}
