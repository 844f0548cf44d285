import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reachesElsewhere } from '../../../../src/cli/serve/safety-gate.ts';
import type { Config, TargetConfig, TenantConfig } from '../../../../src/config/config.ts';

const main = {} as TargetConfig;
const tenant = (bucket: string, target = 'main') => ({ target, bucket }) as TenantConfig;
const configOf = (
  tenants: Record<string, TenantConfig>,
  targets: Record<string, TargetConfig> = { main },
): Config => ({ tenants, s3: { targets } }) as unknown as Config;
const inForce = configOf({ acme: tenant('a'), globex: tenant('b') });

describe('a reload is examined', () => {
  it('not when it only takes away, or lets another tenant into an examined bucket', () => {
    assert.equal(reachesElsewhere(inForce, inForce), false);
    assert.equal(reachesElsewhere(inForce, configOf({ acme: tenant('a') })), false);
    assert.equal(reachesElsewhere(inForce, configOf({ acme: tenant('b'), initech: tenant('a') })), false);
  });

  it('when a bucket is new, when its target is another, and when the target has new credentials', () => {
    assert.equal(reachesElsewhere(inForce, configOf({ acme: tenant('c') })), true);
    const two = { main, archive: {} as TargetConfig };
    assert.equal(reachesElsewhere(inForce, configOf({ acme: tenant('a', 'archive') }, two)), true);
    // An unchanged target stays the same object through a reload.
    assert.equal(reachesElsewhere(inForce, configOf({ acme: tenant('a') }, { main: { ...main } })), true);
  });
});
