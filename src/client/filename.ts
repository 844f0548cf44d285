/** Control characters, line separators, what turns the reading direction or is not seen, and half characters. */
const REMOVED = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u200B-\u200D\u2060-\u2064\uFEFF]/gu;
const MAX_BYTES = 255;

/**
 * One path segment that is safe to write to, made of a name that somebody else chose.
 * @returns never empty, `.`, `..`, absolute, hidden, or over the 255 bytes of UTF-8 that file systems take.
 */
export function safeFilename(name: string): string {
  const segment = name.replace(REMOVED, '').split(/[/\\]/).at(-1)?.trim().replace(/^\.+/, '_') ?? '';
  return shorten(segment) || 'file';
}

/** Keeps the end, where the extension is. */
function shorten(name: string): string {
  let text = name;
  while (Buffer.byteLength(text) > MAX_BYTES) text = Array.from(text).slice(1).join('');
  return text;
}

/** The filename of a `content-disposition` as sealslot signs it: RFC 6266 with RFC 8187's UTF-8 form. */
export function filenameIn(disposition: string | undefined): string | undefined {
  const encoded = /filename\*=UTF-8''([^;\s]+)/i.exec(disposition ?? '')?.[1];
  try {
    return encoded === undefined ? undefined : decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
