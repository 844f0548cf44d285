import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asksFor, firstAllowed } from '../../../src/client/asks.ts';
import { ServiceProblem } from '../../../src/client/errors.ts';
import type { SlotWithRequest, UploadAsk } from '../../../src/client/model.ts';

const MIB = 1024 ** 2;
const short = ({ method = 'PUT', sha256, partSize }: UploadAsk): string =>
  [method, ...(sha256 === undefined ? [] : ['sha256']), ...(partSize === undefined ? [] : [partSize])].join(
    ' ',
  );
const asks = (size: number, method: 'auto' | 'PUT' | 'multipart' = 'auto', partSize?: number) =>
  asksFor({ contentType: 'a/b', size }, 'hash', method, partSize);

describe('asksFor', () => {
  const parts = ['multipart sha256', 'multipart'];
  it('goes by size, unless told', () => {
    const cases: [UploadAsk[], string[]][] = [
      [asks(0), ['PUT sha256']],
      [asks(256 * MIB - 1), ['PUT sha256', ...parts]],
      [asks(256 * MIB), [...parts, 'PUT sha256']],
      [asks(5120 * MIB), [...parts, 'PUT sha256']],
      [asks(5120 * MIB + 1), parts],
      [asks(1, 'multipart'), parts],
      [asks(6000 * MIB, 'PUT'), ['PUT sha256']],
    ];
    for (const [made, wanted] of cases) assert.deepEqual(made.map(short), wanted);
    assert.deepEqual(asks(1, 'auto', 7).map(short), ['PUT sha256', 'multipart sha256 7', 'multipart 7']);
  });
});

describe('firstAllowed', () => {
  const refusing = (refused: (ask: UploadAsk) => string[]) => {
    const tried: string[] = [];
    const create = async (ask: UploadAsk): Promise<SlotWithRequest> => {
      tried.push(short(ask));
      const errors = refused(ask).map((path) => ({ path, message: 'no' }));
      if (errors.length > 0)
        throw new ServiceProblem(422, { code: 'policy_refused', detail: tried.at(-1), errors });
      return { id: short(ask), state: 'issued' } as SlotWithRequest;
    };
    return { tried, create };
  };
  const noHash = ({ method, sha256 }: UploadAsk) => (method && sha256 !== undefined ? ['/sha256'] : []);
  const noParts = (ask: UploadAsk) => (ask.method ? ['/method', ...noHash(ask)] : []);

  it('leaves the SHA-256 out, or takes the other method, and remembers', async () => {
    for (const [refused, id] of [
      [noHash, 'multipart'],
      [noParts, 'PUT sha256'],
    ] as const) {
      const left = asks(300 * MIB);
      const { tried, create } = refusing(refused);
      assert.equal((await firstAllowed(left, create)).id, id);
      tried.length = 0;
      await firstAllowed(left, create);
      assert.deepEqual(tried, [id]);
    }
  });

  it('throws the first refusal of all; and at once one of anything else', async () => {
    const detail = (text: string) => (error: ServiceProblem) => error.detail === text;
    const none = refusing(() => ['/method']);
    await assert.rejects(firstAllowed(asks(1), none.create), detail('PUT sha256'));
    assert.equal(none.tried.length, 3);
    await assert.rejects(
      firstAllowed(asks(300 * MIB, 'multipart'), refusing(noParts).create),
      ServiceProblem,
    );
    const type = refusing(() => ['/method', '/contentType']);
    await assert.rejects(firstAllowed(asks(1), type.create), detail('PUT sha256'));
    assert.equal(type.tried.length, 1);
  });
});
