import { randomBytes, randomUUID } from 'node:crypto';
import type { TenantConfig } from '../../src/config/config.ts';
import { KeyUnusable } from '../../src/errors.ts';
import type { S3Target } from '../../src/s3/port.ts';
import { createTarget } from '../../src/s3/adapters/target.ts';
import type { Upload } from '../../src/uploads/upload.ts';
import { makeHarness, TENANT, type Harness, type Json } from '../support/harness.ts';
import { waitUntil } from '../support/processes.ts';
import type { S3Server } from '../support/s3-server.ts';
import { targetConfigOf } from '../support/s3-target.ts';
import { sendByFetch, type WireRequest } from './support-clients.ts';

/** The production app in front of a real S3 server, and its one bucket. */
export interface Service extends AsyncDisposable {
  readonly harness: Harness;
  /** S3 without the service, to look at what there is. */
  readonly direct: S3Target;
  readonly server: S3Server;
  readonly bucket: string;
  /** Sets the injected clock to the real time, for S3 counts by its own. */
  toRealTime(): void;
  /** A new slot, signed at the real time. */
  create(ask: Json): Promise<Slot>;
  post(path: string, body?: Json): Promise<Answer>;
  get(path: string): Promise<Answer>;
  remove(slot: Slot): Promise<Answer>;
  /** The row, for its times. */
  stored(slot: Slot): Promise<Upload>;
  keyOpens(slot: Slot): Promise<boolean>;
  /** By S3's own listing: how many versions and delete markers there are of the object. */
  versions(slot: Slot): Promise<number>;
}

export type Answer = Awaited<ReturnType<Harness['call']>>;

export interface Slot {
  readonly id: string;
  readonly bucket: string;
  readonly objectKey: string;
  readonly request: WireRequest & { readonly method: 'PUT'; readonly expiresAt: string };
}

export interface ServiceOptions {
  readonly versioning?: boolean;
  readonly tenant?: Partial<TenantConfig>;
  /** Where the service itself reaches S3, when not at `server.endpoint`; clients go there all the same. */
  readonly endpoint?: URL;
}

export async function serviceOn(server: S3Server, options: ServiceOptions = {}): Promise<Service> {
  const bucket = `sealslot-${randomUUID()}`;
  await server.createBucket(bucket, { versioning: options.versioning === true });
  const config = targetConfigOf(server);
  const direct = createTarget(config);
  const target = createTarget({ ...config, endpoint: options.endpoint ?? config.endpoint });
  const harness = await makeHarness({ target, tenants: { acme: { ...TENANT, bucket, ...options.tenant } } });
  const token = await harness.token();
  const toRealTime = (): void => {
    harness.clock.now = Date.now();
  };
  const post = (path: string, body?: Json): Promise<Answer> =>
    harness.call('POST', `/v1/uploads${path}`, { token, ...(body !== undefined && { body }) });
  return {
    harness,
    direct,
    server,
    bucket,
    toRealTime,
    post,
    async create(ask) {
      toRealTime();
      const answer = await post('', ask);
      if (answer.status !== 201) throw new Error(`no slot: ${answer.text}`);
      return answer.body as Slot;
    },
    get: (path) => harness.call('GET', `/v1/uploads${path}`, { token }),
    remove: (slot) => harness.call('DELETE', `/v1/uploads/${slot.id}`, { token }),
    async stored(slot) {
      const upload = await harness.store.uploads.get('acme', slot.id);
      if (upload === undefined) throw new Error(`no row of ${slot.id}`);
      return upload;
    },
    keyOpens: (slot) =>
      harness.customerKey('acme', slot.id).then(
        () => true,
        (error: unknown) => {
          if (error instanceof KeyUnusable) return false;
          throw error;
        },
      ),
    versions: async (slot) => (await direct.objects.remains(slot.bucket, slot.objectKey)).versions.length,
    async [Symbol.asyncDispose]() {
      direct.close();
      await harness[Symbol.asyncDispose]();
    },
  };
}

export const randomBody = (size = 1000): Buffer => randomBytes(size);

/** Until S3 itself says that it is later than `time`: a URL's end is S3's decision, by S3's clock. */
export async function untilS3IsPast(server: S3Server, time: number): Promise<void> {
  await waitUntil(`S3's clock to pass ${new Date(time).toISOString()}`, async () => {
    const { headers } = await sendByFetch({ method: 'HEAD', url: server.endpoint, headers: {} });
    return Date.parse(headers.get('date') ?? '') > time;
  });
}
