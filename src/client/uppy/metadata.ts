/** What Uppy itself keeps among a file's fields. */
const OF_UPPY: ReadonlySet<string> = new Set(['name', 'type', 'relativePath']);

/**
 * A file's fields in Uppy as metadata of its slot.
 * @param allowed true: all that the page has set; a list: these; false: none.
 * @returns texts; numbers and booleans are written out, and what is empty is left away.
 * @throws TypeError for a value that is no text, number or boolean.
 */
export function metadataOf(
  meta: Readonly<Record<string, unknown>>,
  allowed: boolean | readonly string[],
): Record<string, string> {
  if (allowed === false) return {};
  const names = allowed === true ? Object.keys(meta).filter((name) => !OF_UPPY.has(name)) : allowed;
  const fields = names.map((name) => [name, meta[name] ?? ''] as const).filter(([, value]) => value !== '');
  return Object.fromEntries(fields.map(([name, value]) => [name, asText(name, value)]));
}

function asText(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TypeError(
    `The field ${name} is neither a text nor a number nor a boolean; leave it out by allowedMetaFields.`,
  );
}
