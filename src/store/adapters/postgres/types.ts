import type { CustomTypesConfig } from 'pg';

/** Of `pg_type`. */
const OID = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, numeric: 1700 } as const;

/** What a column's text becomes. For our connections alone: the package's own table is one for all programs of the process. */
export const TYPES: CustomTypesConfig = {
  getTypeParser: ((oid: number) => PARSERS.get(oid) ?? String) as CustomTypesConfig['getTypeParser'],
};

const PARSERS = new Map<number, (value: string) => unknown>([
  [OID.bool, (value) => value === 't'],
  // A copy, since a Buffer is none of what the other adapter reads.
  [OID.bytea, (value) => new Uint8Array(Buffer.from(value.slice(2), 'hex'))],
  [OID.int8, toNumber],
  [OID.int2, toNumber],
  [OID.int4, toNumber],
  // The sum of many `bigint`.
  [OID.numeric, toNumber],
]);

function toNumber(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is beyond 2^53-1`);
  return number;
}
