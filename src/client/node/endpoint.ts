import { isSafe } from '../is-safe.ts';

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
  if (!isSafe(url)) {
    throw new TypeError('must be https, as keys travel over it; http is taken for localhost only');
  }
  return url;
}
