import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { readRows, WrongInput, type Format, type Row } from '../../../../src/cli/import/rows.ts';
import { CustomerKey } from '../../../../src/custody/customer-key.ts';

const BYTES = randomBytes(32);
const KEY = BYTES.toString('base64');
const HEADER = 'bucket,objectKey,customerKey\n';

/** In chunks of three bytes, so that characters, line ends and quotation marks are cut. */
function inPieces(text: string): Readable {
  const bytes = Buffer.from(text);
  return Readable.from(
    Array.from({ length: Math.ceil(bytes.length / 3) }, (_, i) => bytes.subarray(3 * i, 3 * i + 3)),
    { objectMode: false },
  );
}

async function rowsOf(text: string, format: Format = 'csv'): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of readRows(inPieces(text), format)) rows.push(row);
  return rows;
}

/** Line and place of good rows, line and problem of others. */
const told = (rows: Row[]) =>
  rows.map((row) =>
    'object' in row ? [row.line, row.object.bucket, row.object.objectKey] : [row.line, row.problem],
  );

const ndjson = (...rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

describe('rows as CSV', () => {
  it('a row becomes a place and a CustomerKey at once', async () => {
    const [row] = await rowsOf(`${HEADER}photos,a/b.jpg,${KEY}\n`);
    assert.ok(row && 'object' in row);
    assert.ok(row.object.key.equals(CustomerKey.fromBytes(BYTES)));
    assert.ok(!JSON.stringify(row).includes(KEY));
  });

  it('takes a BOM, CRLF, quotation marks, empty lines, any order of columns and no last line end', async () => {
    const text = `\uFEFFobjectKey,customerKey,bucket\r\n"a ""b"", c",${KEY},photos\r\n\r\n"two\nlines ü😀",${KEY},photos`;
    assert.deepEqual(told(await rowsOf(text)), [
      [2, 'photos', 'a "b", c'],
      [5, 'photos', 'two\nlines ü😀'],
    ]);
  });

  it('refuses another header without quoting it: it may be a row with a key', async () => {
    const wrong = [
      '',
      `photos,a,${KEY}\n`,
      `bucket,key,customerKey\nphotos,a,${KEY}\n`,
      `bucket,objectKey,customerKey,etag\n`,
      `bucket,bucket,customerKey\n`,
      `{"bucket":"photos"}\n`,
    ];
    for (const text of wrong) {
      await assert.rejects(rowsOf(text), (error) => {
        assert.ok(error instanceof WrongInput);
        assert.match(error.message, /bucket,objectKey,customerKey/);
        return !error.message.includes(KEY);
      });
    }
  });

  it('a row with too few or too many columns is one bad row', async () => {
    const text = `${HEADER}photos,a\nphotos,b,${KEY}\nphotos,c,${KEY},x\nphotos,d,${KEY}\n`;
    const few = 'it must have 3 columns';
    assert.deepEqual(told(await rowsOf(text)), [
      [2, few],
      [3, 'photos', 'b'],
      [4, few],
      [5, 'photos', 'd'],
    ]);
  });

  it('after a misplaced or open quotation mark nothing is read, and what came before is', async () => {
    const good = Array.from({ length: 50 }, (_, n) => `photos,${n},${KEY}\n`).join('');
    for (const bad of [`photos,"a"b,${KEY}\n`, `photos,a"b,${KEY}\n`, `photos,"a,${KEY}\n`]) {
      const rows = await rowsOf(HEADER + good + bad + good);
      assert.deepEqual(
        rows.map(({ line }) => line),
        Array.from({ length: 51 }, (_, n) => n + 2),
      );
      assert.match(String(told(rows).at(-1)?.[1]), /RFC 4180.*nothing from this line on/);
    }
  });

  it('an endless row is not read to its end', async () => {
    let sent = 0;
    const endless = Readable.from(
      (function* () {
        yield Buffer.from(`${HEADER}photos,"`);
        for (; sent < 1000; sent += 1) yield Buffer.alloc(65_536, 'x');
      })(),
      { objectMode: false },
    );
    const rows: Row[] = [];
    for await (const row of readRows(endless, 'csv')) rows.push(row);
    assert.equal(rows.length, 1);
    assert.match(String(told(rows)[0]?.[1]), /at most 16384/);
    assert.ok(sent < 10, `${sent} chunks`);
  });
});

describe('rows as NDJSON', () => {
  const row = (objectKey: string) => ({ bucket: 'photos', objectKey, customerKey: KEY });

  it('takes a BOM, CRLF, empty lines, raw U+2028 and no last line end', async () => {
    const text = `\uFEFF${ndjson(row('a'))}\r\n\n${ndjson(row('ü\u2028😀')).trim()}\r\n${JSON.stringify(row('c'))}`;
    assert.deepEqual(told(await rowsOf(text, 'ndjson')), [
      [1, 'photos', 'a'],
      [4, 'photos', 'ü\u2028😀'],
      [5, 'photos', 'c'],
    ]);
  });

  it('anything but an object of the three texts is a bad row, which is not quoted', async () => {
    const { customerKey: _, ...short } = row('a');
    const bad = [null, [KEY], KEY, short, { ...row('a'), etag: 'x' }, { ...row('a'), bucket: 7 }];
    const text = `${ndjson(...bad)}{"customerKey":"${KEY}"\n${ndjson(row('z'))}`;
    const rows = told(await rowsOf(text, 'ndjson'));
    assert.deepEqual(rows.pop(), [8, 'photos', 'z']);
    assert.equal(rows.length, 7);
    for (const [, problem] of rows) assert.match(String(problem), /^it must be a JSON object of three texts/);
    assert.ok(!JSON.stringify(rows).includes(KEY));
  });

  it('an endless line is not read to its end', async () => {
    const rows = await rowsOf(`${ndjson(row('a'))}${'x'.repeat(20_000)}`, 'ndjson');
    assert.match(JSON.stringify(told(rows)), /^\[\[1,"photos","a"\],\[2,"a row has at most 16384/);
  });
});

describe('what a row must be', () => {
  const problemOf = async (bucket: string, objectKey: string, customerKey: string) => {
    const [row] = await rowsOf(ndjson({ bucket, objectKey, customerKey }), 'ndjson');
    return row && 'problem' in row ? row.problem : undefined;
  };

  it('a key in hex is told that it must be base64', async () => {
    assert.match(
      (await problemOf('photos', 'a', BYTES.toString('hex'))) ?? '',
      /is in hex.*base64 of the same 32 bytes/,
    );
  });

  it('another key than base64 of 32 bytes is refused, unquoted', async () => {
    const others = [
      '',
      randomBytes(31).toString('base64'),
      randomBytes(33).toString('base64'),
      KEY.slice(0, -1),
      `${KEY}\r`,
      ` ${KEY}`,
      Buffer.alloc(32, 0xff).toString('base64url'),
    ];
    for (const key of others) {
      assert.equal(
        await problemOf('photos', 'a', key),
        'customerKey must be base64 of 32 bytes: 44 characters, the last one =',
      );
    }
  });

  it('swapped columns show no key', async () => {
    for (const [bucket, objectKey, customerKey] of [
      ['photos', KEY, 'a'],
      [KEY, 'a', 'photos'],
      [KEY, 'a', KEY],
    ] as const) {
      const problem = await problemOf(bucket, objectKey, customerKey);
      assert.ok(problem !== undefined && !problem.includes(KEY));
    }
  });

  it('an object key that a server may take for another object’s is refused', async () => {
    for (const bad of ['/', '/a', '//a', 'a//b', 'a//']) {
      assert.match(
        (await problemOf('photos', bad, KEY)) ?? '',
        /^objectKey must not begin with \/ or have/,
        bad,
      );
    }
  });

  it('an object key that no URL reaches, or no S3 has, is refused', async () => {
    for (const good of ['a/b/', 'a/', '...', 'a.b/..c', 'x'.repeat(1024), '  ', '𝒳'.repeat(256)]) {
      assert.equal(await problemOf('photos', good, KEY), undefined, good);
    }
    for (const bad of [
      '',
      '.',
      'a/..',
      '../a',
      'a/./b',
      'x'.repeat(1025),
      '𝒳'.repeat(257),
      '\ud800',
      'a\0b',
    ]) {
      assert.match((await problemOf('photos', bad, KEY)) ?? '', /^objectKey must/, bad);
    }
    for (const bad of ['', 'a b', 'a/b', '../..']) {
      assert.match((await problemOf(bad, 'a', KEY)) ?? '', /^bucket must/, bad);
    }
  });
});
