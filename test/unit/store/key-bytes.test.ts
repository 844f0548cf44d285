import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Connection } from '../../../src/store/adapters/sqlite/connection.ts';
import { keyBytes, type KeyBytes } from '../../../src/store/adapters/sqlite/key-bytes.ts';
import { MIGRATIONS } from '../../../src/store/migrations/sqlite/index.ts';

describe('rows of wrapped keys', () => {
  let db: DatabaseSync;
  let rows: KeyBytes;
  beforeEach(() => {
    db = new DatabaseSync(':memory:');
    for (const migration of MIGRATIONS) db.exec(migration.sql);
    rows = keyBytes(new Connection(db));
  });
  afterEach(() => db.close());

  const stored = () =>
    db
      .prepare('SELECT id, hex(bytes) AS hex, bytes IS NULL AS is_null FROM wrapped_keys ORDER BY id')
      .all()
      .map(({ id, hex, is_null }) => [id, is_null === 1 ? null : hex]);

  it('take new bytes that are no longer than the old', () => {
    const id = rows.add(Buffer.from('aabbcc', 'hex'));
    assert.equal(rows.replace(id, Buffer.from('ddeeff', 'hex')), id);
    assert.equal(rows.replace(id, Buffer.from('0102', 'hex')), id);
    assert.deepEqual(stored(), [[1, '0102']]);
  });

  it('never grow, and are never deleted: longer bytes are appended', () => {
    const id = rows.add(Buffer.from('aabb', 'hex'));
    rows.add(Buffer.from('ff', 'hex'));
    assert.equal(rows.replace(id, Buffer.from('ddeeff', 'hex')), 3);
    rows.erase(3);
    assert.equal(rows.add(Buffer.from('11', 'hex')), 4);
    assert.deepEqual(stored(), [
      [1, null],
      [2, 'FF'],
      [3, null],
      [4, '11'],
    ]);
  });
});
