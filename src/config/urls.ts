import type { Mistakes, Path } from './mistakes.ts';

export function checkEndpoint(path: Path, text: string | undefined, mistakes: Mistakes): void {
  const url = parse(path, text, 'https://s3.eu-central-1.amazonaws.com', mistakes);
  if (url === undefined) return;
  // Customer keys travel in the headers of every request.
  if (url.protocol !== 'https:') mistakes.add(path, 'must be https: SSE-C keys travel in headers', text);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    mistakes.add(path, 'must have no user, query or fragment', text);
}

export function checkJwksUrl(path: Path, text: string | undefined, mistakes: Mistakes): void {
  const url = parse(path, text, 'https://login.example.com/jwks.json', mistakes);
  if (url === undefined) return;
  if (!isPrivate(url)) mistakes.add(path, 'must be https (or http on loopback)', text);
  if (url.username !== '' || url.password !== '') mistakes.add(path, 'must have no user', text);
}

export function checkOrigin(path: Path, text: string | undefined, mistakes: Mistakes): void {
  const example = 'https://app.example.com';
  const url = parse(path, text, example, mistakes);
  if (url === undefined) return;
  if (url.origin !== text)
    mistakes.add(path, `must be an exact origin such as ${example}, without path or default port`, text);
  // Customer keys are handed to this page.
  else if (!isPrivate(url)) mistakes.add(path, 'must be https (or http on loopback)', text);
}

export function checkWebhookUrl(path: Path, text: string | undefined, mistakes: Mistakes): void {
  const url = parse(path, text, 'https://app.example.com/hooks/uploads', mistakes);
  if (url === undefined) return;
  if (url.protocol !== 'https:') mistakes.add(path, 'must be https', text);
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    mistakes.add(path, 'must have no user or fragment: messages are signed', text);
}

function parse(path: Path, text: string | undefined, example: string, mistakes: Mistakes): URL | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url === null) mistakes.add(path, `must be a URL such as ${example}`, text);
  return url ?? undefined;
}

/** Nobody on the way can read or change what this URL carries. */
function isPrivate(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

/** Of a name or address, an IPv6 one with or without brackets. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || /^(\[::1\]|::1)$/.test(host) || /^127(\.\d+){3}$/.test(host);
}
