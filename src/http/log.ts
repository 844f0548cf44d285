import { pino, type DestinationStream, type Logger } from 'pino';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config/config.ts';
import { SealslotError } from '../errors.ts';
import type { Upload } from '../uploads/upload.ts';

export type { Logger } from 'pino';

export function createLogger(level: Config['log']['level'], destination?: DestinationStream): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

/** The allow-list: the only members of a request that are ever logged. No URL, header or body is among them. */
export function requestFields(request: FastifyRequest, status: number, milliseconds: number): object {
  const { principal, link, error } = request.served;
  const params = request.params as { id?: unknown } | undefined;
  return {
    requestId: request.id,
    method: request.method,
    operation: request.routeOptions.config.operationId ?? 'none',
    status,
    milliseconds: Math.round(milliseconds * 10) / 10,
    remoteAddress: request.ip,
    tenant: principal?.tenant ?? link?.tenant,
    principal: principal?.id,
    uploadId: status < 400 && typeof params?.id === 'string' ? params.id : undefined,
    ...(error !== undefined && { error: errorFields(error) }),
  };
}

export function uploadFields(upload: Upload): object {
  return { uploadId: upload.id, tenant: upload.tenant, principal: upload.principal, bucket: upload.bucket };
}

/**
 * An error's name, code and place. The text of our own errors never holds key material; that of others is not trusted not to, and
 * only their name, code and stack frames are kept.
 */
export function errorFields(error: unknown): object {
  if (!(error instanceof Error)) return { name: typeof error };
  const { code, status } = error as { code?: unknown; status?: unknown };
  const ours = error instanceof SealslotError;
  return {
    name: error.name,
    code: typeof code === 'string' ? code : undefined,
    status: typeof status === 'number' ? status : undefined,
    dependency: ours ? error.extra.dependency : undefined,
    message: ours && error.code !== 'invalid_request' ? error.message : undefined,
    frames: ours ? undefined : error.stack?.split('\n').filter((line) => line.startsWith('    at ')),
    ...(error.cause !== undefined && { cause: errorFields(error.cause) }),
  };
}
