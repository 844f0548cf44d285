import type { IntermediateKey } from './intermediate.ts';

/** Where the copies of wrapped intermediate keys lie in the recovery bucket. */
export const INTERMEDIATE_COPIES = 'intermediate/';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const PERIOD = /^\d{4}-\d{2}(-\d{2}(T\d{2})?)?$/;

/** Below it lie the copies of one tenant's period. */
export function copiesOf(tenant: string, period: string): string {
  return `${INTERMEDIATE_COPIES}${tenant}/${period}/`;
}

/** A wrapped intermediate key as a small object of the recovery bucket. Changing this form loses what is written: raise `v` instead. */
export function intermediateCopy({ id, tenant, period, version, wrapped, createdAt }: IntermediateKey): {
  objectKey: string;
  bytes: Uint8Array;
} {
  const { wrapperId, kekId, bytes } = wrapped;
  const base64 = Buffer.from(bytes).toString('base64');
  const copy = { v: 1, id, tenant, period, version, wrapperId, kekId, wrapped: base64, createdAt };
  return {
    objectKey: `${copiesOf(tenant, period)}${version}-${id}.json`,
    bytes: Buffer.from(JSON.stringify(copy)),
  };
}

/** @returns undefined for anything but what `intermediateCopy` writes, to the byte. */
export function readIntermediateCopy(bytes: Uint8Array): IntermediateKey | undefined {
  const copy = parse(bytes);
  if (copy === undefined) return undefined;
  const { id, tenant, period, version, wrapperId, kekId, wrapped, createdAt } = copy;
  if (!matches(id, ID) || !matches(tenant, NAME) || !matches(period, PERIOD)) return undefined;
  if (!matches(wrapperId, NAME) || !matches(kekId, /./) || !matches(wrapped, /./)) return undefined;
  if (!isCount(version, 1) || !isCount(createdAt, 0)) return undefined;
  const key: IntermediateKey = {
    id,
    tenant,
    period,
    version,
    wrapped: { wrapperId, kekId, bytes: Buffer.from(wrapped, 'base64') },
    createdAt,
  };
  return Buffer.compare(intermediateCopy(key).bytes, bytes) === 0 ? key : undefined;
}

function parse(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const matches = (value: unknown, form: RegExp): value is string =>
  typeof value === 'string' && form.test(value);

const isCount = (value: unknown, least: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least;
