import { createHmac } from 'node:crypto';
import type { Secret } from '../secret.ts';
import type { OutboxMessage } from '../store/port.ts';

/**
 * The headers of Standard Webhooks 1.0: one signature for each secret, so that a receiver which knows one of them can verify.
 * @param secrets raw bytes in base64.
 * @param at of this attempt, in milliseconds: receivers refuse what is minutes old.
 */
export function signatureHeaders(
  secrets: readonly Secret[],
  { id, payload }: Pick<OutboxMessage, 'id' | 'payload'>,
  at: number,
): Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>> {
  const timestamp = String(Math.floor(at / 1000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.reveal(), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${payload}`).digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
