import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { createClient, type Client } from '../../../../src/client/node/index.ts';
import { startStub, type Stub } from './stub.ts';

/** What programs without types pass. */
type Loose = (...args: unknown[]) => Promise<unknown>;

describe('what a program without types gets wrong', () => {
  let stub: Stub;
  let client: Client;
  let pem: string;
  before(async () => {
    stub = await startStub();
    pem = await readFile(join(stub.dir, 'tls/ca.crt'), 'utf8');
    client = createClient({ endpoint: 'https://localhost:1', token: 'token', ca: pem });
  });
  after(async () => {
    client.close();
    await stub[Symbol.asyncDispose]();
  });

  it('createClient names the option, and says what would be right', () => {
    const right = { endpoint: 'https://localhost:1', token: 'secret' };
    const wrong: [unknown, RegExp][] = [
      [undefined, /^the options of createClient must be an object$/],
      [{ ...right, endpoint: undefined }, /^endpoint must be a URL such as/],
      [{ endpoint: right.endpoint }, /^token is missing: it must be an API key, JWT or grant, or/],
      [{ ...right, token: undefined }, /^token is missing/],
      [{ ...right, token: '' }, /^token must be/],
      [
        { ...right, apiKey: 'secret' },
        /^createClient has no option apiKey; it has endpoint, token, ca, retry$/,
      ],
      [{ ...right, ca: 'private-ca.pem' }, /^ca must be certificates in PEM, their text and not their path/],
      [{ ...right, retry: 3 }, /^retry must be an object such as \{ tries: 3 \}$/],
      [{ ...right, retry: { tries: 0 } }, /^tries must be a whole number from 1$/],
      [{ ...right, retry: { attempts: 3 } }, /^createClient’s retry has no option attempts; it has tries, /],
    ];
    for (const [options, message] of wrong) {
      const make = () => createClient(options as Parameters<typeof createClient>[0]);
      assert.throws(make, { name: 'TypeError', message });
      assert.throws(make, ({ message: text }: Error) => !text.includes('secret'));
    }
    createClient({ ...right, ca: pem, retry: { tries: 1 } }).close();
  });

  it('upload too', async () => {
    const upload = client.upload.bind(client) as Loose;
    const bytes = Buffer.from('x');
    const wrong: [unknown[], RegExp][] = [
      [[], /^the source must be a path, a Blob or bytes \(Uint8Array\)$/],
      [[''], /^the source must be/],
      [[Readable.from(['x'])], /; a stream has no length, which is signed before the first byte$/],
      [[new Blob(['x']).stream()], /; a stream has no length/],
      [[bytes, { contenttype: 'a/b' }], /^upload has no option contenttype; it has filename, contentType, /],
      [[bytes, { method: 'multi' }], /^method must be 'auto', 'PUT' or 'multipart'$/],
      [[bytes, { method: 'PUT', partSize: 8 }], /^partSize goes with method 'multipart' or 'auto'/],
      [[bytes, { sha256: 'a'.repeat(64) }], /^sha256 must be base64 .* not hex/],
      [[bytes, { metadata: { a: 1 } }], /^metadata must be an object whose values are texts$/],
      [[bytes, { parallelParts: '4' }], /^parallelParts must be a whole number from 1$/],
      [[bytes, { signal: new AbortController() }], /^signal must be an AbortSignal$/],
      [[bytes, 'name'], /^the options of upload must be an object$/],
    ];
    for (const [args, message] of wrong)
      await assert.rejects(upload(...args), { name: 'TypeError', message });
  });

  it('download, get and remove too', async () => {
    const download = client.download.bind(client) as Loose;
    const get = client.get.bind(client) as Loose;
    const remove = client.remove.bind(client) as Loose;
    const to = /^to is missing: it must be the path of a new file, or a function that takes the bytes$/;
    await assert.rejects(download('id'), { name: 'TypeError', message: to });
    await assert.rejects(download('id', {}), { name: 'TypeError', message: to });
    const folder = { name: 'TypeError', message: /^download has no option force; it has to, overwrite, / };
    await assert.rejects(download('id', { to: 'x', force: true }), folder);
    for (const call of [download, get, remove]) {
      const message = /^id must be the id of an upload/;
      await assert.rejects(call(undefined, { to: 'x' }), { name: 'TypeError', message });
    }
    const message = /^get has no option timeout; it has signal$/;
    await assert.rejects(get('id', { timeout: 1 }), { name: 'TypeError', message });
  });

  it('names the file or the folder that is not there, and a function that gives no token', async () => {
    const message = /nowhere: There is no such file\.$/;
    await assert.rejects(client.upload(join(stub.dir, 'nowhere')), { name: 'FileUnusable', message });
    const token = (() => undefined) as unknown as () => string;
    using asking = createClient({ endpoint: 'https://localhost:1', token });
    await assert.rejects(asking.get('id'), {
      name: 'TypeError',
      message: 'the function `token` gave no text',
    });
  });
});
