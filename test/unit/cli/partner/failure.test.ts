import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { S3Refusal, ServiceProblem } from '../../../../src/client/errors.ts';
import { unreachable } from '../../../../src/client/node/unreachable.ts';
import { exitCodeOf, exitCodeOfAll, stopsAll } from '../../../../src/cli/partner/failure.ts';

const refused = (status: number, code: string) => new ServiceProblem(status, { code, detail: '' });
const dead = (peer: 'service' | 'S3') => unreachable(peer, new Error('x'));

describe('exit codes', () => {
  for (const [error, code, stops] of [
    [refused(401, 'unauthenticated'), 77, true],
    [refused(403, 'insufficient_scope'), 77, true],
    [refused(403, 'not_slot_owner'), 77, false],
    [refused(422, 'policy_refused'), 65, false],
    [refused(503, 'dependency_unavailable'), 75, true],
    [refused(500, 'key_unusable'), 75, false],
    [refused(409, 'not_arrived'), 75, false],
    [dead('service'), 75, true],
    [dead('S3'), 75, false],
    [unreachable('S3', Object.assign(new Error('x'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })), 65, false],
    [new S3Refusal(403, 'AccessDenied'), 65, false],
    [new S3Refusal(503, 'SlowDown'), 75, false],
  ] as const) {
    it(`${error.message || error.code} is ${code}${stops ? ', and stops all' : ''}`, () => {
      assert.equal(exitCodeOf(error), code);
      assert.equal(stopsAll(error), stops);
    });
  }

  it('of many files: theirs when they agree, else 1', () => {
    assert.equal(exitCodeOfAll([]), 0);
    assert.equal(exitCodeOfAll([65, 65]), 65);
    assert.equal(exitCodeOfAll([65, 75]), 1);
  });
});
