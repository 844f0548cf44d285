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
  policy_refused: 'The tenant’s policy, and a grant’s limits, say what may be uploaded.',
  file_changed: 'Choose the file again.',
  dependency_unavailable: 'Nothing half-made remains. Try again in a moment.',
  not_arrived: 'S3 does not have it yet. Try again in a moment.',
  mismatch: 'What arrived is not what was announced: the slot is rejected for good.',
};

/** What the client's own words leave open. */
const CORS =
  'These are the bucket’s CORS rules: “sealslot cors print” has what this page needs, “sealslot cors apply” sets it.';

/** @param s3 the origin that the file was last sent to. */
export function explain(error: unknown, s3?: string): Explanation {
  const { code, status, peer, likely, s3Code } = facts(error);
  const what = error instanceof Error ? error.message : String(error);
  if (code === 'unreachable') {
    const isS3 = peer === 'S3';
    return {
      what: isS3 ? 'S3 gave this page no answer.' : 'The service gave no answer.',
      code,
      hint: [what, likely === 'cors' && isS3 ? CORS : ''].join(' ').trim(),
      address: isS3 && likely !== 'offline' ? s3 : undefined,
    };
  }
  if (code === 's3_refused')
    return {
      what,
      code: [code, status, s3Code].filter((part) => part !== undefined).join(' '),
      hint: 'S3 itself said no. “sealslot doctor” examines it, and names the cause.',
      address: undefined,
    };
  return {
    // The same as the message has, but not as JSON Pointers.
    what: mistakesIn(error).join(' ') || what,
    code,
    hint: code === undefined ? undefined : HINTS[code],
    address: undefined,
  };
}

/** What the service found wrong with the request, one by one. */
function mistakesIn(error: unknown): string[] {
  const { errors } = (error ?? {}) as { errors?: unknown };
  if (!Array.isArray(errors)) return [];
  return (errors as { path?: unknown; message?: unknown }[]).map(
    ({ path, message }) => `${String(path).replace(/^\//, '')}: ${String(message)}.`,
  );
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
