import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { trust } from './support-clients.ts';
import { readAtOnce } from './support-content-load.ts';

const STREAMS = 200;
const SIZE = 50_000_000;
const MOST_KIB = 300 * 1024;

const minio = await available(() => startMinio());

describe('content for many at once', { skip: minio.skip }, () => {
  after(() => minio.stop());

  it('200 parallel streams of 50 MB within 300 MB RSS', async (t) => {
    trust(minio.get().caPem);
    await minio.get().createBucket('uploads');
    const { atOnce, right, peakKib, seconds } = await readAtOnce(minio.get(), {
      streams: STREAMS,
      size: SIZE,
      objects: 4,
    });
    t.diagnostic(`${seconds} s, at most ${Math.round(peakKib / 1024)} MiB`);
    assert.equal(atOnce, STREAMS);
    assert.equal(right, STREAMS);
    assert.ok(peakKib <= MOST_KIB, `${peakKib} KiB`);
  });
});
