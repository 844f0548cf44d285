/** What could move a terminal's cursor, break a line or turn the reading direction. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** What S3, a service, certificates and files call themselves is foreign text: its control characters are spelled out. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${codeOf(character)}}`);
}

/** JSON as it is, still the same document; it leaves some control characters raw, and a terminal may be what reads it. */
export function printableJson(json: string): string {
  return json.replace(UNPRINTABLE, (character) =>
    character === '\n' ? character : `\\u${codeOf(character).padStart(4, '0')}`,
  );
}

function codeOf(character: string): string {
  return character.charCodeAt(0).toString(16);
}
