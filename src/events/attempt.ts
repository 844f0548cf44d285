import type { OutboxStore, QueuedMessage } from '../store/port.ts';
import type { Services } from '../uploads/services.ts';
import type { Resolve } from './addresses.ts';
import { waitAfter } from './back-off.ts';
import { ENDED, send, type Answer } from './send.ts';
import { signatureHeaders } from './signature.ts';

/** What is noted of an attempt in the outbox. */
export type Outcome = Parameters<OutboxStore['note']>[1];

export interface AttemptOptions {
  readonly random: () => number;
  readonly resolve: Resolve;
  /** Instead of 15 s. */
  readonly timeoutMs?: number;
  /** Ends it early: then its message is due again at once, for whoever serves on. */
  readonly stop?: AbortSignal;
}

/** Sends a message once to its webhook, as the configuration has it now. */
export async function attempt(
  { config, now }: Services,
  message: QueuedMessage,
  { random, ...sending }: AttemptOptions,
): Promise<Outcome> {
  const { tenant, webhook: name, payload: body } = message;
  const webhooks = Object.hasOwn(config.tenants, tenant) ? config.tenants[tenant]?.webhooks : undefined;
  const webhook = webhooks !== undefined && Object.hasOwn(webhooks, name) ? webhooks[name] : undefined;
  if (webhook === undefined) {
    return { state: 'dead', endedAt: now(), lastFailure: 'the webhook is not in the configuration' };
  }
  const headers = signatureHeaders(webhook.secrets, message, now());
  const answer = await send(webhook, { ...sending, headers, body });
  if ('failure' in answer && answer.failure === ENDED)
    return { state: 'pending', nextAttemptAt: now(), lastFailure: ENDED };
  return judge(message.attempts, answer, now(), random);
}

/** Only 2xx is delivered. 410 is the receiver's word that it wants no more of them. */
export function judge(attempts: number, answer: Answer, now: number, random: () => number): Outcome {
  const status = 'status' in answer ? answer.status : undefined;
  if (status !== undefined && status >= 200 && status < 300) return { state: 'delivered', endedAt: now };
  const lastFailure = 'failure' in answer ? answer.failure : `answered ${answer.status}`;
  const mayAskForTime = status === 429 || status === 503;
  const least = 'status' in answer && mayAskForTime ? answer.retryAfterSeconds : undefined;
  const wait = status === 410 ? undefined : waitAfter(attempts, random, least);
  if (wait === undefined) return { state: 'dead', endedAt: now, lastFailure };
  return { state: 'pending', nextAttemptAt: Math.ceil(now + wait), lastFailure };
}
