import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
import type { FastifyRequest } from 'fastify';
import { acting } from '../acting.ts';
import type { Config } from '../config/config.ts';
import { SealslotError } from '../errors.ts';
import { rfc3339 } from '../rfc3339.ts';
import type { SlotOutcome } from '../uploads/services.ts';
import type { Upload } from '../uploads/upload.ts';
import { UUID } from './schemas/fields.ts';

/** What is needed of pino, so that an application's own logger will do. */
export type Logger = Pick<PinoLogger, 'fatal' | 'error' | 'warn' | 'info' | 'debug'>;

const SLOT_ID = new RegExp(UUID);

export function createLogger(
  level: Config['log']['level'],
  destination: DestinationStream = standardOutput(),
): Logger {
  return pino({ level, base: null, timestamp: () => `,"time":"${rfc3339(Date.now())}"` }, destination);
}

/** More than this does not wait for the end of the turn. */
const MOST_HELD_CHARACTERS = 64 * 1024;

/**
 * The lines of one turn of the event loop in one write: each by itself, they cost a tenth of what the service can do. The write waits for
 * a reader who is slow, so no line is given up, and memory does not fill up with them.
 */
function standardOutput(): DestinationStream & { flushSync(): void } {
  const out = pino.destination({ dest: 1, sync: true });
  let held = '';
  const flushSync = (): void => {
    const lines = held;
    held = '';
    if (lines !== '') out.write(lines);
  };
  process.once('exit', flushSync);
  return {
    flushSync,
    write(line) {
      if (held === '') setImmediate(flushSync);
      held += line;
      if (held.length > MOST_HELD_CHARACTERS) flushSync();
    },
  };
}

/** The allow-list: the only members of a request that are ever logged. No URL, header or body is among them. */
export function requestFields(
  request: FastifyRequest,
  operation: string,
  status: number,
  milliseconds: number,
): object {
  const { principal, link, grantId, error, hints } = request.served;
  return {
    requestId: request.id,
    method: request.method,
    operation,
    status,
    milliseconds: Math.round(milliseconds * 10) / 10,
    remoteAddress: request.ip,
    tenant: principal?.tenant ?? link?.tenant,
    principal: principal?.id,
    uploadId: link?.uploadId ?? uploadIdIn(request),
    grantId: grantId ?? principal?.grant?.id,
    hints,
    ...(error !== undefined && { error: errorFields(error) }),
  };
}

/** What is no slot's id may be anything, a customer key too. */
function uploadIdIn(request: FastifyRequest): string | undefined {
  const { id } = (request.params ?? {}) as { id?: unknown };
  if (typeof id !== 'string' || request.routeOptions.url?.startsWith('/v1/uploads/') !== true)
    return undefined;
  return SLOT_ID.test(id) ? id : undefined;
}

export function uploadFields(upload: Upload): object {
  return { uploadId: upload.id, tenant: upload.tenant, maker: upload.principal, bucket: upload.bucket };
}

/** One step of a slot's life: who did it (the maker may be another), by which request, to which slot. */
export function slotFields(outcome: SlotOutcome, upload: Upload): object {
  const { actor, requestId } = acting() ?? {};
  return {
    outcome,
    actor,
    requestId,
    ...uploadFields(upload),
    ...(outcome === 'rejected' && { mismatches: fieldsOf(upload) }),
  };
}

/** Names only: what S3 has instead was chosen by whoever sent the object, and so were the names of metadata that nobody announced. */
function fieldsOf({ mismatches, metadata }: Upload): string[] {
  const names = (mismatches ?? []).map(({ field }) => {
    const [, name] = /^metadata\/(.*)$/s.exec(field) ?? [];
    return name === undefined || Object.hasOwn(metadata, name) ? field : 'metadata/…';
  });
  return [...new Set(names)];
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
