import { Ajv } from 'ajv';
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { InvalidRequest } from '../errors.ts';
import { NAMED_SCHEMAS } from './schemas.ts';
import { fieldErrors } from './problem.ts';

/**
 * Bodies and headers are taken as they are: nothing is coerced, unknown members are refused, every error is listed. Query strings are
 * all text, so they alone are coerced.
 */
export function useStrictValidation(app: FastifyInstance): void {
  // `verbose` brings the schema's own description into the error; what was sent is never repeated.
  const options = {
    allErrors: true,
    verbose: true,
    useDefaults: false,
    strict: false,
    schemas: [...NAMED_SCHEMAS],
    validateFormats: false,
  };
  const exact = new Ajv({ ...options, coerceTypes: false });
  const coercing = new Ajv({ ...options, coerceTypes: true });
  const compile: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
    const validate = (httpPart === 'querystring' ? coercing : exact).compile(schema);
    const part =
      httpPart === 'querystring' ? 'query' : httpPart === 'headers' ? 'header' : (httpPart ?? 'body');
    return (value: unknown) =>
      validate(value) ? { value } : { error: new InvalidRequest(fieldErrors(part, validate.errors ?? [])) };
  };
  app.setValidatorCompiler(compile as FastifySchemaCompiler<unknown>);
}
