import type { ExportedKey, KeyFileEnd, KeyFileItem } from '../custody/key-export.ts';
import { allToTheirEnd, patiently, unlessUnavailable, type Pause } from './patience.ts';
import { restoreSlot, type Restoration } from './restore-slot.ts';
import type { Services } from './services.ts';

const PARALLEL = 8;
const GIVE_UP_AFTER = 20;

export type SlotOutcome =
  Restoration | { readonly kind: 'bad_line' | 'unavailable'; readonly detail: string };

/** A slot as it stands in the file, by its first line; a line that cannot be read has no upload. */
export interface SlotInFile {
  readonly line: number;
  readonly upload?: { readonly id: string; readonly tenant: string };
}

export interface KeyImport {
  readonly items: AsyncGenerator<KeyFileItem, KeyFileEnd>;
  /** Slots of other tenants are passed over. All tenants' are restored unless given. */
  readonly tenant: string | undefined;
  readonly dryRun: boolean;
  /** Called once a slot or unreadable line, in the order in which they end. */
  readonly report: (slot: SlotInFile, outcome: SlotOutcome) => void;
  /** Aborted from outside, or when nothing answers any more: no slot is begun then. */
  readonly stop: AbortController;
  readonly pause: Pause;
}

/**
 * Eight slots at a time, each with all its generations, while the file is still being read.
 * @returns what the last line of the file says; undefined when it was not come to: stopped, or nothing answers.
 * @throws KeyFileInvalid where the file is not as it must be; what came before is restored and reported.
 */
export async function importKeys(services: Services, run: KeyImport): Promise<KeyFileEnd | undefined> {
  const { report, stop, dryRun, pause } = run;
  const slots = slotsOf(run);
  let end: KeyFileEnd | undefined;
  let unavailable = 0;

  async function worker(): Promise<void> {
    while (!stop.signal.aborted) {
      const next = await slots.next();
      if (next.done === true) {
        end ??= next.value;
        return;
      }
      if ('problem' in next.value) {
        report({ line: next.value.line }, { kind: 'bad_line', detail: next.value.problem });
        continue;
      }
      const { line, keys } = next.value;
      const outcome = await unlessUnavailable(() =>
        patiently(() => restoreSlot(services, keys, dryRun), pause),
      );
      unavailable = outcome.kind === 'unavailable' ? unavailable + 1 : 0;
      report({ line, upload: keys[0].slot }, outcome);
      if (unavailable >= GIVE_UP_AFTER) stop.abort();
    }
  }

  await allToTheirEnd(PARALLEL, worker, stop);
  return stop.signal.aborted ? undefined : end;
}

type Keys = readonly [ExportedKey, ...ExportedKey[]];
type Part = { readonly line: number } & ({ readonly keys: Keys } | { readonly problem: string });

/** Lines of one slot follow each other. A slot is given when it is whole, so none from where the file breaks off. */
async function* slotsOf({ items, tenant }: KeyImport): AsyncGenerator<Part, KeyFileEnd> {
  let open: { line: number; keys: [ExportedKey, ...ExportedKey[]] } | undefined;
  for (;;) {
    const next = await items.next();
    if (next.done === true) {
      if (open) yield open;
      return next.value;
    }
    const { value } = next;
    if ('problem' in value) yield value;
    else if (value.exported.slot.id === open?.keys[0].slot.id) open.keys.push(value.exported);
    else {
      if (open) yield open;
      const isWanted = tenant === undefined || value.exported.slot.tenant === tenant;
      open = isWanted ? { line: value.line, keys: [value.exported] } : undefined;
    }
  }
}
