import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { rekeyAll, type All, type RekeyOutcome } from '../../../src/cli/rekey/run.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { claim, isRekeying } from '../../../src/uploads/rekey/lease.ts';
import { HOUR, LEASE, NEVER, rekeyWorld, type RekeyWorld } from '../uploads/rekey-world.ts';

const MAIN = new URL('../../../src/main.ts', import.meta.url).pathname;
const ALL: All = { before: undefined };

type Told = readonly [id: string, RekeyOutcome];

async function told(
  { h }: RekeyWorld,
  which: readonly string[] | All,
  { stop = NEVER, tenant = 'acme' } = {},
): Promise<Told[]> {
  const all: Told[] = [];
  for await (const each of rekeyAll(h.services, tenant, which, stop)) all.push(each);
  return all;
}

/** Further uploaded slots. @returns their ids, the oldest first. */
async function upload({ h, s3, token }: RekeyWorld, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const body = { contentType: 'a/b', size: 1 };
    const { body: slot } = await h.call('POST', '/v1/uploads', { token, body });
    const id = String(slot.id);
    const facts = { contentType: 'a/b' };
    s3.put(String(slot.objectKey), await h.customerKey('acme', id), facts, { bytes: Buffer.of(1) });
    assert.equal((await h.call('POST', `/v1/uploads/${id}/complete`, { token })).status, 200);
    ids.push(id);
  }
  return ids;
}

const rekeyed = (ids: readonly string[]): Told[] => ids.map((id) => [id, { kind: 'rekeyed' }]);

describe('sealslot rekey, of all', () => {
  it('takes the newest first, over more than one page, and only what is uploaded', async () => {
    await using world = await rekeyWorld({ versioned: true });
    const ids = [world.id, ...(await upload(world, 100))];
    const { h, token } = world;
    await h.call('POST', '/v1/uploads', { token, body: { contentType: 'a/b', size: 1 } });
    assert.deepEqual(await told(world, ALL), rekeyed(ids.toReversed()));
  });

  it('before an id: only the older ones', async () => {
    await using world = await rekeyWorld({ versioned: true });
    const [second = '', third = ''] = await upload(world, 2);
    assert.deepEqual(await told(world, { before: third }), rekeyed([second, world.id]));
    assert.deepEqual(await told(world, { before: world.id }), []);
  });

  it('Ctrl-C: the object in hand is finished, and no other begun', async () => {
    await using world = await rekeyWorld({ versioned: true });
    const [newest = ''] = await upload(world, 1);
    const stop = new AbortController();
    world.s3.before = async ({ name }) => {
      if (name === 'copy') stop.abort('SIGINT');
    };
    assert.deepEqual(await told(world, ALL, { stop: stop.signal }), rekeyed([newest]));
    assert.equal((await world.slot()).generation, 1);
  });
});

describe('sealslot rekey, of ids', () => {
  it('one given twice is re-keyed once', async () => {
    await using world = await rekeyWorld({ versioned: true });
    assert.deepEqual(await told(world, [world.id, world.id]), rekeyed([world.id]));
    assert.equal((await world.slot()).generation, 2);
  });

  it('one of another tenant is not there, and the others are done', async () => {
    await using world = await rekeyWorld({ versioned: true });
    const { h, id } = world;
    const token = await h.token('beta');
    const { body } = await h.call('POST', '/v1/uploads', { token, body: { contentType: 'a/b', size: 1 } });
    const foreign = String(body.id);
    assert.deepEqual(await told(world, [foreign, id]), [
      [foreign, { kind: 'failed', detail: `the tenant has no upload ${foreign}` }],
      ...rekeyed([id]),
    ]);
    assert.equal((await told(world, [id], { tenant: 'beta' }))[0]?.[1].kind, 'failed');
    assert.equal((await world.slot()).generation, 2);
  });

  it('one that is not uploaded is told of, and has no second key', async () => {
    await using world = await rekeyWorld({ versioned: true });
    const { h, token } = world;
    const { body } = await h.call('POST', '/v1/uploads', { token, body: { contentType: 'a/b', size: 1 } });
    const id = String(body.id);
    assert.deepEqual(await told(world, [id]), [
      [id, { kind: 'failed', detail: 'The upload is issued; only an uploaded one can be re-keyed.' }],
    ]);
    assert.equal((await h.store.keys.all(id)).length, 1);
  });

  it('what another worker has is left to it until its lease ends', async () => {
    await using world = await rekeyWorld({ versioned: true });
    await world.ask();
    const skipped = [[world.id, { kind: 'skipped', detail: 'another worker has it' }]];
    assert.deepEqual(await told(world, [world.id]), skipped);
    world.h.clock.now += LEASE - 1;
    assert.deepEqual(await told(world, [world.id]), skipped);
    world.h.clock.now += 1;
    assert.deepEqual(await told(world, [world.id]), rekeyed([world.id]));
    assert.equal((await world.slot()).generation, 2);
  });

  it('what the service would only try again in an hour need not wait for it', async () => {
    await using world = await rekeyWorld({ versioned: true });
    const { h, id } = world;
    await world.ask();
    await h.store.uploads.update(id, ['uploaded'], { nextCheckAt: h.clock.now + HOUR });
    assert.deepEqual(await told(world, [id]), rekeyed([id]));
  });
});

describe('sealslot rekey, when it fails', () => {
  it('S3 does not answer: it ends, and the next run goes on at once', async () => {
    await using world = await rekeyWorld({ versioned: true });
    world.s3.failAt('copy', 1);
    await assert.rejects(told(world, [world.id]), DependencyUnavailable);
    assert.equal((await world.slot()).nextGeneration, 2);
    assert.deepEqual(await told(world, [world.id]), rekeyed([world.id]));
    assert.equal((await world.slot()).generation, 2);
  });

  it('the object is not there: told, with both keys kept, and the next object done', async () => {
    await using world = await rekeyWorld({ versioned: true });
    const [other = ''] = await upload(world, 1);
    const { bucket, objectKey } = await world.slot();
    await world.s3.remove(bucket, objectKey, await world.s3.remains(bucket, objectKey));
    assert.deepEqual(await told(world, [world.id, other]), [
      [world.id, { kind: 'failed', detail: 'S3 does not find the object under the key it had.' }],
      ...rekeyed([other]),
    ]);
    assert.equal((await world.h.store.keys.all(world.id)).length, 2);
    const left = await world.slot();
    assert.ok(isRekeying(left) && (await claim(world.h.services, left)), 'the service tries it again');
  });
});

describe('the command line of sealslot rekey', () => {
  const id = '018f0000-0000-7000-8000-000000000000';
  const wrong: readonly [readonly string[], RegExp][] = [
    [[], /give ids of uploads, or --all/],
    [['--all', id], /give ids of uploads, or --all/],
    [['--before', id, id], /--before goes with --all/],
    [['--all', '--before', 'yesterday'], /--before: the id of an upload/],
  ];
  for (const [args, says] of wrong) {
    it(`rekey ${args.join(' ')}: wrong usage`, () => {
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [MAIN, 'rekey', '--tenant', 'acme', ...args],
        { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
      );
      assert.equal(status, 64, stderr);
      assert.match(stderr, says);
      assert.equal(stdout, '');
    });
  }
});
