import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  ContentDiffers,
  createClient,
  FileUnusable,
  ServiceProblem,
  type Client,
  type ClientOptions,
} from '../../../../src/client/node/index.ts';
import { problem, startStub, take, type Answer, type Stub } from './stub.ts';

describe('createClient', () => {
  let stub: Stub;
  let client: Client;
  const asks: Record<string, unknown>[] = [];
  const slot = {
    id: 'id',
    state: 'uploaded',
    objectKey: 'k',
    contentType: 'text/plain',
    size: 5,
    filename: 'n',
  };
  beforeEach(async () => {
    stub = await startStub();
    asks.length = 0;
    stub.script['POST'] = [
      (ask): Answer => {
        asks.push(ask as Record<string, unknown>);
        return { status: 201, body: { ...slot, ...(ask as object) } };
      },
    ];
    client = await open({});
  });
  afterEach(async () => {
    client.close();
    await stub[Symbol.asyncDispose]();
  });
  const open = async (options: Partial<ClientOptions>): Promise<Client> =>
    createClient({
      endpoint: stub.client.endpoint,
      token: 'token',
      ca: await readFile(join(stub.dir, 'tls/ca.crt'), 'utf8'),
      retry: { pause: async () => undefined },
      ...options,
    });
  const sha256 = createHash('sha256').update('hello').digest('base64');

  it('names and types a source by what is known of it, unless told', async () => {
    const path = join(stub.dir, 'a.csv');
    await writeFile(path, 'hello');
    await client.upload(path);
    await client.upload(new File(['hello'], 'b.pdf'));
    await client.upload(new File(['hello'], 'c.pdf', { type: 'a/b' }));
    await client.upload(new Blob(['hello']));
    await client.upload(Buffer.from('hello'), {
      filename: 'd.txt',
      contentType: 'c/d',
      metadata: { a: 'b' },
    });
    const [size, bytes] = [5, 'application/octet-stream'];
    assert.deepEqual(asks, [
      { filename: 'a.csv', contentType: 'text/csv', size, sha256 },
      { filename: 'b.pdf', contentType: 'application/pdf', size, sha256 },
      { filename: 'c.pdf', contentType: 'a/b', size, sha256 },
      { contentType: bytes, size, sha256 },
      { filename: 'd.txt', contentType: 'c/d', metadata: { a: 'b' }, size, sha256 },
    ]);
  });

  it('a path and a key of the caller’s own are the same upload again; bytes are not', async () => {
    const upload = async (source: string | Uint8Array, idempotencyKey?: string) => {
      await client.upload(source, { ...(idempotencyKey !== undefined && { idempotencyKey }) });
      return stub.keys.at(-1);
    };
    const [path, other] = ['a', 'b'].map((name) => join(stub.dir, name)) as [string, string];
    for (const each of [path, other]) await writeFile(each, 'hello');
    assert.equal(await upload(path), await upload(path));
    assert.notEqual(await upload(path), await upload(other));
    assert.equal(await upload(Buffer.from('x'), 'mine'), await upload(Buffer.from('x'), 'mine'));
    assert.notEqual(await upload(Buffer.from('x'), 'mine'), await upload(Buffer.from('x'), 'other'));
    assert.notEqual(await upload(Buffer.from('x'), 'mine'), await upload(Buffer.from('y'), 'mine'));
    assert.notEqual(await upload(Buffer.from('x')), await upload(Buffer.from('x')));
  });

  it('asks for the token before each call, and ends with what that throws', async () => {
    const tokens = ['one', 'two'];
    using asking = await open({ token: async () => tokens.shift() ?? Promise.reject(new Error('no more')) });
    stub.script['GET'] = [problem(503, 'dependency_unavailable'), { status: 200, body: slot }];
    assert.equal((await asking.get('id')).id, 'id');
    await assert.rejects(asking.get('id'), /^Error: no more$/);
    assert.equal(stub.calls.length, 2);
  });

  it('gives no request, and so no key, to the caller', async () => {
    stub.script['POST'] = [{ status: 201, body: { ...slot, request: stub.signed('PUT') } }];
    assert.deepEqual((await client.upload(Buffer.from('hello'))).slot, slot);
  });

  it('removes, and tells the service’s refusals with all their members', async () => {
    stub.script['DELETE'] = [{ status: 202, body: { ...slot, state: 'deleting' } }];
    assert.equal((await client.remove('id')).state, 'deleting');
    stub.script['GET'] = [{ status: 404, body: { code: 'upload_deleted', detail: 'gone', more: 7 } }];
    await assert.rejects(
      client.get('id'),
      (error) =>
        error instanceof ServiceProblem && error.code === 'upload_deleted' && error.members['more'] === 7,
    );
  });

  it('downloads to a new file, or over one when told; of what differs nothing stays', async () => {
    const to = join(stub.dir, 'copy');
    stub.script['GET'] = [{ status: 200, body: { ...slot, sha256 } }];
    stub.script['POST /download'] = [{ status: 200, body: stub.signed('GET') }];
    stub.s3.push(take(200, 'hello', { 'content-length': '5' }));
    const got = await client.download('id', { to });
    assert.deepEqual(got, { size: 5, sha256, checked: 'sha256', filename: 'n' });
    assert.equal(await readFile(to, 'utf8'), 'hello');
    await assert.rejects(client.download('id', { to }), FileUnusable);
    const lost = client.download('id', { to: join(stub.dir, 'nowhere/copy') });
    await assert.rejects(lost, {
      name: 'FileUnusable',
      message: /nowhere\/copy: There is no such folder\.$/,
    });
    await client.download('id', { to, overwrite: true });
    stub.s3.splice(0, 1, take(200, 'other', { 'content-length': '5' }));
    await assert.rejects(client.download('id', { to, overwrite: true }), ContentDiffers);
    assert.equal(await readFile(to, 'utf8'), 'hello');
    assert.deepEqual(
      (await readdir(stub.dir)).filter((name) => name.endsWith('.part')),
      [],
    );
  });

  it('refuses an endpoint that would show keys, and a token that is none', () => {
    for (const endpoint of ['http://example.com', 'ftp://localhost', 'nonsense', 'https://a:b@example.com']) {
      assert.throws(() => createClient({ endpoint, token: 'x' }), /^TypeError: endpoint must /);
    }
    assert.throws(() => createClient({ endpoint: 'https://example.com', token: '' }), TypeError);
  });
});
