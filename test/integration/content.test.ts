import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { available, type Available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { waitUntil } from '../support/processes.ts';
import type { S3Server } from '../support/s3-server.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';
import { ContentWorld, type Ask } from './support-content-world.ts';
import { CONDITIONS, METHODS, RANGES } from './support-content-asks.ts';

const MIB = 1024 * 1024;

function content(name: string, backend: Available<S3Server>): void {
  describe(`content by the routes on ${name}`, { skip: backend.skip }, () => {
    after(() => backend.stop());
    for (const versioning of [false, true]) {
      describe(versioning ? 'with versions' : 'without versions', () => {
        let world: ContentWorld;
        before(async () => {
          world = await ContentWorld.on(backend.get(), versioning);
        });
        after(() => world.close());
        for (const range of [undefined, ...RANGES]) {
          it(`Range: ${range ?? 'none'}`, () => same(world, { range }));
        }
        for (const [words, condition] of Object.entries(CONDITIONS)) {
          it(`If-None-Match: ${words}`, async () => {
            for (const range of [undefined, 'bytes=0-1', 'bytes=400000-']) {
              await same(world, { range, ifNoneMatch: condition(world.etag) });
            }
          });
        }
        it('and that is right', () => right(world));
        it('closes S3’s stream when the client goes', () => abort(world));
      });
    }
  });
}

/** The service's answers, with the API key and by link, and S3's own to a presigned request. */
async function same(world: ContentWorld, ask: Ask): Promise<void> {
  for (const method of METHODS) {
    const direct = await world.direct(method, ask);
    for (const way of ['content', 'link'] as const) {
      assert.deepEqual(await world.through(way, method, ask), direct, `${method} ${way}`);
    }
  }
}

async function right(world: ContentWorld): Promise<void> {
  for (const way of ['content', 'link'] as const) {
    const whole = await world.through(way, 'GET', {});
    assert.equal(whole.status, 200);
    assert.equal(whole.body, world.text);
    assert.equal(whole.type, 'text/plain');
    const part = await world.through(way, 'GET', { range: 'bytes=5-9' });
    assert.equal(part.status, 206);
    assert.equal(part.range, `bytes 5-9/${world.text.length}`);
    assert.equal(part.body, world.text.slice(5, 10));
    const { status, etag } = await world.through(way, 'GET', { ifNoneMatch: world.etag });
    assert.deepEqual({ status, etag }, { status: 304, etag: world.etag });
    assert.equal((await world.through(way, 'GET', { range: 'bytes=99-' })).status, 416);
  }
}

/** Seen by a relay before S3: it is read no further than the client reads, and its stream is closed when the client goes. */
async function abort(world: ContentWorld): Promise<void> {
  const size = 64 * MIB;
  for (const way of ['content', 'link'] as const) {
    const large = await world.upload(Buffer.alloc(size, 'x'));
    const before = world.relay.passed();
    const client = await world.begin(way, large);
    assert.equal(client.status, 200);
    let [last, still] = [-1, 0];
    await waitUntil('back-pressure', () => {
      const now = world.relay.passed();
      still = now === last && world.relay.streaming() === 1 ? still + 1 : 0;
      last = now;
      return still === 5;
    });
    const held = world.relay.passed() - before;
    assert.ok(held < size / 2, `${held} bytes of ${size} were read for a client that reads none`);
    assert.equal(world.relay.streaming(), 1);
    client.leave();
    await waitUntil('S3’s stream to be closed', () => world.relay.streaming() === 0);
    assert.ok(world.relay.passed() - before < size);
  }
}

content('MinIO', await available(() => startMinio()));
content('SeaweedFS', await available(() => startSeaweedfs()));
