import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { type Answer, KEY, targetOn } from './answering.ts';

const OBJECT = { bucket: 'b', objectKey: 'a', versionId: null, etag: '"e"' };
const WHOLE = 'abcdefghij';

/** Hangs up after so many bytes of each answer, and gives what is asked for. */
const cutting =
  (bytes: number, etag = '"e"'): Answer =>
  ({ headers }, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(String(headers.range)) ?? [];
    const [first, last] = [Number(from ?? 0), Number(to ?? WHOLE.length - 1)];
    const length = last - first + 1;
    const range = from === undefined ? {} : { 'content-range': `bytes ${first}-${last}/${WHOLE.length}` };
    const changed = from === undefined ? '"e"' : etag;
    response.writeHead(from === undefined ? 200 : 206, { 'content-length': length, etag: changed, ...range });
    if (bytes === 0) response.flushHeaders();
    else response.write(WHOLE.slice(first, Math.min(first + bytes, last + 1)));
    if (bytes >= length) response.end();
    else setImmediate(() => setImmediate(() => response.destroy()));
  };

async function read(answer: Answer, range?: string) {
  const { target, seen } = await targetOn(answer);
  const opened = await target.content.open(
    OBJECT,
    KEY,
    { method: 'GET', range },
    new AbortController().signal,
  );
  assert.ok('body' in opened && opened.body !== undefined);
  let text = '';
  let error: unknown;
  try {
    for await (const chunk of opened.body) text += Buffer.from(chunk).toString();
  } catch (thrown) {
    error = thrown;
  }
  return { text, error, ranges: seen.map(({ headers }) => headers.range), last: seen.at(-1)?.headers };
}

describe('a body that S3 cuts', () => {
  it('goes on where it ended, of the same object, under the key', async () => {
    const { text, error, ranges, last } = await read(cutting(4));
    assert.equal(error, undefined);
    assert.equal(text, WHOLE);
    assert.deepEqual(ranges, [undefined, 'bytes=4-9', 'bytes=8-9']);
    assert.ok(last);
    assert.equal(last['if-match'], '"e"');
    for (const [name, value] of Object.entries(KEY.headers())) assert.equal(last[name], value);
  });

  it('of a range goes on within the range', async () => {
    const { text, ranges } = await read(cutting(2), 'bytes=3-7');
    assert.equal(text, 'defgh');
    assert.deepEqual(ranges, ['bytes=3-7', 'bytes=5-7', 'bytes=7-7']);
  });

  it('fails when a connection brings nothing, or another object', async () => {
    for (const answer of [cutting(0), cutting(4, '"other"')]) {
      const { text, error } = await read(answer);
      assert.ok(error instanceof DependencyUnavailable);
      assert.ok(text.length < WHOLE.length);
    }
  });
});
