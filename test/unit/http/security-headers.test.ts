import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, it } from 'node:test';
import helmet from 'helmet';
import { securityHeaders } from '../../../src/http/security-headers.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness } from '../../support/harness.ts';

describe('the headers against what browsers do by themselves', () => {
  it('are helmet’s, each time', () => {
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    helmet()(new IncomingMessage(new Socket()), response, (error) => assert.equal(error, undefined));
    assert.deepEqual(securityHeaders(), response.getHeaders());
    assert.ok(Object.keys(securityHeaders()).length >= 12);
  });

  it('stand on answers of every kind', async () => {
    await using h = await makeHarness({ target: fakeTarget(new FakeObjectStore()) });
    const token = await h.token();
    const answers = [
      await h.call('POST', '/v1/uploads', { token, body: { contentType: 'text/plain', size: 1 } }),
      await h.call('GET', '/v1/uploads/nothing', { token }),
      await h.call('GET', '/v1/nowhere'),
      await h.call('DELETE', '/v1/uploads', { token }),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 400, 404, 405],
    );
    for (const { headers, status } of answers)
      for (const [name, value] of Object.entries(securityHeaders()))
        if (name !== 'cross-origin-resource-policy')
          assert.equal(headers[name], value, `${name} of a ${status}`);
  });
});
