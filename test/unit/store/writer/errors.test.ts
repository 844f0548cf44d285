import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import * as custodyErrors from '../../../../src/custody/errors.ts';
import * as errors from '../../../../src/errors.ts';
import { tell, told } from '../../../../src/store/adapters/sqlite/writer/errors.ts';
import * as storeErrors from '../../../../src/store/errors.ts';

const { SealslotError } = errors;

/** As it comes out of the other thread. */
const crossed = (error: unknown): Error => told(structuredClone(tell(error)));

const USE = { quota: 'openSlots', per: 'tenant', limit: 3, used: 3, retryAfterSeconds: 9 } as const;

/** What each is made of, where it is not a text. */
const MADE_OF: Readonly<Record<string, readonly unknown[]>> = {
  InvalidRequest: [[{ path: '/size', message: 'is too large' }]],
  PolicyRefused: [[{ path: '/size', message: 'is too large' }]],
  BatchRefused: [[{ path: '/size', message: 'is too large' }]],
  GrantExhausted: [2],
  QuotaExceeded: [USE],
  RateLimited: ['tenant', 5],
  UploadMismatch: [[{ field: 'size', expected: 1, actual: null }]],
  DependencyUnavailable: ['store', new Error('why')],
  KekRetired: ['local', 'kek-1'],
  KeyRefused: ['no', { refusal: 'kek_disabled', cause: new Error('why') }],
};

describe('an error that crosses from the thread that writes', () => {
  const classes = [errors, storeErrors, custodyErrors]
    .flatMap((module) => Object.entries(module))
    .filter(([name]) => name !== 'SealslotError');
  for (const [name, made] of classes) {
    it(`is a ${name} still, with all that it says`, () => {
      const error: unknown = Reflect.construct(made, MADE_OF[name] ?? ['a text']);
      assert.ok(error instanceof SealslotError);
      const after = crossed(error);
      assert.ok(after instanceof made);
      assert.ok(after instanceof SealslotError);
      assert.equal(after.constructor, made);
      assert.deepEqual(Object.entries(after).sort(), Object.entries(error).sort());
      assert.equal(after.message, error.message);
      assert.equal(after.stack, error.stack);
      assert.equal((after.cause as Error | undefined)?.message, (error.cause as Error | undefined)?.message);
    });
  }

  it('has the cause that a retired KEK is told by, of its class too', () => {
    const after = crossed(new storeErrors.KekRetired('local', 'kek-1'));
    assert.ok(after.cause instanceof custodyErrors.KeyRefused);
    assert.equal(after.cause.refusal, 'kek_disabled');
  });

  it('has the codes of SQLite', () => {
    const db = new DatabaseSync(':memory:');
    let failure: unknown;
    try {
      db.exec('SELECT * FROM slots');
    } catch (error) {
      failure = error;
    }
    db.close();
    const { cause } = crossed(new errors.DependencyUnavailable('store', failure));
    assert.ok(cause instanceof Error && 'errcode' in cause && 'code' in cause);
    assert.equal(cause.errcode, 1);
    assert.equal(cause.code, 'ERR_SQLITE_ERROR');
    assert.match(cause.message, /no such table/);
  });

  it('of another kind keeps its name, words and place, and nothing more', () => {
    const error = Object.assign(new TypeError('column size is no integer'), { row: { secret: 1 } });
    const after = crossed(error);
    assert.equal(after.name, 'TypeError');
    assert.equal(after.message, error.message);
    assert.equal(after.stack, error.stack);
    assert.ok(!('row' in after));
  });

  it('that is none, or goes round in a circle, does not end the thread', () => {
    assert.match(crossed('a text').message, /no error/);
    const circle = new Error('around');
    circle.cause = circle;
    assert.equal(crossed(circle).message, 'around');
  });
});
