import { createSecretKey, randomBytes } from 'node:crypto';
import { openHierarchy } from '../../../src/composition.ts';
import type { Config } from '../../../src/config/config.ts';
import { localWrapper } from '../../../src/custody/adapters/local.ts';
import type { KeyWrapper } from '../../../src/custody/port.ts';
import { severalWrappers } from '../../../src/custody/wrappers.ts';
import { rewrap, type Rewrapped, type RewrapOptions } from '../../../src/uploads/rewrap.ts';
import type { Services } from '../../../src/uploads/services.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { fakeTarget, FakeObjectStore } from '../../support/fake-s3.ts';
import { makeHarness, noonOf, type Harness } from '../../support/harness.ts';

export const HIERARCHY: NonNullable<Config['custody']['hierarchy']> = {
  period: 'day',
  maxAgeSeconds: 300,
  maxUses: 1_000_000,
};

/** A wrapper of one KEK, and what it was asked. */
export function keeper(id: string): KeyWrapper & { calls: number; failure: Error | undefined } {
  const inner = localWrapper({
    id,
    ring: { current: `${id}-kek`, keks: new Map([[`${id}-kek`, createSecretKey(randomBytes(32))]]) },
  });
  const asked = <T>(work: () => Promise<T>): Promise<T> => {
    outer.calls += 1;
    return outer.failure ? Promise.reject(outer.failure) : work();
  };
  const outer = {
    ...inner,
    calls: 0,
    failure: undefined as Error | undefined,
    wrap: (...args: Parameters<KeyWrapper['wrap']>) => asked(() => inner.wrap(...args)),
    unwrap: (...args: Parameters<KeyWrapper['unwrap']>) => asked(() => inner.unwrap(...args)),
    rewrap: (...args: Parameters<KeyWrapper['rewrap']>) => asked(() => inner.rewrap(...args)),
  };
  return outer;
}

/** A service whose keys move from the wrapper "old" to the wrapper "new". */
export interface RewrapWorld extends AsyncDisposable {
  readonly harness: Harness;
  readonly s3: FakeObjectStore;
  readonly old: ReturnType<typeof keeper>;
  readonly fresh: ReturnType<typeof keeper>;
  /** The services as they are after `custody.current` was changed; another cache each time. */
  moved(): Services;
  /** Slots of acme, their object there. */
  upload(count: number): Promise<Upload[]>;
  rewrap(options?: Partial<RewrapOptions>): Promise<Rewrapped[]>;
}

export async function rewrapWorld(
  custody: Partial<Pick<Config['custody'], 'hierarchy' | 'recovery'>> = {},
): Promise<RewrapWorld> {
  const s3 = new FakeObjectStore();
  const [old, fresh] = [keeper('old'), keeper('new')];
  const harness = await makeHarness({
    target: fakeTarget(s3),
    keks: severalWrappers(old, new Map([['old', old]])),
    custody,
  });
  harness.clock.now = noonOf(harness.clock.now);
  const { services, store } = harness;
  const opened: KeyWrapper[] = [];

  function moved(): Services {
    const keks = severalWrappers(
      fresh,
      new Map([
        ['old', old],
        ['new', fresh],
      ]),
    );
    const { config, now, targets } = services;
    const wrapper = openHierarchy(config, { keks, store, now, targets: () => targets });
    opened.push(wrapper);
    return { ...services, keks, wrapper };
  }

  return {
    harness,
    s3,
    old,
    fresh,
    moved,
    async upload(count) {
      const token = await harness.token();
      const uploads: Upload[] = [];
      for (let n = 0; n < count; n += 1) {
        const { body } = await harness.call('POST', '/v1/uploads', {
          token,
          body: { contentType: 'text/plain', size: 1 },
        });
        const key = await harness.customerKey('acme', body.id);
        const { headers } = body.request;
        const tags = Object.fromEntries(new URLSearchParams(headers['x-amz-tagging'] ?? ''));
        const tagCount = Object.keys(tags).length;
        s3.put(body.objectKey, key, { size: 1, contentType: 'text/plain', tagCount }, { tags });
        const { status } = await harness.call('POST', `/v1/uploads/${body.id}/complete`, { token });
        if (status !== 200) throw new Error(`complete answered ${status}`);
        const upload = await store.uploads.get('acme', body.id);
        if (upload === undefined) throw new Error('no slot');
        uploads.push(upload);
      }
      return uploads;
    },
    async rewrap(options = {}) {
      const all = { dryRun: false, signal: new AbortController().signal, pace: async () => undefined };
      return Array.fromAsync(rewrap(moved(), { ...all, ...options }));
    },
    async [Symbol.asyncDispose]() {
      for (const wrapper of opened) wrapper.close();
      await harness[Symbol.asyncDispose]();
    },
  };
}
