import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Said } from '../../../../src/doctor/ask.ts';
import type { Finding } from '../../../../src/doctor/finding.ts';
import { examineLeftovers } from '../../../../src/doctor/bucket/leftovers.ts';

const NOW = Date.parse('2026-01-02T12:00:00Z');

function examine(status: number, ...times: readonly string[]): Promise<Finding[]> {
  const body = times.map((time) => `<Contents><LastModified>${time}</LastModified></Contents>`).join('');
  const said: Said = { status, headers: {}, body, code: '' };
  return Array.fromAsync(
    examineLeftovers({ now: () => NOW, ask: async () => said }, { subject: 'bucket b' }),
  );
}

describe('what earlier runs have left', () => {
  it('is noted when it is older than any run, and another run’s canaries are not', async () => {
    const young = '2026-01-02T11:59:00.000Z';
    const [none] = await examine(200, young);
    assert.equal(none?.outcome, 'ok');
    const [some] = await examine(200, young, '2026-01-02T10:00:00.000Z', '2025-12-31T00:00:00.000Z');
    assert.equal(some?.outcome, 'note');
    assert.match(some.found, /^2 objects .* below \.sealslot-doctor\//);
  });

  it('is not spoken of where it cannot be listed', async () => {
    assert.deepEqual(await examine(403), []);
  });
});
