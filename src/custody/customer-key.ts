import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Redacted } from '../redacted.ts';

const KEY_BYTES = 32;

/** The 32 secret bytes of one object. Prints as `[redacted]`. */
export class CustomerKey extends Redacted {
  readonly #bytes: Buffer;
  #isErased = false;

  private constructor(bytes: Buffer) {
    super();
    this.#bytes = bytes;
  }

  static generate(): CustomerKey {
    return new CustomerKey(randomBytes(KEY_BYTES));
  }

  /** @param bytes 32 raw bytes; copied. */
  static fromBytes(bytes: Uint8Array): CustomerKey {
    if (bytes.length !== KEY_BYTES) throw new RangeError(`a customer key has ${KEY_BYTES} bytes`);
    return new CustomerKey(Buffer.from(bytes));
  }

  /** Raw bytes, for wrapping. Do not keep. Throws once erased: nothing may be wrapped under zeros. */
  bytes(): Buffer {
    if (this.#isErased) throw new Error('the key has been erased');
    return this.#bytes;
  }

  /** Overwrites the bytes. The key is of no use from then on. */
  erase(): void {
    this.#isErased = true;
    this.#bytes.fill(0);
  }

  equals(other: CustomerKey): boolean {
    return timingSafeEqual(this.bytes(), other.bytes());
  }

  /** base64 of the MD5 of the raw key: a transport check that S3 demands, and what its answers name the key by. */
  md5(): string {
    return hash('md5', this.bytes(), 'base64');
  }

  /**
   * The three SSE-C request headers, names in lower case.
   * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
   */
  headers(): SseCustomerHeaders {
    return {
      'x-amz-server-side-encryption-customer-algorithm': 'AES256',
      'x-amz-server-side-encryption-customer-key': this.bytes().toString('base64'),
      'x-amz-server-side-encryption-customer-key-md5': this.md5(),
    };
  }
}

export interface SseCustomerHeaders {
  'x-amz-server-side-encryption-customer-algorithm': string;
  'x-amz-server-side-encryption-customer-key': string;
  'x-amz-server-side-encryption-customer-key-md5': string;
}
