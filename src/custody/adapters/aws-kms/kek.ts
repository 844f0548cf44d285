import type { KeyMetadata, KeyState } from '@aws-sdk/client-kms';
import type { Clock } from '../../../clock.ts';
import { DependencyUnavailable, SealslotError } from '../../../errors.ts';
import type { KekCondition } from '../../port.ts';
import { isKeyArn } from './arn.ts';
import { SdkFailure } from '../../../aws/sdk-failure.ts';
import { refused } from './failure.ts';
import type { Kms } from './kms.ts';

const FRESH_MS = 60_000;

type Condition = Omit<KekCondition, 'wrapperId'>;

/** The key that the configuration names: what an alias named when KMS first answered, from then on. */
export class Kek {
  readonly #kms: Kms;
  readonly #keyId: string;
  readonly #now: Clock;
  #pinned: string | undefined;
  #described: { readonly metadata: KeyMetadata; readonly until: number } | undefined;
  #asking: Promise<KeyMetadata> | undefined;

  constructor(kms: Kms, keyId: string, now: Clock) {
    this.#kms = kms;
    this.#keyId = keyId;
    this.#now = now;
  }

  /** Its ARN. */
  async arn(): Promise<string> {
    return this.#pinned ?? this.#arnOf(await this.#describe());
  }

  /** Of the last minute. */
  async condition(): Promise<Condition> {
    try {
      const last = this.#described;
      const fresh = last !== undefined && this.#now() < last.until;
      const metadata = fresh ? last.metadata : await this.#describe();
      return conditionOf(this.#arnOf(metadata), metadata);
    } catch (error) {
      return { kekId: this.#pinned ?? this.#keyId, state: 'unknown', detail: wordsOf(error) };
    }
  }

  /** One call at a time, whoever asks. */
  #describe(): Promise<KeyMetadata> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #ask(): Promise<KeyMetadata> {
    const metadata = await this.#kms.describe(this.#pinned ?? this.#keyId);
    this.#pinned ??= this.#arnOf(metadata);
    this.#described = { metadata, until: this.#now() + FRESH_MS };
    return metadata;
  }

  /** @throws KeyRefused unless it is a key for symmetric encryption: no other takes an encryption context. */
  #arnOf({ Arn, KeyUsage, KeySpec }: KeyMetadata): string {
    const isFit = KeyUsage === 'ENCRYPT_DECRYPT' && KeySpec === 'SYMMETRIC_DEFAULT';
    if (Arn === undefined || !isKeyArn(Arn) || !isFit) {
      throw refused('kek_unfit', this.#kms.at(Arn ?? this.#keyId));
    }
    return Arn;
  }
}

const STATES: Readonly<Partial<Record<KeyState, KekCondition['state']>>> = {
  Enabled: 'usable',
  // Its primary region is being changed; it can be used meanwhile.
  Updating: 'usable',
  Disabled: 'disabled',
  PendingDeletion: 'pending_deletion',
  PendingReplicaDeletion: 'pending_deletion',
};

function conditionOf(kekId: string, { KeyState, DeletionDate }: KeyMetadata): Condition {
  const state = (KeyState && STATES[KeyState]) ?? 'unknown';
  return {
    kekId,
    state,
    ...(DeletionDate && { deletionAt: DeletionDate.getTime() }),
    ...(state === 'unknown' && { detail: `AWS KMS says its state is ${KeyState ?? 'unknown'}.` }),
  };
}

function wordsOf(error: unknown): string {
  if (!(error instanceof SealslotError)) return 'AWS KMS could not be asked.';
  const said =
    error instanceof DependencyUnavailable ? 'AWS KMS does not answer as it should.' : error.message;
  return error.cause instanceof SdkFailure ? `${said} (${error.cause.code})` : said;
}
