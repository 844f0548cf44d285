import { createHash } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import type { AwsKmsConfig } from '../../config/config.ts';
import { DependencyUnavailable } from '../../errors.ts';
import { encodeContext } from '../context.ts';
import { CustomerKey } from '../customer-key.ts';
import { KeyNotMine } from '../errors.ts';
import type { KeyPlace, KeyWrapper, WrappedKey } from '../port.ts';
import { ofOneAccount } from './aws-kms/arn.ts';
import type { RequestHandler } from './aws-kms/client.ts';
import { refused } from './aws-kms/failure.ts';
import { Kek } from './aws-kms/kek.ts';
import { openKms, type Binding } from './aws-kms/kms.ts';

const KEY_BYTES = 32;
/** What KMS takes at most. */
const LONGEST_CIPHERTEXT = 6144;

export interface AwsKmsWrapperOptions {
  readonly id: string;
  readonly config: AwsKmsConfig;
  readonly now?: Clock;
  /** What carries the calls in place of the network. */
  readonly requestHandler?: RequestHandler;
}

/**
 * Wraps under a key of AWS KMS, which never leaves it. The KEK's id is its ARN.
 * @throws PackageMissing. @throws KeyRefused when KMS says that the KEK is not there, not for this service or not for encryption. A KMS
 * that does not answer is asked again at first use.
 */
export async function awsKmsWrapper(options: AwsKmsWrapperOptions): Promise<KeyWrapper> {
  const { id, config, now = Date.now, requestHandler } = options;
  const kms = await openKms(id, config, requestHandler);
  const kek = new Kek(kms, config.keyId, now);
  await kek.arn().catch((error: unknown) => {
    if (error instanceof DependencyUnavailable) return;
    kms.close();
    throw error;
  });

  /** Which of the account's keys may be used, IAM decides. Another account's key may have been put there by whoever writes to the store. */
  async function bindingOf({ wrapperId, kekId, bytes }: WrappedKey, place: KeyPlace): Promise<Binding> {
    if (wrapperId !== id) throw new KeyNotMine('The key was wrapped by another wrapper.');
    if (!ofOneAccount(kekId, await kek.arn())) {
      throw new KeyNotMine('The key was wrapped under a KEK of another account or region.');
    }
    if (bytes.length === 0 || bytes.length > LONGEST_CIPHERTEXT) throw refused('wrong_form', kms.at(kekId));
    return binding(kekId, place);
  }

  function binding(keyArn: string, place: KeyPlace): Binding {
    const hash = createHash('sha256').update(encodeContext(id, keyArn, place));
    // Readable in CloudTrail, so only a hash stands for the object key: that holds a file's name.
    const context = { tenant: place.tenant, slot: place.slot, v: '1', ctx: hash.digest('base64url') };
    return { keyArn, context };
  }

  return {
    id,

    // Encrypt, not GenerateDataKey: it is one call either way, and keys are made in one place, whatever wraps them.
    async wrap(key, place) {
      const under = binding(await kek.arn(), place);
      return { wrapperId: id, kekId: under.keyArn, bytes: await kms.encrypt(key.bytes(), under) };
    },

    async unwrap(wrapped, place) {
      const plaintext = await kms.decrypt(wrapped.bytes, await bindingOf(wrapped, place));
      try {
        if (plaintext.length !== KEY_BYTES) throw refused('wrong_form', kms.at(wrapped.kekId));
        return CustomerKey.fromBytes(plaintext);
      } finally {
        plaintext.fill(0);
      }
    },

    async rewrap(wrapped, place) {
      const from = await bindingOf(wrapped, place);
      const to = binding(await kek.arn(), place);
      return { wrapperId: id, kekId: to.keyArn, bytes: await kms.reEncrypt(wrapped.bytes, from, to) };
    },

    isCurrent: async ({ wrapperId, kekId }) => wrapperId === id && kekId === (await kek.arn()),

    keks: async () => [{ wrapperId: id, ...(await kek.condition()) }],

    close: () => kms.close(),
  };
}
