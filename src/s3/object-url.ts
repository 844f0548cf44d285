/** Where one object is reached. `path` is percent-encoded once; sign it and send it exactly so. */
export interface ObjectLocation {
  readonly protocol: string;
  readonly hostname: string;
  /** Absent when it is the protocol's own. */
  readonly port?: number;
  readonly path: string;
}

/**
 * The object's URL in parts, in path style (`endpoint/bucket/key`) or virtual-host style (`bucket.endpoint/key`). Nothing is
 * normalised: S3 treats `a//b` and `a/b` as two keys. Policy forbids the segments `.` and `..`, which clients would resolve.
 */
export function objectUrl(
  endpoint: URL,
  pathStyle: boolean,
  bucket: string,
  objectKey: string,
): ObjectLocation {
  const prefix = endpoint.pathname.replace(/\/+$/, '');
  const encodedKey = objectKey.split('/').map(encodeRfc3986).join('/');
  return {
    protocol: endpoint.protocol,
    hostname: pathStyle ? endpoint.hostname : `${bucket}.${endpoint.hostname}`,
    ...(endpoint.port === '' ? {} : { port: Number(endpoint.port) }),
    path: pathStyle ? `${prefix}/${encodeRfc3986(bucket)}/${encodedKey}` : `${prefix}/${encodedKey}`,
  };
}

/** As in the header `host`. */
export function hostOf({ hostname, port }: ObjectLocation): string {
  return port === undefined ? hostname : `${hostname}:${port}`;
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
