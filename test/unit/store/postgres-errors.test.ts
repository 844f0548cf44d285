import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorFields } from '../../../src/http/log.ts';
import { sqlState, unavailable } from '../../../src/store/adapters/postgres/errors.ts';

const ofServer = (code: string) => Object.assign(new Error('words with values'), { severity: 'FATAL', code });
const ofNode = (code: string) => Object.assign(new Error('connect'), { code });

for (const [error, code, state] of [
  [ofServer('28P01'), '28P01', '28P01'],
  [ofServer('53100'), '53100', '53100'],
  [ofNode('ECONNREFUSED'), 'ECONNREFUSED', undefined],
  [ofNode('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', undefined],
  [new Error('timeout exceeded when trying to connect'), 'pool_exhausted', undefined],
  [new Error('Query read timeout'), 'call_timeout', undefined],
  [new Error('this server takes no writes now'), 'read_only', undefined],
  [new Error('something else'), undefined, undefined],
] as const) {
  void test(`the log tells a failure of PostgreSQL by its code, without its words: ${code ?? 'none'}`, () => {
    const failure = unavailable(error);
    const { cause } = errorFields(failure) as { cause: { code?: string; message?: string } };
    assert.equal(cause.code, code);
    assert.equal(cause.message, undefined);
    assert.equal(sqlState(failure), state);
  });
}
