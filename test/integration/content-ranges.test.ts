import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { DependencyUnavailable } from '../../src/errors.ts';
import { createTarget } from '../../src/s3/adapters/target.ts';
import { ObjectRefused } from '../../src/s3/errors.ts';
import type { ObjectVersion, S3Target } from '../../src/s3/port.ts';
import { available, type Available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import type { S3Server } from '../support/s3-server.ts';
import { targetConfigOf } from '../support/s3-target.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';
import { CONDITIONS, METHODS, RANGES } from './support-content-asks.ts';

type Pinned = ObjectVersion & { etag: string };
type Method = 'GET' | 'HEAD';

/** What `Range` and `If-None-Match` come with. */
interface Ask {
  readonly range?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

const TEXT = Buffer.from('0123456789abcdefghij');
const OBJECTS = {
  'of 20 bytes': TEXT,
  'of no bytes': Buffer.alloc(0),
  'of 300 kB': Buffer.alloc(300_000, TEXT),
};

const never = new AbortController().signal;

function contentRanges(name: string, backend: Available<S3Server>): void {
  describe(`content is what S3 says on ${name}`, { skip: backend.skip }, () => {
    after(() => backend.stop());
    for (const versioning of [false, true]) {
      describe(versioning ? 'with versions' : 'without versions', () => {
        let world: World;
        before(async () => {
          world = await World.on(backend.get(), versioning);
        });
        after(() => world.close());
        it('without conditions', () => world.compare(() => ({})));
        for (const range of RANGES) it(`Range: ${range}`, () => world.compare(() => ({ range })));
        for (const [words, condition] of Object.entries(CONDITIONS)) {
          it(`If-None-Match: ${words}`, async () => {
            for (const range of [undefined, 'bytes=0-1', 'bytes=400000-']) {
              await world.compare((etag) => ({ range, ifNoneMatch: condition(etag) }));
            }
          });
        }
        it('and that is right', () => right(world));
        it('of no other object', () => pinned(world));
        it('under no other key', () => otherKey(world));
      });
    }
  });
}

/** The comparison alone would not see that both are wrong. */
async function right(world: World): Promise<void> {
  const object = world.object('of 20 bytes');
  const get = (ask: Ask) => world.opened('GET', object, ask);
  for (const [range, first, last] of [
    ['bytes=0-0', 0, 0],
    ['bytes=0-9', 0, 9],
    ['bytes=5-', 5, 19],
    ['bytes=-5', 15, 19],
    ['bytes=10-400000', 10, 19],
  ] as const) {
    const answer = await get({ range });
    assert.equal(answer.status, 206);
    assert.equal(answer['contentRange'], `bytes ${first}-${last}/20`);
    assert.equal(answer['body'], TEXT.toString().slice(first, last + 1));
  }
  assert.equal((await get({}))['body'], TEXT.toString());
  assert.equal((await get({ range: 'bytes=20-' })).status, 416);
  for (const ifNoneMatch of [object.etag, '*']) {
    assert.deepEqual(await get({ ifNoneMatch, range: 'bytes=0-1' }), { status: 304, etag: object.etag });
  }
  assert.equal((await get({ ifNoneMatch: '"other"' })).status, 200);
  // Not sent on: S3 would not read the signature as it was made.
  assert.equal((await get({ ifNoneMatch: '"é"', range: 'bytes=0-é' })).status, 200);
}

async function pinned(world: World): Promise<void> {
  const objectKey = randomUUID();
  const old = await world.put(objectKey, Buffer.from('old'));
  const fresh = await world.put(objectKey, Buffer.from('new!'));
  assert.notEqual(old.etag, fresh.etag);
  const conditions = [undefined, '*', old.etag, fresh.etag, `"x", ${fresh.etag}`];
  for (const method of METHODS) {
    for (const range of [undefined, 'bytes=0-0', 'bytes=100-']) {
      for (const ifNoneMatch of conditions) {
        const opening = world.opened(method, { ...old, versionId: null }, { range, ifNoneMatch });
        assert.deepEqual(await opening, { status: 412 }, `${method} ${range} ${ifNoneMatch}`);
      }
    }
  }
  if (world.versioning) assert.equal((await world.opened('GET', old, {}))['body'], 'old');
}

async function otherKey(world: World): Promise<void> {
  for (const method of METHODS) {
    const opening = world.opened(method, world.object('of 20 bytes'), {}, CustomerKey.generate());
    assert.ok([400, 403].includes((await opening).status));
  }
}

/** Status, size, `Content-Range`, ETag, time and body; as much of them as that status has. */
type Said = { readonly status: number } & Readonly<Record<string, unknown>>;

class World {
  readonly versioning: boolean;
  readonly #target: S3Target;
  readonly #agent: Agent;
  readonly #bucket: string;
  readonly #key = CustomerKey.generate();
  readonly #objects = new Map<string, Pinned>();

  static async on(server: S3Server, versioning: boolean): Promise<World> {
    const bucket = `sealslot-${randomUUID()}`;
    await server.createBucket(bucket, { versioning });
    const world = new World(server, bucket, versioning);
    for (const [name, bytes] of Object.entries(OBJECTS)) {
      world.#objects.set(name, await world.put(`a b+c/${randomUUID()}`, bytes));
    }
    return world;
  }

  private constructor(server: S3Server, bucket: string, versioning: boolean) {
    this.#target = createTarget(targetConfigOf(server));
    this.#agent = new Agent({ ca: server.caPem, keepAlive: true });
    this.#bucket = bucket;
    this.versioning = versioning;
  }

  object(name: keyof typeof OBJECTS): Pinned {
    const object = this.#objects.get(name);
    assert.ok(object !== undefined);
    return object;
  }

  async put(objectKey: string, bytes: Buffer): Promise<Pinned> {
    const { status, headers } = await this.#send('PUT', { objectKey, versionId: null }, {}, bytes);
    const { etag, 'x-amz-version-id': versionId } = headers;
    assert.ok(status === 200 && typeof etag === 'string');
    return {
      bucket: this.#bucket,
      objectKey,
      etag,
      versionId: typeof versionId === 'string' ? versionId : null,
    };
  }

  async compare(askOf: (etag: string) => Ask): Promise<void> {
    for (const [name, object] of this.#objects) {
      for (const method of METHODS) {
        const ask = askOf(object.etag);
        const [opened, direct] = [
          await this.opened(method, object, ask),
          await this.#direct(method, object, ask),
        ];
        assert.deepEqual(opened, direct, `${method} ${name} ${JSON.stringify(ask)}`);
      }
    }
  }

  async opened(method: Method, object: Pinned, ask: Ask, key = this.#key): Promise<Said> {
    try {
      const answer = await this.#target.content.open(object, key, { method, ...ask }, never);
      if (!('size' in answer)) return answer;
      const chunks = await Array.fromAsync(answer.body ?? []);
      return { ...answer, body: Buffer.concat(chunks).toString() };
    } catch (error) {
      if (error instanceof ObjectRefused) return { status: error.status };
      if (error instanceof DependencyUnavailable) return { status: 500 };
      throw error;
    }
  }

  /** A client's own request to S3. */
  async #direct(method: Method, object: Pinned, { range, ifNoneMatch }: Ask): Promise<Said> {
    const { status, headers, body } = await this.#send(method, object, {
      ...(range !== undefined && { range }),
      ...(ifNoneMatch !== undefined && { 'if-none-match': ifNoneMatch }),
    });
    const { etag = null, 'content-range': contentRange = null, 'last-modified': modified = null } = headers;
    if (status === 304) return { status, etag };
    if (status === 416) return { status, contentRange };
    if (status >= 300) return { status: Math.min(status, 500) };
    const modifiedAt = modified === null ? null : Date.parse(modified);
    const size = Number(headers['content-length']);
    return { status, size, contentRange, etag, modifiedAt, body: body.toString() };
  }

  async #send(
    method: Method | 'PUT',
    { objectKey, versionId }: { objectKey: string; versionId: string | null },
    unsigned: Readonly<Record<string, string>>,
    bytes?: Buffer,
  ) {
    const window = await this.#target.presigner.open(600, Date.now());
    const headers = {
      ...this.#key.headers(),
      ...(bytes && { 'content-length': String(bytes.length), 'content-type': 'text/plain' }),
    };
    const query = versionId === null ? {} : { versionId };
    const url = window.sign({ method, bucket: this.#bucket, objectKey, headers, query });
    const sent = request(url, { method, agent: this.#agent, headers: { ...headers, ...unsigned } });
    const answered = Promise.withResolvers<IncomingMessage>();
    sent.on('response', answered.resolve).on('error', answered.reject).end(bytes);
    const answer = await answered.promise;
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) };
  }

  close(): void {
    this.#target.close();
    this.#agent.destroy();
  }
}

contentRanges('MinIO', await available(() => startMinio()));
contentRanges('SeaweedFS', await available(() => startSeaweedfs()));
