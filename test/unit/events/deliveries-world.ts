import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { mock } from 'node:test';
import type { WebhookConfig } from '../../../src/config/config.ts';
import type { Outcome } from '../../../src/events/attempt.ts';
import { createDeliveries, type Deliveries, type DeliveriesOptions } from '../../../src/events/deliveries.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { Secret } from '../../../src/secret.ts';
import {
  UPLOAD_EVENTS,
  type OutboxMessage,
  type OutboxStore,
  type QueuedMessage,
} from '../../../src/store/port.ts';
import { insertOne, messageOf, uploadOf } from '../../contract/store-rows.ts';
import { makeCa } from '../../support/ca.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, TENANT, type Harness } from '../../support/harness.ts';
import { startReceiver, type Received, type Receiver } from '../../support/receiver.ts';

export const SECRET = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

export interface World extends AsyncDisposable {
  readonly h: Harness;
  readonly receiver: Receiver;
  readonly deliveries: Deliveries;
  /** Of each attempt in its order: webhook, and what was noted. */
  readonly attempts: readonly (readonly [webhook: string, outcome: Outcome])[];
  readonly errors: readonly unknown[];
  /** So many claims fail. */
  failClaims: number;
  /** When so many attempts have been noted. */
  noted(count: number): Promise<void>;
  /** When it has looked so often, and sleeps. */
  looked(count: number): Promise<void>;
  /** Into the outbox by the commit of slot `slot`. */
  put(slot: number, ...messages: OutboxMessage[]): Promise<void>;
  message(id: string): Promise<QueuedMessage | undefined>;
  /** Time passes, and the service looks. */
  pass(milliseconds: number): void;
  /** As a stock library does at this moment of the injected clock. */
  verify(received: Received, secret?: string): unknown;
}

/** `createDeliveries` on a real store with an injected clock, and webhooks `crm`, `erp` and `shut` at one receiver. */
export async function makeWorld(
  options: DeliveriesOptions & { intervalSeconds?: number } = {},
): Promise<World> {
  const { intervalSeconds = 3600, ...forDeliveries } = options;
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-deliveries-'));
  const ca = await makeCa(dir);
  const receiver = await startReceiver(ca);
  const hook = (path: string, allowedAddresses = ['127.0.0.0/8']): WebhookConfig => ({
    url: new URL(`https://localhost:${receiver.port}/${path}`),
    secrets: [new Secret(SECRET)],
    events: UPLOAD_EVENTS,
    allowedAddresses,
    ca: ca.caPem,
  });
  const webhooks = { crm: hook('crm'), erp: hook('erp'), shut: hook('shut', []) };
  const h = await makeHarness({
    target: fakeTarget(new FakeObjectStore()),
    tenants: { acme: { ...TENANT, webhooks } },
  });
  const attempts: [string, Outcome][] = [];
  const errors: unknown[] = [];
  let looks = 0;
  const waiting = new Set<() => void>();
  const tell = (): void => waiting.forEach((look) => look());
  const until = (isSo: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (isSo()) resolve();
      };
      waiting.add(look);
      look();
    });
  const outbox: OutboxStore = {
    ...h.store.outbox,
    claim: (...asked) =>
      world.failClaims-- > 0
        ? Promise.reject(new DependencyUnavailable('store', undefined))
        : h.store.outbox.claim(...asked),
    // What it asks last before it sleeps.
    async nextAttemptAt() {
      const next = await h.store.outbox.nextAttemptAt();
      looks += 1;
      setImmediate(tell);
      return next;
    },
  };
  const services = {
    ...h.services,
    config: { ...h.services.config, jobs: { intervalSeconds } },
    store: { ...h.store, outbox },
  };
  const deliveries = createDeliveries(
    () => services,
    (error) => errors.push(error),
    {
      random: () => 0,
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      ...forDeliveries,
      onAttempt({ webhook }, outcome) {
        attempts.push([webhook, outcome]);
        tell();
      },
    },
  );
  const insertOnce = new Map<number, Promise<unknown>>();
  const world: World = {
    ...{ h, receiver, deliveries, attempts, errors, failClaims: 0 },
    noted: (count) => until(() => attempts.length >= count),
    looked: (count) => until(() => looks >= count),
    async put(slot, ...messages) {
      const upload = uploadOf(slot);
      if (!insertOnce.has(slot)) insertOnce.set(slot, insertOne(h.store, upload));
      await insertOnce.get(slot);
      const changed = await h.store.uploads.update(upload.id, ['issued'], {}, undefined, messages);
      if (changed === undefined) throw new Error('the slot is not there');
    },
    message: async (id) => (await h.store.outbox.list({ limit: 1000 })).find((one) => one.id === id),
    pass(milliseconds) {
      h.clock.now += milliseconds;
      deliveries.wake();
    },
    verify({ headers, body }, secret = SECRET) {
      const clock = mock.method(Date, 'now', () => h.clock.now);
      try {
        return new Webhook(secret).verify(body, headers as Record<string, string>);
      } finally {
        clock.mock.restore();
      }
    },
    async [Symbol.asyncDispose]() {
      await receiver[Symbol.asyncDispose]();
      await deliveries.stop();
      await h[Symbol.asyncDispose]();
      await rm(dir, { recursive: true });
    },
  };
  return world;
}

/** Due now. */
export function dueMessage({ h }: World, n: number, changes: Partial<OutboxMessage> = {}): OutboxMessage {
  return messageOf(n, { createdAt: h.clock.now, ...changes });
}
