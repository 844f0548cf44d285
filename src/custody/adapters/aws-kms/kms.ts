import type { KeyMetadata } from '@aws-sdk/client-kms';
import { failuresOf, SdkFailure } from '../../../aws/sdk-failure.ts';
import type { AwsKmsConfig } from '../../../config/config.ts';
import { loadSdk, sdkClient, type RequestHandler } from './client.ts';
import { explained, refused, unavailable } from './failure.ts';

const ALGORITHM = 'SYMMETRIC_DEFAULT';

/** A key and what its ciphertext is bound to. */
export interface Binding {
  readonly keyArn: string;
  readonly context: Record<string, string>;
}

/** The four calls of AWS KMS that custody needs. All fail as a `KeyWrapper` does. */
export interface Kms {
  /** How messages about a key begin. */
  at(keyId: string): string;
  /** @param keyId ARN, alias ARN, id or `alias/…`. */
  describe(keyId: string): Promise<KeyMetadata>;
  encrypt(plaintext: Uint8Array, under: Binding): Promise<Uint8Array>;
  /** @returns the plaintext, for the caller to overwrite. */
  decrypt(ciphertext: Uint8Array, under: Binding): Promise<Uint8Array>;
  /** Decrypts and encrypts inside KMS. */
  reEncrypt(ciphertext: Uint8Array, from: Binding, to: Binding): Promise<Uint8Array>;
  close(): void;
}

/** @param id of the wrapper, for messages. @throws PackageMissing. */
export async function openKms(
  id: string,
  config: AwsKmsConfig,
  requestHandler?: RequestHandler,
): Promise<Kms> {
  const sdk = await loadSdk();
  const client = sdkClient(sdk, config, requestHandler);
  const failure = failuresOf('KmsFailure', (error) => error instanceof sdk.KMSServiceException);

  const at = (keyId: string): string => `custody.wrappers.${id} (${keyId})`;

  async function answer<T>(keyId: string, call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      throw explained(failure(error), at(keyId));
    }
  }

  /** KMS names the key that it used: a key opened by another than the stored one has been relabelled. */
  function assertSame(used: string | undefined, asked: string): void {
    if (present(asked, used) !== asked) throw refused('not_authentic', at(asked));
  }

  function present<T>(keyId: string, member: T | undefined): T {
    if (member !== undefined) return member;
    throw unavailable(
      new SdkFailure('KmsFailure', 'the answer lacks what was asked for', 'Unreadable', 200),
      at(keyId),
    );
  }

  return {
    at,

    async describe(KeyId) {
      const { KeyMetadata } = await answer(KeyId, client.send(new sdk.DescribeKeyCommand({ KeyId })));
      return present(KeyId, KeyMetadata);
    },

    async encrypt(Plaintext, { keyArn: KeyId, context: EncryptionContext }) {
      const input = { KeyId, Plaintext, EncryptionContext, EncryptionAlgorithm: ALGORITHM } as const;
      const { CiphertextBlob, KeyId: by } = await answer(KeyId, client.send(new sdk.EncryptCommand(input)));
      assertSame(by, KeyId);
      return present(KeyId, CiphertextBlob);
    },

    async decrypt(CiphertextBlob, { keyArn: KeyId, context: EncryptionContext }) {
      const input = { KeyId, CiphertextBlob, EncryptionContext, EncryptionAlgorithm: ALGORITHM } as const;
      const { Plaintext, KeyId: by } = await answer(KeyId, client.send(new sdk.DecryptCommand(input)));
      assertSame(by, KeyId);
      return present(KeyId, Plaintext);
    },

    async reEncrypt(CiphertextBlob, from, to) {
      const command = new sdk.ReEncryptCommand({
        CiphertextBlob,
        SourceKeyId: from.keyArn,
        SourceEncryptionContext: from.context,
        SourceEncryptionAlgorithm: ALGORITHM,
        DestinationKeyId: to.keyArn,
        DestinationEncryptionContext: to.context,
        DestinationEncryptionAlgorithm: ALGORITHM,
      });
      const { CiphertextBlob: moved, SourceKeyId, KeyId } = await answer(from.keyArn, client.send(command));
      assertSame(SourceKeyId, from.keyArn);
      assertSame(KeyId, to.keyArn);
      return present(to.keyArn, moved);
    },

    close: () => client.destroy(),
  };
}
