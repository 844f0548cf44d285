import { createSecretKey, randomBytes } from 'node:crypto';
import { localWrapper } from '../../../src/custody/adapters/local.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { readKeyFile, type KeyFileEnd } from '../../../src/custody/key-export.ts';
import type { KeyWrapper } from '../../../src/custody/port.ts';
import type { PlacedKey, Store, StoredKey } from '../../../src/store/port.ts';
import { createLongSteps } from '../../../src/uploads/long-steps.ts';
import { exportKeys, type KeyExport } from '../../../src/uploads/export-keys.ts';
import {
  importKeys,
  type KeyImport,
  type SlotInFile,
  type SlotOutcome,
} from '../../../src/uploads/import-keys.ts';
import { placeOf, type Services } from '../../../src/uploads/services.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { NOW, uploadOf } from '../../contract/store-rows.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { TENANT } from '../../support/harness.ts';

/** Slots and their keys in memory, with only what exports and imports ask of a store. */
export class FakeKeyStore {
  readonly rows = new Map<string, { upload: Upload; keys: StoredKey[] }>();
  /** How often a page was asked for, and how many keys at most came. */
  readonly pages: number[] = [];

  store(): Store {
    const { rows } = this;
    const part = {
      uploads: {
        get: async (tenant: string, id: string) => {
          const upload = rows.get(id)?.upload;
          return upload?.tenant === tenant ? upload : undefined;
        },
      },
      keys: {
        get: async (id: string, generation: number) =>
          rows.get(id)?.keys.find((key) => key.generation === generation),
        page: async (query: Parameters<Store['keys']['page']>[0]) => this.#page(query),
        restore: async (upload: Upload, keys: readonly StoredKey[], kin: readonly string[]) => {
          const { bucket, objectKey } = upload;
          const isSame = ({ upload: other }: { upload: Upload }) =>
            other.bucket === bucket && other.objectKey === objectKey;
          if (rows.has(upload.id) || kin.some((id) => [rows.get(id)].some((row) => row && isSame(row))))
            return false;
          rows.set(upload.id, { upload, keys: [...keys] });
          return true;
        },
      },
    };
    return part as unknown as Store;
  }

  #page({ tenant, after, limit }: Parameters<Store['keys']['page']>[0]): PlacedKey[] {
    const all = [...this.rows.values()]
      .flatMap(({ upload, keys }) => keys.map((key) => ({ upload, ...key })))
      .filter(({ upload }) => tenant === undefined || upload.tenant === tenant)
      .toSorted((a, b) =>
        a.upload.id < b.upload.id ? -1 : a.upload.id > b.upload.id ? 1 : a.generation - b.generation,
      );
    const isLater = ({ upload, generation }: PlacedKey): boolean =>
      after === undefined ||
      upload.id > after.uploadId ||
      (upload.id === after.uploadId && generation > after.generation);
    const page = all.filter(isLater).slice(0, limit);
    this.pages.push(page.length);
    return page;
  }
}

export interface KeysWorld {
  readonly services: Services;
  readonly keys: FakeKeyStore;
  readonly s3: FakeObjectStore;
  /** A slot with these generations of its key, the last one current, and its object. */
  add(n: number, changes?: Partial<Upload>, generations?: readonly number[]): Promise<Added>;
}

export interface Added {
  readonly upload: Upload;
  readonly keys: ReadonlyMap<number, CustomerKey>;
  /** The current one. */
  readonly key: CustomerKey;
}

/** A store and a KEK of their own, over an S3. */
export function keysWorld(
  s3 = new FakeObjectStore(),
  tenants: readonly string[] = ['acme', 'globex'],
): KeysWorld {
  const ring = { current: 'kek', keks: new Map([['kek', createSecretKey(randomBytes(32))]]) };
  const wrapper: KeyWrapper = localWrapper({ id: 'local', ring });
  const keys = new FakeKeyStore();
  const services = {
    config: { custody: {}, tenants: Object.fromEntries(tenants.map((name) => [name, TENANT])) },
    store: keys.store(),
    wrapper,
    keks: wrapper,
    targets: new Map([['main', fakeTarget(s3)]]),
    now: () => NOW,
    observer: { timed: (_step: string, work: () => unknown) => work(), slot: () => undefined },
    lookAt: () => undefined,
    deliver: () => undefined,
    longSteps: createLongSteps(),
  } as unknown as Services;
  return {
    services,
    keys,
    s3,
    async add(n, changes = {}, generations = [changes.generation ?? 1]) {
      const current = changes.generation ?? generations.at(-1) ?? 1;
      const upload = uploadOf(n, { state: 'uploaded', generation: current, ...changes });
      const made = new Map(generations.map((generation) => [generation, CustomerKey.generate()]));
      const stored = [...made].map(async ([generation, key]) => ({
        generation,
        versionId: generation < current ? `old-${generation}` : null,
        wrapped: await wrapper.wrap(key, placeOf(upload, generation)),
        copy: null,
      }));
      keys.rows.set(upload.id, { upload, keys: await Promise.all(stored) });
      const key = made.get(current)!;
      if (upload.state === 'uploaded' || upload.state === 'rejected') s3.put(upload.objectKey, key, {});
      return { upload, keys: made, key };
    },
  };
}

/** No pause lasts. */
const pause = async (): Promise<void> => undefined;

export async function exported(
  { services }: KeysWorld,
  run: Partial<KeyExport> = {},
): Promise<{ text: string; end: KeyFileEnd | undefined; unopened: string[] }> {
  const unopened: string[] = [];
  let end: KeyFileEnd | undefined;
  let text = '';
  for await (const line of exportKeys(services, {
    tenant: undefined,
    unopened: ({ uploadId, generation }, why) => unopened.push(`${uploadId} ${generation} ${why}`),
    ended: (told) => (end = told),
    pause,
    ...run,
  })) {
    text += line;
  }
  return { text, end, unopened };
}

export interface Imported {
  readonly end: KeyFileEnd | undefined;
  readonly outcomes: (SlotInFile & { outcome: SlotOutcome })[];
  readonly error: unknown;
}

export async function imported(
  { services }: KeysWorld,
  text: string,
  run: Partial<KeyImport> = {},
): Promise<Imported> {
  const outcomes: Imported['outcomes'] = [];
  async function* bytes(): AsyncGenerator<Uint8Array, void> {
    yield Buffer.from(text);
  }
  const all: KeyImport = {
    items: readKeyFile(bytes()),
    tenant: undefined,
    dryRun: false,
    report: (slot, outcome) => outcomes.push({ ...slot, outcome }),
    stop: new AbortController(),
    pause,
    ...run,
  };
  const byLine = () => outcomes.toSorted((a, b) => a.line - b.line);
  try {
    return { end: await importKeys(services, all), outcomes: byLine(), error: undefined };
  } catch (error) {
    return { end: undefined, outcomes: byLine(), error };
  }
}

export const kinds = ({ outcomes }: Imported): string[] => outcomes.map(({ outcome }) => outcome.kind);
export const details = ({ outcomes }: Imported): string[] =>
  outcomes.map(({ outcome }) => ('detail' in outcome ? outcome.detail : ''));
