import { make } from './dom.ts';

/** An error in words: what happened, its stable code, and what to do about it. */
export interface Explanation {
  readonly what: string;
  readonly code: string | undefined;
  readonly hint: string | undefined;
  /** Where a look may help. */
  readonly address: string | undefined;
}

const HINTS: Readonly<Record<string, string>> = {
  unauthenticated: 'The token is wrong, has ended, or was revoked. Sign out, and sign in with another.',
  insufficient_scope: 'Sign in with a token that may.',
  content_type_refused: 'The tenant’s policy names other types: tenants.*.contentTypes.',
  file_changed: 'Choose the file again.',
  dependency_unavailable: 'Nothing half-made remains. Try again in a moment.',
  not_arrived: 'S3 does not have it yet. Try again in a moment.',
  mismatch: 'What arrived is not what was announced: the slot is rejected for good.',
};

/** @param s3 the origin that the file was last sent to. */
export function explain(error: unknown, s3?: string): Explanation {
  const { code, status, peer, likely, s3Code } = facts(error);
  const what = error instanceof Error ? error.message : String(error);
  if (code === 'unreachable')
    return {
      what,
      code,
      hint: unreachable(peer, likely),
      address: peer === 'S3' && likely !== 'offline' ? s3 : undefined,
    };
  if (code === 's3_refused')
    return {
      what,
      code: [code, status, s3Code].filter((part) => part !== undefined).join(' '),
      hint: 'S3 itself said no. “sealslot doctor” examines it, and names the cause.',
      address: undefined,
    };
  return { what, code, hint: code === undefined ? undefined : HINTS[code], address: undefined };
}

function unreachable(peer: unknown, likely: unknown): string {
  if (likely === 'offline') return 'This device seems to be offline. The upload can go on when it is not.';
  if (peer !== 'S3') return 'Is it running? Try again when it is.';
  if (likely === 'cors')
    return `Likely the bucket’s CORS rules: they must let ${location.origin} send PUT with any header, and read ETag. “sealslot cors” prints and applies them.`;
  return 'Likely the certificate of S3 is not trusted by this browser, or S3 is down. Open its address in a tab: the browser says which.';
}

function facts(error: unknown): Partial<Record<'code' | 'status' | 'peer' | 'likely' | 's3Code', string>> {
  if (typeof error !== 'object' || error === null) return {};
  const found = error as Record<string, unknown>;
  const names = ['code', 'status', 'peer', 'likely', 's3Code'] as const;
  return Object.fromEntries(
    names
      .filter((name) => typeof found[name] === 'string' || typeof found[name] === 'number')
      .map((name) => [name, String(found[name])]),
  );
}

/** Into an element of the class `problem`. */
export function showProblem(place: HTMLElement, { what, code, hint, address }: Explanation): void {
  place.replaceChildren(make('strong', {}, what));
  if (code !== undefined) place.append(' ', make('code', {}, code));
  if (hint !== undefined) {
    const link =
      address !== undefined && make('a', { href: address, target: '_blank', rel: 'noreferrer' }, address);
    place.append(make('span', { className: 'hint' }, hint, link && ' ', link));
  }
  place.hidden = false;
}
