import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Principal } from '../../src/access/principal.ts';
import type { Config } from '../../src/config/config.ts';
import { localWrapper } from '../../src/custody/adapters/local.ts';
import { createKekFile, readKekFile } from '../../src/custody/kek-file.ts';
import type { KekRing } from '../../src/custody/kek-ring.ts';
import { createJobs } from '../../src/jobs/runner.ts';
import type { ObjectRemains } from '../../src/s3/port.ts';
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts';
import { createLongSteps } from '../../src/uploads/long-steps.ts';
import { createStreams } from '../../src/uploads/streams.ts';
import { customerKeyOf } from '../../src/uploads/customer-key-of.ts';
import type { Services } from '../../src/uploads/services.ts';
import type { Upload } from '../../src/uploads/upload.ts';
import { FakeObjectStore, fakeTarget } from '../support/fake-s3.ts';
import { TENANT } from '../support/harness.ts';
import { watch, type Interference } from '../support/interference.ts';

export const MAKER: Principal = {
  tenant: 'acme',
  id: 'key:test',
  scopes: new Set(['uploads:write', 'objects:delete']),
};
export const ASK = { contentType: 'text/plain', size: 3 };
export const RETENTION = { keySeconds: 30 * 86_400, deleteMarginSeconds: 86_400 };

/** S3 in memory, with what a listing alone shows. */
export class FakeS3 extends FakeObjectStore {
  multipartUploadIds: string[] = [];

  override async remains(bucket: string, objectKey: string): Promise<ObjectRemains> {
    return { ...(await super.remains(bucket, objectKey)), multipartUploadIds: this.multipartUploadIds };
  }
}

/** What outlives a process: the disk, S3, and time. */
export class World implements AsyncDisposable {
  readonly s3 = new FakeS3();
  readonly clock = { now: Date.parse('2027-01-31T12:00:00Z') };
  /** Keys destroyed without a proof. Kept, since a job survives what is thrown into it. */
  readonly violations: string[] = [];
  readonly #dir: string;
  readonly #ring: KekRing;

  private constructor(dir: string, ring: KekRing) {
    this.#dir = dir;
    this.#ring = ring;
  }

  static async make(): Promise<World> {
    const dir = await mkdtemp(join(tmpdir(), 'sealslot-steps-'));
    const kekFile = join(dir, 'kek.json');
    await createKekFile(kekFile);
    return new World(dir, await readKekFile(kekFile));
  }

  /** One life of the service: opens the store, does the work, closes the store. */
  async live<T>(
    work: (services: Services) => Promise<T>,
    ...interferences: readonly Interference[]
  ): Promise<T> {
    const all = [this.#requireProof(), ...interferences];
    const store = await openSqliteStore({ path: join(this.#dir, 'sealslot.db'), exclusive: true });
    const target = fakeTarget(this.s3);
    const watchedTarget = {
      ...target,
      objects: watch('s3', this.s3, all),
      presigner: watch('presigner', target.presigner, all),
      uploadPresigner: watch('presigner', target.uploadPresigner, all),
    };
    const wrapper = watch('wrapper', localWrapper({ id: 'local', ring: this.#ring }), all);
    try {
      return await work({
        config: {
          tenants: { acme: TENANT },
          custody: { recovery: undefined },
          retention: RETENTION,
          jobs: { intervalSeconds: 3600 },
        } as unknown as Config,
        store: {
          ...store,
          uploads: watch('uploads', store.uploads, all),
          keys: watch('keys', store.keys, all),
        },
        wrapper,
        keks: wrapper,
        targets: new Map([['main', watchedTarget]]),
        now: () => this.clock.now,
        observer: { timed: (_step, work) => work(), slot: () => undefined },
        lookAt: () => undefined,
        deliver: () => undefined,
        longSteps: createLongSteps(),
        streams: createStreams(),
      });
    } finally {
      await store.close();
    }
  }

  /** One pass of the background job, in a life of its own. @returns what it reported. */
  async pass(...interferences: readonly Interference[]): Promise<unknown[]> {
    return this.live(
      async (services) => {
        const errors: unknown[] = [];
        const jobs = createJobs(
          () => services,
          (error) => errors.push(error),
        );
        await jobs.runOnce();
        await jobs.stop();
        return errors;
      },
      ...interferences,
    );
  }

  slots(): Promise<Upload[]> {
    return this.live(async ({ store }) => [
      ...(await store.uploads.list('acme', { limit: 100, now: 0 })),
      ...(await store.uploads.list('acme', { state: 'deleted', limit: 100, now: 0 })),
    ]);
  }

  /** True when the slot's key is there and opens. */
  hasKey(upload: Upload): Promise<boolean> {
    return this.live(async (services) => {
      if ((await services.store.keys.get(upload.id, upload.generation)) === undefined) return false;
      await customerKeyOf(services, upload);
      return true;
    });
  }

  /** The client's PUT, however late. */
  arrive(upload: Upload): Promise<void> {
    return this.live(async (services) => {
      const { size, contentType } = upload;
      this.s3.put(upload.objectKey, await customerKeyOf(services, upload), { size, contentType });
    });
  }

  /** A key may go only when the last that this process heard from S3 is an empty listing, with nothing done there since. */
  #requireProof(): Interference {
    let proven = false;
    return {
      before: (call) => {
        const destroys = call === 'uploads.bury' || call === 'uploads.forget';
        if (destroys && !proven) this.violations.push(`${call} without proof`);
        if (destroys && this.s3.objects.size > 0) this.violations.push(`${call} while there is an object`);
        if (call.startsWith('s3.')) proven = false;
      },
      after: (call, answer) => {
        if (call !== 's3.remains') return;
        const { versions, multipartUploadIds } = answer as ObjectRemains;
        proven = versions.length === 0 && multipartUploadIds.length === 0;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }
}
