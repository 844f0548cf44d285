import type { AwsCredentials } from '../../src/s3/credentials.ts';
import type { FormRequest, SignRequest } from '../../src/s3/port.ts';

/** Numbers that a seed determines (mulberry32). */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1);
  }

  /** From 0 up to `limit`, without it. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  text(pieces: readonly string[], atMost: number): string {
    return Array.from({ length: this.below(atMost + 1) }, () => this.pick(pieces)).join('');
  }

  /** Some of them, in any order. */
  some<T>(from: readonly T[], atMost: number): T[] {
    return Array.from({ length: this.below(atMost + 1) }, () => this.pick(from));
  }
}

const PRINTABLE = Array.from({ length: 0x7f - 0x20 }, (_, index) => String.fromCharCode(0x20 + index));
const BEYOND_ASCII = ['ü', 'ß', 'é', 'e\u0301', '日', '本', '😀', '\u00a0', '\u2028', 'ሴ', '\u202e', '👩‍👧'];
const IN_OBJECT_KEYS = [
  ...PRINTABLE,
  ...BEYOND_ASCII,
  '//',
  '/',
  '/',
  '%2F',
  '+',
  '  ',
  '~',
  '\t',
  '\n',
  '\u007f',
  '\0',
];
const IN_VALUES = [...PRINTABLE, ...BEYOND_ASCII, ' ', '  ', '\t', ' \t ', '\n', '\r\n ', '"a  b"'];

export const ENDPOINTS = [
  'https://s3.eu-central-1.amazonaws.com',
  'https://127.0.0.1:9000',
  'https://s3.example:8443',
  'http://minio.internal:80',
  'http://[::1]:9000',
  'https://gateway.example/under/s3',
];
export const REGIONS = ['us-east-1', 'eu-central-1', 'garage'];

/** Some share an id, some a secret; each differs from all others. */
export const IDENTITIES: readonly AwsCredentials[] = [
  { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
  { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'another+secret/of=the same id' },
  { accessKeyId: 'other/id+with=signs', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
  {
    accessKeyId: 'ASIATEMPORARY',
    secretAccessKey: 'ß',
    sessionToken: 'IQoJb3JpZ2luX2Vj//////////wEaCXVzL+E=',
  },
  { accessKeyId: 'ASIATEMPORARY', secretAccessKey: 'ß', sessionToken: 'a later token' },
  { accessKeyId: 'minioadmin', secretAccessKey: 'minioadmin', sessionToken: 'e'.repeat(900) + '.-_~' },
];

const BUCKETS = ['uploads', 'a-bucket-7', 'with.dots', 'b-1'];
const METHODS = ['GET', 'PUT', 'HEAD', 'POST', 'DELETE'] as const;

/** Among them those that the SDK leaves unsigned unless it is told otherwise. */
const HEADERS = [
  ...[
    'content-type',
    'content-length',
    'content-md5',
    'content-encoding',
    'content-disposition',
    'cache-control',
  ],
  ...[
    'if-none-match',
    'if-match',
    'range',
    'expires',
    'user-agent',
    'connection',
    'te',
    'sec-fetch-mode',
    'proxy-x',
  ],
  ...['x-amz-server-side-encryption-customer-algorithm', 'x-amz-server-side-encryption-customer-key'],
  ...['x-amz-server-side-encryption-customer-key-md5', 'x-amz-checksum-sha256', 'x-amz-checksum-crc32c'],
  ...[
    'x-amz-meta-a',
    'x-amz-meta-a-b',
    'x-amz-meta-a.b',
    'x-amz-meta-_~',
    'x-amz-tagging',
    'x-amz-copy-source',
    'x',
  ],
];
const PARAMETERS = [
  ...[
    'versionId',
    'partNumber',
    'uploadId',
    'response-content-disposition',
    'response-content-type',
    'response-expires',
  ],
  ...[
    'a',
    'a-b',
    'a.b',
    'a_b',
    'A',
    'Z',
    '~',
    'X-Amz-A',
    'X-Amz-Signed',
    'X-Amz-Zone',
    'x-id',
    'x-amz-a',
    'ü',
    'a b',
    '+',
    '😀',
  ],
];

/** The same for the same seed, everywhere. */
export interface SigningCase {
  readonly seed: number;
  readonly endpoint: string;
  readonly region: string;
  readonly pathStyle: boolean;
  readonly identity: AwsCredentials;
  readonly seconds: number;
  /** Milliseconds since the epoch; often next to a change of the day. */
  readonly now: number;
  readonly request: SignRequest;
}

export function signingCase(seed: number): SigningCase {
  const random = new Seeded(seed);
  const midnight = Date.UTC(2024, 0, random.below(1_000));
  return {
    seed,
    endpoint: random.pick(ENDPOINTS),
    region: random.pick(REGIONS),
    pathStyle: random.below(2) === 0,
    identity: random.pick(IDENTITIES),
    seconds: random.pick([1, 60, 900, 604_800, 1 + random.below(604_800)]),
    now: midnight + random.pick([0, -1, 1, -1_000, 999, random.below(86_400_000)]),
    request: {
      method: random.pick(METHODS),
      bucket: random.pick(BUCKETS),
      objectKey: random.text(IN_OBJECT_KEYS, random.pick([4, 20, 200])),
      headers: withValues(random, random.some(HEADERS, 12)),
      ...(random.below(2) === 0 && { query: withValues(random, random.some(PARAMETERS, 5)) }),
    },
  };
}

/** As the case of the same seed, but for the request. */
export function formCase(seed: number): Omit<SigningCase, 'request'> & { request: FormRequest } {
  const { request, ...others } = signingCase(seed);
  const random = new Seeded(-seed);
  const fields = random.some([...HEADERS, 'Content-Type', 'success_action_status', 'tagging'], 12);
  const { bucket, objectKey } = request;
  return {
    ...others,
    request: { bucket, objectKey, fields: withValues(random, fields), size: random.below(2 ** 40) },
  };
}

function withValues(random: Seeded, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, random.text(IN_VALUES, random.pick([3, 30]))]));
}
