/** Control characters, line separators, what turns the reading direction or is not seen, and half characters. */
const REMOVED = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u200B-\u200D\u2060-\u2064\uFEFF]/gu;
const MAX_BYTES = 255;

/**
 * One path segment that is safe to write to, made of a name that somebody else chose.
 * @returns never empty, `.`, `..`, absolute, hidden, or over the 255 bytes of UTF-8 that file systems take.
 */
export function safeFilename(name: string): string {
  const segment = name.replace(REMOVED, '').split(/[/\\]/).at(-1) ?? '';
  // Cut first: what the cut leaves may begin with a dot.
  return shorten(segment).trim().replace(/^\.+/, '_') || 'file';
}

/** Keeps the end, where the extension is. */
function shorten(name: string): string {
  const bytes = Buffer.from(name);
  let from = Math.max(0, bytes.length - MAX_BYTES);
  while (isContinuation(bytes[from])) from += 1;
  return bytes.toString('utf8', from);
}

/** Whether a byte of UTF-8 is the rest of a character. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
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
