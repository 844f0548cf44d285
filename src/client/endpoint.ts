/**
 * Where the service is.
 * @throws TypeError unless it is https, or http on this machine: what else may read along would have every key.
 */
export function parseEndpoint(endpoint: string | URL): URL {
  const url = URL.parse(String(endpoint));
  if (url === null || !['https:', 'http:'].includes(url.protocol)) {
    throw new TypeError('must be a URL such as https://uploads.example.com');
  }
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw new TypeError('must have no query, fragment or credentials');
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new TypeError('must be https, as keys travel over it; http is taken for localhost only');
  }
  return url;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/** The same, for an option of that name. @throws TypeError that names it. */
export function endpointOption(endpoint: string | URL): URL {
  try {
    return parseEndpoint(endpoint);
  } catch (error) {
    throw new TypeError(`endpoint ${(error as Error).message}`, { cause: error });
  }
}
