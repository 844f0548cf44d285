import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KekCondition } from '../../../src/custody/port.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { createMetrics } from '../../../src/http/metrics.ts';

const KEK = { wrapperId: 'kms', kekId: 'arn' } as const;

describe('metrics', () => {
  it('count failures from 0 on, so that the first shows as an increase', async () => {
    const metrics = createMetrics();
    const { registry } = metrics;
    const before = await registry.metrics();
    assert.match(before, /sealslot_slots_total\{outcome="rekey_failed"\} 0\n/);
    assert.match(before, /sealslot_dependency_errors_total\{dependency="custody"\} 0\n/);
    metrics.failure(new DependencyUnavailable('custody', undefined));
    assert.match(await registry.metrics(), /sealslot_dependency_errors_total\{dependency="custody"\} 1\n/);
  });

  it('show KEKs and a deletion that is pending at the first scrape, and no more when it is cancelled', async () => {
    let keks: readonly KekCondition[] = [
      { ...KEK, state: 'pending_deletion', deletionAt: 1_800_000_000_500 },
      { ...KEK, kekId: 'later', state: 'pending_deletion', deletionAt: 1_900_000_000_000 },
    ];
    const metrics = createMetrics();
    const { registry } = metrics;
    metrics.watchKeks(async () => keks);
    const first = await registry.metrics();
    assert.match(first, /sealslot_kek_deletion_timestamp_seconds\{wrapper="kms"\} 1800000000\.5\n/);
    assert.match(first, /sealslot_keks\{wrapper="kms",state="pending_deletion"\} 2\n/);
    keks = [{ ...KEK, state: 'unknown', detail: 'no answer' }];
    const second = await registry.metrics();
    assert.doesNotMatch(second, /sealslot_kek_deletion_timestamp_seconds\{/);
    assert.doesNotMatch(second, /state="pending_deletion"/);
    assert.match(second, /sealslot_keks\{wrapper="kms",state="unknown"\} 1\n/);
  });
});
