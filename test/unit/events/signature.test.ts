import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { signatureHeaders } from '../../../src/events/signature.ts';
import { Secret } from '../../../src/secret.ts';

const [current = '', next = '', other = ''] = [24, 32, 64].map((bytes) =>
  randomBytes(bytes).toString('base64'),
);
const secretsOf = (...secrets: string[]) => secrets.map((secret) => new Secret(secret));
const message = { id: 'msg_1', payload: JSON.stringify({ filename: 'naïve "name".pdf' }) };

describe('signatures of webhooks', () => {
  it('are those of the specification', () => {
    // From the reference library's own tests.
    const secret = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const told = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', payload: '{"test": 2432232314}' };
    assert.deepEqual(signatureHeaders(secretsOf(secret), told, 1_614_265_330_999), {
      'webhook-id': told.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('are taken by a stock library', () => {
    const headers = signatureHeaders(secretsOf(current), message, Date.now());
    assert.deepEqual(
      new Webhook(`whsec_${current}`).verify(message.payload, headers),
      JSON.parse(message.payload),
    );
    for (const forged of [`${message.payload} `, '{}'])
      assert.throws(() => new Webhook(current).verify(forged, headers), WebhookVerificationError);
    assert.throws(
      () => new Webhook(current).verify(message.payload, { ...headers, 'webhook-id': 'msg_2' }),
      WebhookVerificationError,
    );
  });

  it('during a rotation are taken by who knows either secret, and by nobody else', () => {
    const headers = signatureHeaders(secretsOf(next, current), message, Date.now());
    for (const known of [current, next]) new Webhook(known).verify(message.payload, headers);
    assert.throws(() => new Webhook(other).verify(message.payload, headers), WebhookVerificationError);
  });

  it('are of their moment: an old one is refused', () => {
    const headers = signatureHeaders(secretsOf(current), message, Date.now() - 6 * 60_000);
    assert.throws(() => new Webhook(current).verify(message.payload, headers), /too old/);
  });
});
