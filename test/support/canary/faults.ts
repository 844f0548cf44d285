import { DependencyUnavailable } from '../../../src/errors.ts';
import type { Store } from '../../../src/store/port.ts';
import type { Harness } from '../harness.ts';
import { watch } from '../interference.ts';

export const S3_SECRET = 'wJalr+Canary/S3Secret+K7MDENG/bPxRfiCYKEY';

export const FAULTS = [
  's3 dead',
  's3 throws the key',
  'store failing',
  'store throws the key',
  'custody throws the key',
  'key unusable',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Dependencies that fail, some with the secrets in their own error: as an SDK's error does that quotes its request. */
export class Faults {
  now: Fault | undefined;
  readonly #keys: readonly Buffer[];

  constructor(keys: readonly Buffer[]) {
    this.#keys = keys;
  }

  inject<T extends object>(part: T, name: 's3' | 'store' | 'custody'): T {
    const before = () => {
      const error = this.#errorOf(name);
      if (error !== undefined) throw error;
    };
    return watch(name, part, [{ before }]);
  }

  store(store: Store): Store {
    const keys = this.inject(store.keys, 'store');
    return {
      uploads: this.inject(store.uploads, 'store'),
      grants: this.inject(store.grants, 'store'),
      // Left whole: without it nobody gets as far as the rest.
      apiKeys: store.apiKeys,
      intermediates: this.inject(store.intermediates, 'store'),
      custody: this.inject(store.custody, 'store'),
      outbox: this.inject(store.outbox, 'store'),
      leases: this.inject(store.leases, 'store'),
      rateLimits: this.inject(store.rateLimits, 'store'),
      keys: {
        ...keys,
        get: async (id, generation) => {
          const key = await keys.get(id, generation);
          if (this.now !== 'key unusable' || key === undefined) return key;
          return {
            ...key,
            wrapped: { ...key.wrapped, bytes: Buffer.from(key.wrapped.bytes).fill(1, 20, 30) },
          };
        },
      },
      check: () => (this.now?.startsWith('store') ? Promise.reject(this.#loud()) : store.check()),
      close: () => store.close(),
    };
  }

  custody(h: Harness): void {
    Object.assign(h.services, { wrapper: this.inject(h.services.wrapper, 'custody') });
  }

  #errorOf(part: string): Error | undefined {
    if (this.now === 's3 dead' && part === 's3') return new DependencyUnavailable('s3', this.#loud());
    if (this.now === 'store failing' && part === 'store') {
      return new DependencyUnavailable('store', this.#loud());
    }
    return this.now === `${part} throws the key` ? this.#loud() : undefined;
  }

  #loud(): Error {
    const key = this.#keys.at(-1) ?? Buffer.alloc(32);
    const text = `${key.toString('base64')} ${key.toString('hex')} ${S3_SECRET}`;
    return Object.assign(new Error(`refused:\n${text}`, { cause: new Error(text) }), {
      request: { headers: { key: text } },
      key,
    });
  }
}
