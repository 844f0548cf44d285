import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMetrics } from '../../../src/http/metrics.ts';

describe('metrics of webhooks', () => {
  it('count attempts from 0 on', async () => {
    const metrics = createMetrics();
    const { registry } = metrics;
    for (const outcome of ['delivered', 'failed', 'dead'])
      assert.match(
        await registry.metrics(),
        new RegExp(`sealslot_webhook_attempts_total\\{outcome="${outcome}"\\} 0\n`),
      );
    metrics.webhookAttempt('dead');
    assert.match(await registry.metrics(), /sealslot_webhook_attempts_total\{outcome="dead"\} 1\n/);
  });

  it('show what is in the outbox at each scrape, and nothing when the store does not say', async () => {
    let counts: Record<'pending' | 'dead', number> | undefined = {
      pending: 3,
      dead: 1,
    };
    const metrics = createMetrics();
    const { registry } = metrics;
    metrics.watchMessages(async () => counts ?? Promise.reject(new Error('the store is gone')));
    const shown = await registry.metrics();
    for (const [state, count] of Object.entries(counts))
      assert.match(shown, new RegExp(`sealslot_webhook_messages\\{state="${state}"\\} ${count}\n`));
    counts = undefined;
    const without = await registry.metrics();
    assert.doesNotMatch(without, /sealslot_webhook_messages\{/);
    assert.match(without, /sealslot_slots_total\{/);
  });
});
