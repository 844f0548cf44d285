import type { FastifyReply, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import type { Principal, Scope } from '../access/principal.ts';
import type { Services } from '../uploads/services.ts';

/** A route as data: its limits, its auth and its words stand beside its handler. Registering and the test matrices both read this. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly operationId: string;
  readonly summary: string;
  /** Any of these lets a caller in; the handler may ask for more. Never empty: there is no open route under /v1. */
  readonly scopes: readonly [Scope, ...Scope[]];
  readonly bodyLimitBytes: number;
  /** An absent body counts as `{}`. */
  readonly emptyBodyAllowed?: true;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly headers?: TSchema;
  readonly body?: TSchema;
  readonly success: { readonly status: number; readonly schema?: string; readonly description: string };
  /** Problem statuses beside those every route has. */
  readonly problems: readonly number[];
  handle(call: Call): Promise<FastifyReply>;
}

/** One authenticated request, with the services as they were when it began. */
export interface Call {
  readonly services: Services;
  readonly principal: Principal;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}
