import { KeyUnusable } from '../errors.ts';
import type { KeyPlace, WrappedKey } from './port.ts';

const PLACE = 'sealslot-place';
const KEK = 'sealslot-kek';
const KEY = 'sealslot-key';
const VERSION = '1';

/** What S3 takes as the value of a tag. */
const VALUE = /^[A-Za-z0-9 +\-=._:/@]{1,256}$/;
const LONGEST_VALUE = 256;
/** S3 takes ten tags; two name the place and the KEK. */
const MOST_CHUNKS = 8;
const MAX_GENERATION = 0xffff_ffff;

const NAME = '[A-Za-z0-9][A-Za-z0-9._-]{0,62}';
const ID = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';
const PLACE_FORM = new RegExp(`^${VERSION}/(${NAME})/(${ID})/([1-9][0-9]{0,9})$`);
const KEK_FORM = new RegExp(`^(${NAME})/(.+)$`);

/**
 * What the tags of an object say of its key: enough to open it, with its KEK, when the store is lost. Fits S3's limits (10 tags, values of
 * 256 letters, digits, spaces and `+ - = . _ : / @`).
 * @throws KeyUnusable when they cannot hold it: a KEK with an odd or long name. Ask `copyProblem` before that.
 */
export function recoveryTags(
  place: Pick<KeyPlace, 'tenant' | 'slot' | 'generation'>,
  wrapped: WrappedKey,
): Record<string, string> {
  const problem = copyProblem(wrapped);
  if (problem !== undefined) throw new KeyUnusable(problem);
  return write(place, wrapped);
}

/** Why no tags can hold a key that is wrapped like this one; undefined when they can. */
export function copyProblem({ wrapperId, kekId, bytes }: WrappedKey): string | undefined {
  if (!VALUE.test(`${wrapperId}/${kekId}`)) {
    return (
      `custody.recovery: the name of the key-encryption key "${kekId}" does not fit into an object tag. With its wrapper's name it may ` +
      'have at most 255 letters, digits, spaces and + - = . _ : / @.'
    );
  }
  const most = (MOST_CHUNKS * LONGEST_VALUE * 3) / 4;
  if (bytes.length > most) {
    return `custody.recovery: a key wrapped by "${wrapperId}" has ${bytes.length} bytes; object tags hold ${most}.`;
  }
  return undefined;
}

/** A copy as it was found. The place is complete with the bucket and object key where it was found: elsewhere it does not open. */
export interface FoundCopy {
  readonly tenant: string;
  readonly slot: string;
  readonly generation: number;
  readonly wrapped: WrappedKey;
}

/**
 * @returns undefined when these are not all of a copy's tags, or not of a form this service writes. Other tags do not matter. That a last
 *   chunk is missing, only opening shows.
 */
export function readRecoveryTags(tags: Readonly<Record<string, string>>): FoundCopy | undefined {
  const [, tenant, slot, generation] = PLACE_FORM.exec(tags[PLACE] ?? '') ?? [];
  const [, wrapperId, kekId] = KEK_FORM.exec(tags[KEK] ?? '') ?? [];
  if (!tenant || !slot || !generation || !wrapperId || !kekId) return undefined;
  if (Number(generation) > MAX_GENERATION) return undefined;
  const bytes = Buffer.from(chunkNames.map((name) => tags[name] ?? '').join(''), 'base64');
  if (bytes.length === 0) return undefined;
  const found = { tenant, slot, generation: Number(generation), wrapped: { wrapperId, kekId, bytes } };
  // One form only: base64 is read leniently, and chunks could be missing, too many or of other lengths.
  return isSame(ours(tags), write(found, found.wrapped)) ? found : undefined;
}

/** The tags of an object with this copy in place of whatever copy there was. */
export function withCopy(
  tags: Readonly<Record<string, string>>,
  copy: Readonly<Record<string, string>>,
): Record<string, string> {
  const others = Object.entries(tags).filter(([name]) => !isOurs(name));
  return { ...Object.fromEntries(others), ...copy };
}

/** Whether these tags hold exactly this copy, whatever else they hold. */
export function holdsCopy(
  tags: Readonly<Record<string, string>>,
  copy: Readonly<Record<string, string>>,
): boolean {
  return isSame(ours(tags), copy);
}

const CHUNKS = new RegExp(`.{1,${LONGEST_VALUE}}`, 'g');
const chunkNames = Array.from({ length: MOST_CHUNKS }, (_, n) => (n === 0 ? KEY : `${KEY}-${n + 1}`));

function write(
  { tenant, slot, generation }: Pick<KeyPlace, 'tenant' | 'slot' | 'generation'>,
  { wrapperId, kekId, bytes }: WrappedKey,
): Record<string, string> {
  const text = Buffer.from(bytes).toString('base64');
  const chunks = text.match(CHUNKS) ?? [];
  return {
    [PLACE]: `${VERSION}/${tenant}/${slot}/${generation}`,
    [KEK]: `${wrapperId}/${kekId}`,
    ...Object.fromEntries(chunks.map((chunk, n): [string, string] => [chunkNames[n] ?? '', chunk])),
  };
}

const isOurs = (name: string): boolean => name.startsWith('sealslot-');

function ours(tags: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(tags).filter(([name]) => isOurs(name)));
}

function isSame(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
