/** Where one object is reached. `path` is percent-encoded once; sign it and send it exactly so. */
export interface ObjectLocation {
  readonly protocol: string;
  /** As in the header `host`: with the port, unless it is the protocol's own. */
  readonly host: string;
  readonly path: string;
}

/**
 * The object's URL in parts, in path style (`endpoint/bucket/key`) or virtual-host style (`bucket.endpoint/key`). Nothing is
 * normalised: S3 treats `a//b` and `a/b` as two keys. Policy forbids the segments `.` and `..`, which clients would resolve.
 */
export function objectUrl(
  { protocol, host, pathname }: URL,
  pathStyle: boolean,
  bucket: string,
  objectKey: string,
): ObjectLocation {
  const prefix = pathname.replace(/\/+$/, '');
  const encodedKey = objectKey.split('/').map(encodeRfc3986).join('/');
  return pathStyle
    ? { protocol, host, path: `${prefix}/${encodeRfc3986(bucket)}/${encodedKey}` }
    : { protocol, host: `${bucket}.${host}`, path: `${prefix}/${encodedKey}` };
}

/** Percent-encodes all but RFC 3986's unreserved characters, as SigV4 wants it: `encodeURIComponent` leaves out `!'()*`. */
export function encodeRfc3986(text: string): string {
  // Most names and values are of these alone.
  if (/^[\w.~-]*$/.test(text)) return text;
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
