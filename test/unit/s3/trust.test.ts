import assert from 'node:assert/strict';
import { rootCertificates } from 'node:tls';
import { describe, it } from 'node:test';
import { trusted } from '../../../src/s3/trust.ts';

describe('whom a target is checked against', () => {
  const [one, other] = rootCertificates;

  it('is Node’s own choice where there is no private authority', () => {
    assert.deepEqual(trusted(undefined), {});
  });

  it('is read once for all that trust the same, and not for others', () => {
    const { secureContext } = trusted(one);
    assert.ok(secureContext !== undefined);
    assert.equal(trusted(one).secureContext, secureContext);
    assert.notEqual(trusted(other).secureContext, secureContext);
  });
});
