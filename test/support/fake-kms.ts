import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { KMSClientConfig } from '@aws-sdk/client-kms';
import { DEFAULTS } from '../../src/config/defaults.ts';
import type { AwsKmsConfig } from '../../src/config/config.ts';
import { Secret } from '../../src/secret.ts';

export const KEY_ARN = 'arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-4333-8444-555555555555';
export const OTHER_ARN = 'arn:aws:kms:eu-central-1:123456789012:key/99999999-2222-4333-8444-555555555555';
export const ALIAS = 'alias/sealslot';

export type Input = Readonly<Record<string, unknown>>;

/** A call as it left the SDK. */
export interface Asked {
  readonly operation: string;
  readonly host: string;
  readonly input: Input;
}

/** A body that is neither text nor a stream is sent as JSON. An error is what the socket says. */
export type Reply = { readonly status?: number; readonly body: unknown } | Error;

export interface FakeKms {
  readonly handler: NonNullable<KMSClientConfig['requestHandler']>;
  readonly asked: Asked[];
  count(operation: string): number;
  /** Asked first; what it leaves undefined is answered as KMS does. */
  answer: ((asked: Asked) => Reply | undefined) | undefined;
  /** What the alias names. */
  aliased: string;
  /** What DescribeKey says beside the ARN. */
  metadata: Input;
  closed: boolean;
}

const USABLE = { KeyState: 'Enabled', KeyUsage: 'ENCRYPT_DECRYPT', KeySpec: 'SYMMETRIC_DEFAULT' };

/** A KMS at the HTTP handler, for the answers that moto cannot give. */
export function fakeKms(): FakeKms {
  const usual = usually();
  const kms: FakeKms = {
    handler: {
      metadata: { handlerProtocol: 'http/1.1' },
      async handle(request: { hostname: string; headers: Record<string, string>; body: Uint8Array }) {
        const call: Asked = {
          operation: String(request.headers['x-amz-target']).replace('TrentService.', ''),
          host: request.hostname,
          input: JSON.parse(new TextDecoder().decode(request.body)),
        };
        kms.asked.push(call);
        const reply = kms.answer?.(call) ?? usual(kms, call);
        if (reply instanceof Error) throw reply;
        const headers = { 'content-type': 'application/x-amz-json-1.1' };
        return { response: { statusCode: reply.status ?? 200, headers, body: streamOf(reply.body) } };
      },
      updateHttpClientConfig: () => undefined,
      httpHandlerConfigs: () => ({}),
      destroy: () => void (kms.closed = true),
    },
    asked: [],
    count: (operation) => kms.asked.filter((call) => call.operation === operation).length,
    answer: undefined,
    aliased: KEY_ARN,
    metadata: USABLE,
    closed: false,
  };
  return kms;
}

/** As KMS writes an error. */
export const kmsError = (name: string, status = 400, message = 'no'): Reply => ({
  status,
  body: { __type: name, message },
});

export const fakeKmsConfig = (changes: Partial<AwsKmsConfig> = {}): AwsKmsConfig => ({
  kind: 'aws-kms',
  keyId: ALIAS,
  region: 'eu-central-1',
  fips: false,
  endpoint: undefined,
  ca: undefined,
  credentials: {
    kind: 'static',
    accessKeyId: 'AKIA',
    secretAccessKey: new Secret('the-secret'),
    sessionToken: undefined,
  },
  ...DEFAULTS.custody,
  ...changes,
});

function streamOf(body: unknown): Readable {
  if (body instanceof Readable) return body;
  return Readable.from([Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))]);
}

/** Ciphertexts are tickets: what they stand for stays here. */
function usually(): (kms: FakeKms, asked: Asked) => Reply {
  const held = new Map<unknown, { readonly under: string; readonly plaintext: unknown }>();
  const seal = (keyId: unknown, context: unknown, plaintext: unknown): string => {
    const ticket = randomBytes(64).toString('base64');
    held.set(ticket, { under: JSON.stringify([keyId, context]), plaintext });
    return ticket;
  };
  const open = (ticket: unknown, keyId: unknown, context: unknown): unknown => {
    const found = held.get(ticket);
    return found?.under === JSON.stringify([keyId, context]) ? found.plaintext : undefined;
  };

  return (kms, { operation, input }) => {
    const { KeyId } = input;
    switch (operation) {
      case 'DescribeKey':
        return { body: { KeyMetadata: { Arn: KeyId === ALIAS ? kms.aliased : KeyId, ...kms.metadata } } };
      case 'Encrypt':
        return {
          body: { KeyId, CiphertextBlob: seal(KeyId, input['EncryptionContext'], input['Plaintext']) },
        };
      case 'Decrypt': {
        const Plaintext = open(input['CiphertextBlob'], KeyId, input['EncryptionContext']);
        if (Plaintext === undefined) return kmsError('InvalidCiphertextException');
        return { body: { KeyId, Plaintext } };
      }
      case 'ReEncrypt': {
        const { SourceKeyId, DestinationKeyId } = input;
        const plaintext = open(input['CiphertextBlob'], SourceKeyId, input['SourceEncryptionContext']);
        if (plaintext === undefined) return kmsError('InvalidCiphertextException');
        const CiphertextBlob = seal(DestinationKeyId, input['DestinationEncryptionContext'], plaintext);
        return { body: { SourceKeyId, KeyId: DestinationKeyId, CiphertextBlob } };
      }
      default:
        return kmsError('UnknownOperationException', 404);
    }
  };
}
