import type { GrantLimits } from '../../access/grant.ts';
import { judgeUpload } from '../../access/policy.ts';
import type { TenantConfig } from '../../config/config.ts';
import { BatchRefused, InvalidRequest, type FieldError } from '../../errors.ts';
import { issueBatch } from '../../uploads/batch.ts';
import { tenantOf } from '../../uploads/services.ts';
import { presentSlot } from '../present.ts';
import { MOST_ERRORS } from '../problem.ts';
import type { ScopedRoute } from '../route.ts';
import * as schemas from '../schemas.ts';
import { unfit } from '../unfit.ts';

const create: ScopedRoute = {
  method: 'POST',
  url: '/v1/uploads/batch',
  operationId: 'createUploads',
  summary: 'Ask for up to 1,000 slots at once, all or none',
  tag: 'uploads',
  scopes: ['uploads:write'],
  bodyLimitBytes: 1024 * 1024,
  headers: schemas.CreateHeaders,
  body: schemas.CreateBatch,
  ownsMistakes: true,
  success: {
    status: 201,
    schema: 'Batch',
    description: 'The slots, each with its request.',
    headers: { 201: ['Idempotency-Replayed'] },
  },
  problems: [404, 409, 413, 415, 422],
  async handle({ services, principal, request, reply }) {
    const malformed = mistakesOfItems(request.validationError);
    const { uploads: asks } = request.body as schemas.CreateBatch;
    refuseMistakes(tenantOf(services, principal.tenant), principal.grant, asks, malformed);
    const idempotencyKey = request.headers['idempotency-key'] as string | undefined;
    const { slots, replayed } = await issueBatch(services, principal, asks, idempotencyKey);
    if (replayed) reply.header('idempotency-replayed', 'true');
    const now = services.now();
    return reply
      .code(201)
      .send({ uploads: slots.map(({ upload, request: how }) => presentSlot(upload, now, how)) });
  },
};

/** A mistake in an item is refused as the policy refuses one, by a 422 that names the items. What is wrong around them is a 400. */
function mistakesOfItems(error: Error | undefined): readonly FieldError[] {
  if (error === undefined) return [];
  if (!(error instanceof InvalidRequest && error.errors.every(({ path }) => /^\/uploads\/\d/.test(path))))
    throw error;
  return error.errors;
}

/** Along with an item that is malformed comes what the policy has against the others: nobody should need a second try to learn it. */
function refuseMistakes(
  policy: TenantConfig,
  grant: GrantLimits | undefined,
  asks: schemas.CreateBatch['uploads'],
  malformed: readonly FieldError[],
): void {
  // Of more mistakes nobody is told, so the others may be malformed too.
  if (malformed.length >= MOST_ERRORS) throw new BatchRefused(malformed);
  const isMalformed = new Set(malformed.map(({ path }) => Number(path.split('/')[2])));
  const others = [...asks.entries()].filter(([index]) => !isMalformed.has(index));
  if (malformed.length === 0 && others.every(([, ask]) => unfit(ask).length === 0)) return;
  const ofOthers = others.flatMap(([index, ask]) => {
    const { invalid, refused } = judgeUpload(policy, ask, grant);
    return [...unfit(ask), ...invalid, ...refused].map(({ path, message }) => ({
      path: `/uploads/${index}${path}`,
      message,
    }));
  });
  throw new BatchRefused([...malformed, ...ofOthers]);
}

export const batchRoutes = [create] as const;
