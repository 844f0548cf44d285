import type { CustomerKey } from '../custody/customer-key.ts';
import { KeyNotMine, KeyRefused } from '../custody/errors.ts';
import {
  endLine,
  headerLine,
  keyLine,
  type ExportedKey,
  type KeyFileEnd,
  type Standing,
} from '../custody/key-export.ts';
import type { KeyCursor, PlacedKey } from '../store/port.ts';
import { patiently, type Pause } from './patience.ts';
import { placeOf, type Services } from './services.ts';

/** One page is unwrapped at once, and is all that is in memory. */
const PAGE = 32;

export interface KeyExport {
  /** All tenants' unless given. */
  readonly tenant: string | undefined;
  /** A key that does not open here and is left out. `why` holds no key. */
  readonly unopened: (key: KeyCursor, why: string) => void;
  /** Called with what the last line says, before it is given. */
  readonly ended: (end: KeyFileEnd) => void;
  readonly pause: Pause;
}

/**
 * The lines of a file of all living keys, in the clear. Lines of one slot follow each other. A slot that changes meanwhile is written as
 * it was when its page was read.
 * @throws DependencyUnavailable when the store or a wrapper does not answer: then there is no end line.
 */
export async function* exportKeys(services: Services, run: KeyExport): AsyncGenerator<string, void> {
  yield headerLine(services.now());
  const end = { keys: 0, slots: 0, failed: 0 };
  let slot: string | undefined;
  for await (const page of pagesOf(services, run)) {
    for (const { placed, key } of await Promise.all(page.map((placed) => open(services, run, placed)))) {
      if (key === undefined) {
        end.failed += 1;
        continue;
      }
      end.keys += 1;
      if (placed.upload.id !== slot) end.slots += 1;
      slot = placed.upload.id;
      yield keyLine(exported(placed, key));
    }
  }
  run.ended(end);
  yield endLine(end);
}

async function* pagesOf(
  { store }: Services,
  { tenant, pause }: KeyExport,
): AsyncGenerator<PlacedKey[], void> {
  for (let after: KeyCursor | undefined; ;) {
    const query = { limit: PAGE, ...(tenant !== undefined && { tenant }), ...(after && { after }) };
    const page = await patiently(() => store.keys.page(query), pause);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = { uploadId: last.upload.id, generation: last.generation };
  }
}

async function open(
  { wrapper, observer }: Services,
  { unopened, pause }: KeyExport,
  placed: PlacedKey,
): Promise<{ placed: PlacedKey; key: CustomerKey | undefined }> {
  const { upload, generation, wrapped } = placed;
  const unwrap = () => observer.timed('unwrap', () => wrapper.unwrap(wrapped, placeOf(upload, generation)));
  try {
    return { placed, key: await patiently(unwrap, pause) };
  } catch (error) {
    if (!(error instanceof KeyNotMine || error instanceof KeyRefused)) throw error;
    unopened({ uploadId: upload.id, generation }, error.message);
    return { placed, key: undefined };
  }
}

function exported({ upload, generation, versionId }: PlacedKey, key: CustomerKey): ExportedKey {
  const standing = standingOf(upload, generation);
  return {
    slot: upload,
    generation,
    versionId: standing === 'current' ? upload.versionId : versionId,
    standing,
    key,
  };
}

function standingOf(upload: PlacedKey['upload'], generation: number): Standing {
  if (generation === upload.generation) return 'current';
  return generation === upload.nextGeneration ? 'next' : 'superseded';
}
