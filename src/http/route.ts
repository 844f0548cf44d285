import type { FastifyReply, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import type { Link } from '../access/link.ts';
import type { Principal, Scope } from '../access/principal.ts';
import type { Services } from '../uploads/services.ts';
import type { ResponseHeader } from './schemas/response-headers.ts';

/** A route as data: its limits, its auth and its words stand beside its handler. Registering and the test matrices both read this. */
export type Route = ScopedRoute | LinkRoute;

interface RouteFacts {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE';
  readonly url: string;
  readonly operationId: string;
  readonly summary: string;
  /** Of the document. */
  readonly tag: 'uploads' | 'grants' | 'content' | 'events';
  readonly bodyLimitBytes: number;
  /** An absent body counts as `{}`. */
  readonly emptyBodyAllowed?: true;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly headers?: TSchema;
  readonly body?: TSchema;
  /** The handler runs although the request is malformed, and answers for `request.validationError` itself. */
  readonly ownsMistakes?: true;
  readonly success: {
    readonly status: number;
    readonly schema?: string;
    /** JSON unless given. */
    readonly mediaTypes?: readonly string[];
    readonly description: string;
    /** Other statuses that are no problems, and what each says. */
    readonly others?: Readonly<Record<number, string>>;
    /** By status, these included. */
    readonly headers?: Readonly<Record<number, readonly ResponseHeader[]>>;
  };
  /** Problem statuses beside those every route of its kind has. */
  readonly problems: readonly number[];
}

export interface ScopedRoute extends RouteFacts {
  /** Any of these lets a caller in; the handler may ask for more. Never empty: there is no open route under /v1. */
  readonly scopes: readonly [Scope, ...Scope[]];
  handle(call: Call): Promise<FastifyReply>;
}

/** Let in by the signed link in its path, and by nothing else. */
export interface LinkRoute extends RouteFacts {
  readonly scopes: 'link';
  handle(call: LinkCall): Promise<FastifyReply>;
}

interface AnyCall {
  readonly services: Services;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** One authenticated request, with the services as they were when it began. */
export interface Call extends AnyCall {
  readonly principal: Principal;
}

export interface LinkCall extends AnyCall {
  readonly link: Link;
}
