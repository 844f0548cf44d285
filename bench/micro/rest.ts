import { createSecretKey, randomBytes } from 'node:crypto';
import fastJson, { type Schema } from 'fast-json-stringify';
import { pino } from 'pino';
import { newSlot } from '../growth/rows.ts';
import {
  clientHeaders,
  createLogger,
  createMetrics,
  CustomerKey,
  encodeContext,
  localWrapper,
  NAMED_SCHEMAS,
  presentSlot,
} from './parts.ts';
import type { Step } from './steps.ts';

export function custody(): Step[] {
  const kek = createSecretKey(randomBytes(32));
  const wrapper = localWrapper({ id: 'local', ring: { current: 'k1', keks: new Map([['k1', kek]]) } });
  const { upload } = newSlot(Date.now());
  const place = {
    ...{ purpose: 'object' as const, tenant: upload.tenant, bucket: upload.bucket },
    ...{ objectKey: upload.objectKey, slot: upload.id, generation: 1 },
  };
  const key = CustomerKey.generate();
  return [
    { name: 'a customer key and its headers', run: () => CustomerKey.generate().headers() },
    { name: 'the context of a key', run: () => encodeContext('local', 'k1', place) },
    { name: 'wrap a key: local', run: () => wrapper.wrap(key, place) },
  ];
}

export function answering(): Step[] {
  const { upload } = newSlot(Date.now());
  const named = Object.fromEntries(
    NAMED_SCHEMAS.map((schema) => [String((schema as { $id?: string }).$id), schema as Schema]),
  );
  const serialise = fastJson({ $ref: 'Slot#' }, { schema: named });
  const request = {
    ...{ method: 'PUT' as const, url: `https://s3.example.com/uploads/${'x'.repeat(600)}` },
    ...{ headers: clientHeaders(upload, CustomerKey.generate()), expiresAt: Date.now() },
  };
  const logger = createLogger('info', pino.destination('/dev/null'));
  const metrics = createMetrics();
  const line = {
    ...{ requestId: upload.id, method: 'POST', operation: 'createUpload', status: 201, milliseconds: 1.2 },
    ...{ remoteAddress: '127.0.0.1', tenant: upload.tenant, principal: upload.principal },
  };
  return [
    { name: 'the answer as JSON', run: () => serialise(presentSlot(upload, Date.now(), request)) },
    { name: 'a line of the log', run: () => logger.info(line, 'request') },
    { name: 'metrics of a request', run: () => metrics.request('createUpload', 201, 0.001) },
    { name: 'metrics of a step', run: () => metrics.observer.timed('wrap', async () => undefined) },
  ];
}
