import fastJson, { type Schema } from 'fast-json-stringify';
import type { FastifyInstance } from 'fastify';
import { NAMED_SCHEMAS } from './schemas.ts';

/**
 * Answers hold what their schemas name, and nothing else. As Fastify does it by itself; but a host application may have set another
 * serialiser, and schemas of the same names.
 */
export function useSchemasOfAnswers(app: FastifyInstance): void {
  const named: Record<string, Schema> = {};
  for (const schema of NAMED_SCHEMAS) named[String((schema as { $id?: string }).$id)] = schema as Schema;
  // Most answers have the same few schemas, and to compile one takes milliseconds: a start would take twice as long.
  const compiled = new Map<string, (answer: unknown) => string>();
  app.setSerializerCompiler<Schema>(({ schema }) => {
    const text = JSON.stringify(schema);
    const serialise = compiled.get(text) ?? fastJson(schema, { schema: named });
    compiled.set(text, serialise);
    return serialise;
  });
  // It would be asked instead of the schemas, and there is no other way to take it away.
  app.setReplySerializer(undefined as never);
}
