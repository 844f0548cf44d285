import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, type Harness } from '../../support/harness.ts';
import { pathsOf } from './asking.ts';

const MIB = 1024 ** 2;
const CRC32 = '4waSgw==';
const CRC64 = 'rosUhgp5nuo=';
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** [what, body, status, code, paths]. The upload has three parts. */
const BAD: [string, unknown, number, string, string[]?][] = [
  ['no numbers', {}, 400, 'invalid_request', ['/partNumbers']],
  ['an empty list', { partNumbers: [] }, 400, 'invalid_request', ['/partNumbers']],
  ['part 0', { partNumbers: [0] }, 400, 'invalid_request', ['/partNumbers/0']],
  ['part -1', { partNumbers: [1, -1] }, 400, 'invalid_request', ['/partNumbers/1']],
  ['part 10,001', { partNumbers: [10_001] }, 400, 'invalid_request', ['/partNumbers/0']],
  ['part 1.5', { partNumbers: [1.5] }, 400, 'invalid_request', ['/partNumbers/0']],
  ['part "1"', { partNumbers: ['1'] }, 400, 'invalid_request', ['/partNumbers/0']],
  [
    'over the count',
    { partNumbers: [3, 4, 10_000] },
    400,
    'invalid_request',
    ['/partNumbers/1', '/partNumbers/2'],
  ],
  ['a number twice', { partNumbers: [1, 2, 1] }, 400, 'invalid_request', ['/partNumbers']],
  ['101 numbers', { partNumbers: upTo(101) }, 400, 'invalid_request', ['/partNumbers']],
  ['a number for a list', { partNumbers: 1 }, 400, 'invalid_request', ['/partNumbers']],
  ['another member', { partNumbers: [1], uploadId: 'x' }, 400, 'invalid_request', ['/uploadId']],
  [
    'the checksum of part 0',
    { partNumbers: [1], checksums: { 0: CRC64 } },
    400,
    'invalid_request',
    ['/checksums/0'],
  ],
  [
    'the checksum of part 01',
    { partNumbers: [1], checksums: { '01': CRC64 } },
    400,
    'invalid_request',
    ['/checksums/01'],
  ],
  [
    'a checksum in hex',
    { partNumbers: [1], checksums: { 1: 'e3069283' } },
    400,
    'invalid_request',
    ['/checksums/1'],
  ],
  [
    'no text as checksum',
    { partNumbers: [1], checksums: { 1: 7 } },
    400,
    'invalid_request',
    ['/checksums/1'],
  ],
  ['a list', [1], 400, 'invalid_request', ['/']],
  ['a text', '"1"', 400, 'invalid_request', ['/']],
  ['text that is no JSON', 'partNumbers=1', 400, 'invalid_json'],
  ['nothing', '', 400, 'invalid_json'],
  ['too much', `{"partNumbers":[1],"x":"${'x'.repeat(65_536)}"}`, 413, 'body_too_large'],
];

describe('bad requests for parts: a problem with code and path, and nothing begun at S3', () => {
  const s3 = new FakeObjectStore();
  let h: Harness;
  let token: string;
  let id: string;
  let checked: string;
  const make = async (body: object): Promise<string> => {
    const made = await h.call('POST', '/v1/uploads', { token, body: { contentType: 'a/b', ...body } });
    assert.equal(made.status, 201, made.text);
    return made.body.id as string;
  };
  const parts = (of: string, body: unknown) => h.call('POST', `/v1/uploads/${of}/parts`, { token, body });
  const three = { size: 12 * MIB, method: 'multipart', partSize: 5 * MIB };
  before(async () => {
    h = await makeHarness({ target: fakeTarget(s3) });
    token = await h.token();
    id = await make(three);
    checked = await make({ ...three, crc64nvme: CRC64 });
  });
  after(() => h[Symbol.asyncDispose]());

  for (const [what, body, status, code, paths] of BAD) {
    it(what, async () => {
      const answer = await parts(id, body);
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.body.code, code);
      if (paths !== undefined) assert.deepEqual([...new Set(pathsOf(answer.body))], paths);
      assert.equal(s3.calls.get('beginMultipart'), undefined);
      assert.equal((await h.store.uploads.get('acme', id))?.multipartUploadId, null);
    });
  }

  it('checksums are of the parts asked for, each has one where the whole has, and none where it has none', async () => {
    const cases: [slot: string, partNumbers: number[], checksums: object | undefined, paths: string[]][] = [
      [id, [1], { 1: CRC64 }, ['/checksums']],
      [id, [1], { 2: CRC64 }, ['/checksums/2', '/checksums']],
      [checked, [1], undefined, ['/checksums/1']],
      [checked, [1], { 2: CRC64 }, ['/checksums/2', '/checksums/1']],
      [checked, [1, 3], { 1: CRC64 }, ['/checksums/3']],
    ];
    for (const [slot, partNumbers, checksums, paths] of cases) {
      const answer = await parts(slot, { partNumbers, checksums });
      assert.equal(answer.status, 400, answer.text);
      assert.deepEqual(pathsOf(answer.body), paths);
    }
    assert.equal(s3.calls.get('beginMultipart'), undefined);
  });

  it('a slot by PUT or POST has no parts, to ask for or to list: 409', async () => {
    for (const method of ['PUT', 'POST']) {
      const other = await make({ size: 5, method });
      const list = await h.call('GET', `/v1/uploads/${other}/parts`, { token });
      for (const answer of [await parts(other, { partNumbers: [1] }), list]) {
        assert.deepEqual(
          [answer.status, answer.body.code, answer.body.method],
          [409, 'state_conflict', method],
        );
      }
    }
    assert.equal(s3.calls.get('beginMultipart'), undefined);
  });

  it('an expired slot gets no more requests for parts: 409 with its state', async () => {
    const late = await make(three);
    h.clock.now += 3_600_000;
    const answer = await parts(late, { partNumbers: [1] });
    assert.deepEqual(
      [answer.status, answer.body.code, answer.body.state],
      [409, 'state_conflict', 'expired'],
    );
    assert.ok(!answer.text.includes('customer-key'));
  });

  it('what is just right: 100 parts at once, each of its size and under one upload', async () => {
    const whole = { size: 100 * 5 * MIB - 1, method: 'multipart', partSize: 5 * MIB, crc32c: CRC32 };
    const checksums = Object.fromEntries(upTo(100).map((partNumber) => [partNumber, CRC32]));
    const answer = await parts(await make(whole), { partNumbers: upTo(100), checksums });
    assert.equal(answer.status, 200, answer.text);
    const sent = answer.body.parts as { partNumber: number; size: number; url: string; headers: object }[];
    assert.deepEqual(
      sent.map(({ partNumber }) => partNumber),
      upTo(100),
    );
    assert.deepEqual([...new Set(sent.map(({ size }) => size))], [5 * MIB, 5 * MIB - 1]);
    const ids = sent.map(({ url }) => new URL(url).searchParams.get('uploadId'));
    assert.deepEqual([...new Set(ids)], ['upload-1']);
    assert.equal(s3.calls.get('beginMultipart'), 1);
    assert.ok(sent.every(({ headers }) => 'x-amz-checksum-crc32c' in headers));
  });
});
