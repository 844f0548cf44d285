import { Secret } from '../../secret.ts';
import { PackageMissing } from '../errors.ts';
import { KeyFileInvalid } from '../key-export.ts';

type Age = typeof import('age-encryption');
type Encrypter = InstanceType<Age['Encrypter']>;
type Decrypter = InstanceType<Age['Decrypter']>;

/** To whom a file is closed: public recipients (`age1…`), whose identities can stay in a safe, or a passphrase. */
export type AgeRecipients = { readonly recipients: readonly string[] } | { readonly passphrase: Secret };

/** What opens a file: identities (`AGE-SECRET-KEY-…`), or a passphrase. */
export type AgeIdentities = { readonly identities: readonly Secret[] } | { readonly passphrase: Secret };

/** A recipient or an identity that is not of a form that the package knows. The detail does not quote it. */
export class AgeKeyInvalid extends KeyFileInvalid {}

/**
 * Encrypts a stream as https://age-encryption.org/v1, not read ahead of the consumer.
 * @throws AgeKeyInvalid, PackageMissing
 */
export async function encryptAge(
  plain: AsyncIterable<Uint8Array>,
  to: AgeRecipients,
): Promise<AsyncIterable<Uint8Array>> {
  const encrypter = new (await load()).Encrypter();
  if ('passphrase' in to) encrypter.setPassphrase(to.passphrase.reveal());
  else to.recipients.forEach((recipient, index) => addRecipient(encrypter, recipient, index));
  return encrypter.encrypt(ReadableStream.from(plain));
}

/**
 * Decrypts a stream. Every chunk of 64 KiB is authenticated before any of it is given out; a stream that was changed, cut short or goes
 * on behind its end throws KeyFileInvalid where that shows.
 * @throws KeyFileInvalid also when nothing here opens it; AgeKeyInvalid, PackageMissing
 */
export async function decryptAge(
  sealed: AsyncIterable<Uint8Array>,
  by: AgeIdentities,
): Promise<AsyncIterable<Uint8Array>> {
  const decrypter = new (await load()).Decrypter();
  if ('passphrase' in by) decrypter.addPassphrase(by.passphrase.reveal());
  else by.identities.forEach((identity, index) => addIdentity(decrypter, identity, index));

  const source = remembering(sealed);
  try {
    return authentic(await decrypter.decrypt(ReadableStream.from(source.bytes)), source);
  } catch (error) {
    source.rethrow();
    throw notOpened(error);
  }
}

/** Its chunks come out of the package one by one, authenticated; its own errors are told apart from those of the source. */
async function* authentic(
  plain: AsyncIterable<Uint8Array>,
  source: Source,
): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of plain) yield chunk;
  } catch {
    source.rethrow();
    throw new KeyFileInvalid(
      'From here on the file is not authentic: changed, cut short, or with something behind its end. What came before is good.',
    );
  }
}

interface Source {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** @throws what the source threw, if it did. */
  rethrow(): void;
}

function remembering(sealed: AsyncIterable<Uint8Array>): Source {
  let failure: { readonly error: unknown } | undefined;
  async function* read(): AsyncGenerator<Uint8Array, void> {
    try {
      yield* sealed;
    } catch (error) {
      failure = { error };
      throw error;
    }
  }
  return {
    bytes: read(),
    rethrow() {
      if (failure !== undefined) throw failure.error;
    },
  };
}

/** The package's words decide nothing but our own words, and are not passed on: they may quote what they are about. */
function notOpened(error: unknown): KeyFileInvalid {
  const words = error instanceof Error ? error.message : '';
  if (words.startsWith('no identity matched')) {
    return new KeyFileInvalid('Neither this identity nor this passphrase opens the file.');
  }
  return new KeyFileInvalid('It is no age file, in its binary form, or its header was changed.');
}

function addRecipient(encrypter: Encrypter, recipient: string, index: number): void {
  try {
    encrypter.addRecipient(recipient);
  } catch {
    throw new AgeKeyInvalid(`Recipient ${index + 1} must be one that age-keygen prints: age1….`);
  }
}

function addIdentity(decrypter: Decrypter, identity: Secret, index: number): void {
  try {
    decrypter.addIdentity(identity.reveal());
  } catch {
    throw new AgeKeyInvalid(`Identity ${index + 1} must be one that age-keygen makes: AGE-SECRET-KEY-….`);
  }
}

async function load(): Promise<Age> {
  try {
    return await import('age-encryption');
  } catch (cause) {
    throw new PackageMissing(
      'Files of keys need the package age-encryption: npm install age-encryption beside sealslot; npm install -g age-encryption for a global one.',
      {
        cause,
      },
    );
  }
}
