import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explainNoAnswer } from '../../../../src/doctor/network/no-answer.ts';
import { DependencyUnavailable } from '../../../../src/errors.ts';

describe('no answer', () => {
  const coded = (code: string, message = 'secret') => Object.assign(new Error(message), { code });

  it('is explained by the innermost cause that has a code of Node', () => {
    const wrapped = new DependencyUnavailable('s3', new Error('outer', { cause: coded('ECONNREFUSED') }));
    assert.equal(explainNoAnswer(wrapped).found, 'nothing listens there (ECONNREFUSED)');
  });

  it('has words for what may come, and never its message', () => {
    const timeout = Object.assign(new Error('secret'), { name: 'TimeoutError' });
    const told = [
      coded('EAI_AGAIN'),
      coded('EHOSTUNREACH'),
      coded('EPROTO', 'write EPROTO: wrong version number'),
      coded('EPROTO', 'write EPROTO: handshake failure'),
      coded('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'),
      coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
      timeout,
      coded('SOMETHING_ELSE'),
      'not even an error',
    ].map((error) => explainNoAnswer(error));
    assert.deepEqual(
      told.map(({ found }) => found),
      [
        'no name server answers (EAI_AGAIN)',
        'no way leads to the host (EHOSTUNREACH)',
        'no TLS is spoken there, but plain HTTP as it seems (EPROTO)',
        'the TLS handshake fails (EPROTO)',
        'the TLS handshake fails (ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION)',
        'its certificate is not accepted (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
        'no answer comes in time (ETIMEDOUT)',
        'no answer comes (SOMETHING_ELSE)',
        'no answer comes',
      ],
    );
    for (const { remedy } of told) assert.ok(remedy.length > 0 && !remedy.includes('secret'));
  });
});
