import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FileChanged, S3Refusal, ServiceProblem, Unreachable } from '../../../../src/client/errors.ts';
import { LOCALE, wordFor, type Word } from '../../../../src/client/uppy/words.ts';

const problem = (status: number, code: string): ServiceProblem => new ServiceProblem(status, { code });

const CASES: readonly (readonly [unknown, Word])[] = [
  [new Unreachable('S3', 'x'), 'sealslotStorageUnreachable'],
  [new Unreachable('S3', 'x', { likely: 'cors' }), 'sealslotStorageUnreachable'],
  [new Unreachable('service', 'x', { likely: 'untrusted_or_down' }), 'sealslotServiceUnreachable'],
  [new Unreachable('service', 'x', { likely: 'offline' }), 'sealslotOffline'],
  [new S3Refusal(403, 'AccessDenied'), 'sealslotStorageRefused'],
  [new FileChanged('x'), 'sealslotFileChanged'],
  [problem(422, 'mismatch'), 'sealslotNotAsChosen'],
  [problem(422, 'policy_refused'), 'sealslotNotAllowed'],
  [problem(400, 'invalid_request'), 'sealslotNotAllowed'],
  [problem(413, 'body_too_large'), 'sealslotNotAllowed'],
  [problem(401, 'unauthenticated'), 'sealslotSignedOut'],
  [problem(403, 'insufficient_scope'), 'sealslotSignedOut'],
  [problem(403, 'grant_exhausted'), 'sealslotEnough'],
  [problem(403, 'grant_expired'), 'sealslotEnough'],
  [problem(503, 'dependency_unavailable'), 'sealslotFailed'],
  [problem(409, 'still_completing'), 'sealslotFailed'],
  [new Error('x'), 'sealslotFailed'],
  ['x', 'sealslotFailed'],
];

describe('what people read in Uppy', () => {
  for (const [error, word] of CASES) {
    it(`${error instanceof Error ? `${error.name} ${error.message}` : String(error)}: ${word}`, () => {
      assert.equal(wordFor(error), word);
      assert.match(LOCALE.strings[word], /^[A-Z].*\.$/);
    });
  }
});
