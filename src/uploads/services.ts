import type { Clock } from '../clock.ts';
import type { Config, TenantConfig } from '../config/config.ts';
import type { KeyPlace, KeyWrapper } from '../custody/port.ts';
import { KeyUnusable } from '../errors.ts';
import type { S3Target } from '../s3/port.ts';
import type { Store } from '../store/port.ts';
import type { LongSteps } from './long-steps.ts';
import type { Streams } from './streams.ts';
import type { Upload } from './upload.ts';

/** All a use case needs. Immutable: a reload makes another, and a request keeps the one it began with. */
export interface Services {
  readonly config: Config;
  readonly store: Store;
  /** Wraps and opens the keys of objects. */
  readonly wrapper: KeyWrapper;
  /** Wraps and opens intermediate keys; with `wrapper` the same where there is no hierarchy. */
  readonly keks: KeyWrapper;
  readonly targets: ReadonlyMap<string, S3Target>;
  readonly now: Clock;
  readonly observer: Observer;
  /** Has the background job take the next step of this slot now. */
  readonly lookAt: (upload: Upload) => void;
  /** There may be messages in the outbox: has them delivered now. */
  readonly deliver: () => void;
  readonly longSteps: LongSteps;
  readonly streams: Streams;
}

/** What is counted and timed. Never given key material. */
export interface Observer {
  timed<T>(step: 'wrap' | 'unwrap' | 'commit' | 'sign' | 's3', work: () => Promise<T>): Promise<T>;
  slot(outcome: SlotOutcome, upload: Upload): void;
}

export type SlotOutcome =
  | 'issued'
  | 'replayed'
  | 'uploaded'
  | 'rejected'
  | 'discarded'
  | 'expired'
  | 'downloaded'
  | 'read'
  | 'linked'
  | 'deleting'
  | 'deleted'
  | 'forgotten'
  | 'purged'
  | 'rekeying'
  | 'rekeyed'
  | 'rekey_failed';

/** A tenant that left the configuration keeps its slots, but nothing can be done with them until it is back. */
export function tenantOf(services: Services, name: string): TenantConfig {
  const tenant = Object.hasOwn(services.config.tenants, name) ? services.config.tenants[name] : undefined;
  if (tenant === undefined) throw new KeyUnusable(`The tenant "${name}" is not in the configuration.`);
  return tenant;
}

export function targetOf(services: Services, name: string): S3Target {
  const target = services.targets.get(name);
  if (target === undefined) throw new KeyUnusable(`The S3 target "${name}" is not in the configuration.`);
  return target;
}

/** When a slot whose key was destroyed at `at` leaves the store. */
export function endedAt({ config }: Services, at: number): number {
  return at + config.retention.endedSeconds * 1000;
}

export function placeOf(upload: Upload, generation: number): KeyPlace {
  return {
    purpose: 'object',
    tenant: upload.tenant,
    bucket: upload.bucket,
    objectKey: upload.objectKey,
    slot: upload.id,
    generation,
  };
}
