/** S3's limit for an object key, in UTF-8; also the limit for a filename as sent. */
const MAX_BYTES = 1_024;
const MAX_EXTENSION = 16;

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

/** A filename that is one harmless path segment, in NFC, never empty. */
export function cleanFilename(filename: string): string {
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

/**
 * Fills in a tenant's template. Only the filename gives way to the length limit; empty, `.` and `..` segments of the template vanish.
 */
export function buildObjectKey(
  template: string,
  slot: { tenant: string; id: string; filename: string | undefined; createdAt: number },
): string {
  const [yyyy = '', mm = '', dd = ''] = new Date(slot.createdAt).toISOString().slice(0, 10).split('-');
  const values = { tenant: slot.tenant, id: slot.id, yyyy, mm, dd };
  const places = template.split('{filename}').length - 1;
  const room = MAX_BYTES - Buffer.byteLength(fill(template, { ...values, filename: '' }));
  if (room < places) throw new Error('The object key template leaves no room for the filename.');
  const filename = places === 0 ? '' : shorten(cleanFilename(slot.filename ?? ''), Math.floor(room / places));
  return fill(template, { ...values, filename })
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.' && segment !== '..')
    .join('/');
}

/** In one pass, so that a filename such as `{id}` or `$&` stays what it is. */
function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(tenant|yyyy|mm|dd|id|filename)\}/g, (_, name: string) => values[name] ?? '');
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
