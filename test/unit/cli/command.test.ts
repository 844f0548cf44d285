import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain } from '../../../src/cli/command.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { unavailable } from '../../../src/store/adapters/postgres/errors.ts';

for (const [reason, remedy] of [
  ['password authentication failed for user "sealslot"', /store\.passwordFile/],
  ['permission denied for schema public', /api-key create.*owns the database/],
  ['must be owner of table uploads', /api-key list.*owns the tables/],
  ['permission denied for table uploads', /grant this role the rights/],
  ['unable to verify the first certificate', /store\.tls\.caFile/],
  ['cannot execute INSERT in a read-only transaction', /store\.host/],
  ['database "nix" does not exist', /createdb/],
  ['sorry, too many clients already', /max_connections/],
  ['could not extend file "base/1/2": No space left on device', /make room/],
  ['this server takes no writes now', /name the primary/],
  ['timeout exceeded when trying to connect', /store\.pool\.max/],
  ["ENOENT: no such file or directory, open '/run/secrets/pg-password'", /read store\.passwordFile/],
  ['connect ECONNREFUSED 127.0.0.1:5432', /store\.host and store\.port/],
] as const) {
  void test(`says what to do about a PostgreSQL that answers: ${reason}`, () => {
    const said = explain(unavailable(new Error(reason)));
    assert.ok(said.includes(`because: ${reason}\n  do: `), said);
    assert.match(said, remedy);
  });
}

void test('advises nothing about PostgreSQL where another dependency does not answer', () => {
  const said = explain(new DependencyUnavailable('s3', new Error('connect ECONNREFUSED 127.0.0.1:9000')));
  assert.doesNotMatch(said, /do:/);
});
