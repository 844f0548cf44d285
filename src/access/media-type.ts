/** What allows types: `image/png`, `image/*`, or `*` for any. A pattern for JSON Schema. */
export const CONTENT_TYPE_GLOB = '^(\\*|[a-z0-9!#$&^_.+-]+/(\\*|[a-z0-9!#$&^_.+-]+))$';

const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";
const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;
const MEDIA_TYPE = new RegExp(
  `^(${TOKEN}/${TOKEN})[ \\t]*(?:;[ \\t]*(?:${TOKEN}=(?:${TOKEN}|${QUOTED})[ \\t]*)?)*$`,
);

/**
 * Parameters don't count, but must be well-formed: a browser reads `image/png;,text/html` as HTML, so text that isn't one media type
 * matches nothing but `*`.
 */
export function contentTypeAllowed(globs: readonly string[], contentType: string): boolean {
  const essence = MEDIA_TYPE.exec(contentType.trim())?.[1]?.toLowerCase();
  return globs.some((glob) => glob === '*' || (essence !== undefined && covers(glob, essence)));
}

/** Whether every type that `narrow` allows is allowed by one of `globs`. */
export function globAllowed(globs: readonly string[], narrow: string): boolean {
  return globs.some((glob) => glob === '*' || covers(glob, narrow));
}

/** @param narrow a type, or a glob. */
function covers(glob: string, narrow: string): boolean {
  const wanted = glob.toLowerCase();
  return wanted.endsWith('/*') ? narrow.startsWith(wanted.slice(0, -1)) : narrow === wanted;
}
