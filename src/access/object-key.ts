/** S3's limit for an object key, in UTF-8; also the limit for a filename as sent. */
const MAX_BYTES = 1_024;
const MAX_EXTENSION = 16;
const MAX_PREFIX_BYTES = 256;
/** A segment of its own in every template that has it, which the configuration's checks see to. */
const PREFIX = '{prefix}';
/** As long as every id. */
const ANY_ID = '-'.repeat(36);

/**
 * Never part of an object key: control characters, lone surrogates, private use and noncharacters, line and paragraph separators,
 * bidi controls, zero-width and other invisible format characters.
 */
const REMOVED =
  /[\p{Cc}\p{Cs}\p{Co}\p{Noncharacter_Code_Point}\p{Zl}\p{Zp}\p{Bidi_Control}\u180E\u200B-\u200D\u2060-\u2064\u206A-\u206F\uFEFF]/gu;
const TRAILING = /[\s.]+$/u;

/** What makes a filename a bad request, or `undefined`. All else is cleaned instead. */
export function filenameProblem(filename: string): string | undefined {
  if (filename === '') return 'must not be empty';
  if (filename.includes('\0')) return 'must not contain NUL';
  if (!filename.isWellFormed()) return 'must be well-formed Unicode';
  if (Buffer.byteLength(filename) > MAX_BYTES) return `must be at most ${MAX_BYTES} bytes in UTF-8`;
  return undefined;
}

/** What the steps of `cleanFilename` leave as it is: most names, which then cost next to nothing. */
const CLEAN = /^[\w-](?:[\w .()+,=@-]*[\w()+,=@-])?$/;

/** A filename that is one harmless path segment, in NFC, never empty. */
export function cleanFilename(filename: string): string {
  if (CLEAN.test(filename)) return filename;
  return (
    filename
      .replace(REMOVED, '')
      // After the removal: what it brought together may compose.
      .normalize('NFC')
      .replace(/[/\\]/g, '_')
      .replace(TRAILING, '')
      .replace(/^\s*\.+/u, '_') || 'file'
  );
}

/** What makes a prefix one that no object key may begin with, or `undefined`. Unlike a filename it is never cleaned: it means a place. */
export function prefixProblem(prefix: string): string | undefined {
  if (!prefix.isWellFormed()) return 'must be well-formed Unicode';
  if (Buffer.byteLength(prefix) > MAX_PREFIX_BYTES)
    return `must be at most ${MAX_PREFIX_BYTES} bytes in UTF-8`;
  // In a form's object key it is replaced, and the objects would lie in another place than those that are PUT.
  if (prefix.includes('$')) return 'must not hold $';
  const isClean = prefix
    .split('/')
    .every((segment) => segment !== '' && cleanFilename(segment) === segment && segment.trim() === segment);
  return isClean
    ? undefined
    : 'must be segments with one "/" between, of NFC text without control or invisible characters and backslashes, none with a dot at its begin or a dot or space at an end';
}

/** Why a tenant's template cannot hold this prefix, or `undefined`. */
export function prefixMisfit(template: string, tenant: string, prefix: string): string | undefined {
  if (!template.split('/').includes(PREFIX)) return 'has no place in the objectKeyTemplate of the tenant';
  const { places, room } = layOut(template, { tenant, id: ANY_ID, prefix, createdAt: 0 });
  return room < places ? 'leaves no room in an object key for the rest' : undefined;
}

/** What an object key is made of, beside the template and the filename. */
interface Keyed {
  readonly tenant: string;
  readonly id: string;
  /** Of a grant, and known to be clean. */
  readonly prefix?: string | null | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/**
 * Fills in a tenant's template. Only the filename gives way to the length limit; empty, `.` and `..` segments of the template vanish, and
 * so does that of a prefix where there is none.
 */
export function buildObjectKey(template: string, slot: Keyed & { filename: string | undefined }): string {
  const { places, room, filled } = layOut(template, slot);
  if (room < places) throw new Error('The object key template leaves no room for the filename.');
  const filename = places === 0 ? '' : shorten(cleanFilename(slot.filename ?? ''), Math.floor(room / places));
  return filled(filename)
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.' && segment !== '..')
    .join('/');
}

/** How many filenames the template takes, and how many bytes they may have together. */
function layOut(
  template: string,
  { tenant, id, prefix, createdAt }: Keyed,
): { places: number; room: number; filled: (filename: string) => string } {
  const { parts, places } = takenApart(template, prefix != null);
  const values = { tenant, id, prefix: prefix ?? '', filename: '', ...dateOf(createdAt) };
  const filled = (filename: string) => fill(parts, { ...values, filename });
  return { places, room: MAX_BYTES - Buffer.byteLength(fill(parts, values)), filled };
}

const PLACES = /\{(tenant|prefix|yyyy|mm|dd|id|filename)\}/;

interface TakenApart {
  /** Texts, and between them the names of what goes there. */
  readonly parts: readonly string[];
  /** How many filenames there are among them. */
  readonly places: number;
}

/** By template, for there are few. */
const taken = { withPrefix: new Map<string, TakenApart>(), withoutPrefix: new Map<string, TakenApart>() };

function takenApart(template: string, hasPrefix: boolean): TakenApart {
  const known = hasPrefix ? taken.withPrefix : taken.withoutPrefix;
  const found = known.get(template);
  if (found !== undefined) return found;
  // Taken out, not left empty: its "/" would cost the filename a byte.
  const parts = (hasPrefix ? template : withoutPrefix(template)).split(PLACES);
  const places = parts.filter((part, index) => isName(index) && part === 'filename').length;
  known.set(template, { parts, places });
  return { parts, places };
}

function withoutPrefix(template: string): string {
  return template
    .split('/')
    .filter((segment) => segment !== PREFIX)
    .join('/');
}

const isName = (index: number) => index % 2 === 1;

/** In one pass, so that a filename such as `{id}` or `$&` stays what it is. */
function fill(parts: readonly string[], values: Readonly<Record<string, string>>): string {
  return parts.map((part, index) => (isName(index) ? values[part] : part)).join('');
}

const DAY_MS = 86_400_000;
let latest = { day: NaN, date: { yyyy: '', mm: '', dd: '' } };

function dateOf(at: number): { yyyy: string; mm: string; dd: string } {
  const day = Math.floor(at / DAY_MS);
  if (day !== latest.day) {
    const [yyyy = '', mm = '', dd = ''] = new Date(at).toISOString().slice(0, 10).split('-');
    latest = { day, date: { yyyy, mm, dd } };
  }
  return latest.date;
}

function shorten(name: string, maxBytes: number): string {
  if (Buffer.byteLength(name) <= maxBytes) return name;
  const extension = extensionOf(name);
  const room = maxBytes - Buffer.byteLength(extension);
  if (extension === '' || room < 1) return stem(name, maxBytes);
  return stem(name.slice(0, -extension.length), room) + extension;
}

/** The last dot and what follows, when it is short enough to be one. */
function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  if (dot < 1) return '';
  const extension = name.slice(dot);
  return Array.from(extension).length - 1 <= MAX_EXTENSION ? extension : '';
}

/** The longest start of `text` within `maxBytes` that ends at a code point boundary, and neither in a space nor a dot. */
function stem(text: string, maxBytes: number): string {
  let end = 0;
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) break;
    end += character.length;
  }
  return text.slice(0, end).replace(TRAILING, '') || '_';
}
