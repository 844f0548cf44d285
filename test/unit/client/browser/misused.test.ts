import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createUploader } from '../../../../src/client/browser/index.ts';

const endpoint = 'https://uploads.example.com';

describe('what beginners give the browser client', () => {
  it('takes a File or Blob, and says so of the list of an input, a stream, a path and nothing', () => {
    const uploader = createUploader({ endpoint, getToken: () => 'token' });
    for (const given of [[new Blob(['x'])], new Blob(['x']).stream(), 'report.pdf', undefined])
      assert.throws(() => uploader.upload(given as never), {
        name: 'TypeError',
        message: 'upload takes a File or Blob',
      });
  });

  it('wants a token as it is, and names "Bearer" where it came along', async () => {
    for (const token of ['Bearer token', 'token\n', '', undefined, { token: 'token' }]) {
      const uploader = createUploader({ endpoint, getToken: () => token as string });
      await assert.rejects(uploader.upload(new Blob([new Uint8Array(1)]), { method: 'multipart' }).done, {
        name: 'TypeError',
        message: /^getToken must give a token without "Bearer"$/,
      });
    }
  });
});
