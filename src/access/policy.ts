import type { TenantConfig } from '../config/config.ts';
import { InvalidRequest, PolicyRefused } from '../errors.ts';
import type { FieldError } from '../errors.ts';

/** What a caller wants to upload; well-formed already. */
export interface UploadAsk {
  readonly contentType: string;
  readonly size: number;
  readonly sha256?: string | undefined;
  readonly expiresInSeconds?: number | undefined;
}

const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";
const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;
const MEDIA_TYPE = new RegExp(
  `^(${TOKEN}/${TOKEN})[ \\t]*(?:;[ \\t]*(?:${TOKEN}=(?:${TOKEN}|${QUOTED})[ \\t]*)?)*$`,
);

/**
 * Whether a tenant may get this slot, and for how long its URLs live.
 * @throws InvalidRequest when `expiresInSeconds` is out of the tenant's bounds.
 * @throws PolicyRefused with all other refusals at once.
 */
export function authoriseUpload(policy: TenantConfig, ask: UploadAsk): { expiresInSeconds: number } {
  const expiresInSeconds = urlSeconds(policy, ask.expiresInSeconds);

  const errors: FieldError[] = [];
  if (!(ask.size <= policy.maxSizeBytes)) {
    errors.push({ path: '/size', message: `must be at most ${policy.maxSizeBytes} bytes` });
  }
  if (!contentTypeAllowed(policy.contentTypes, ask.contentType)) {
    errors.push({ path: '/contentType', message: `must be one of ${policy.contentTypes.join(', ')}` });
  }
  if (policy.requireSha256 && ask.sha256 === undefined) {
    errors.push({ path: '/sha256', message: 'is required' });
  }
  if (errors.length > 0) throw new PolicyRefused(errors);
  return { expiresInSeconds };
}

/**
 * How long a URL lives: as asked, within the tenant's bounds, else the tenant's default.
 * @throws InvalidRequest when it is out of bounds.
 */
export function urlSeconds(policy: TenantConfig, asked: number | undefined): number {
  const { min, max } = policy.urlSeconds;
  const seconds = asked ?? policy.urlSeconds.default;
  if (!(seconds >= min && seconds <= max)) {
    throw new InvalidRequest([{ path: '/expiresInSeconds', message: `must be from ${min} to ${max}` }]);
  }
  return seconds;
}

/**
 * Parameters don't count, but must be well-formed: a browser reads `image/png;,text/html` as HTML, so text that isn't one media type
 * matches nothing but `*`.
 */
function contentTypeAllowed(globs: readonly string[], contentType: string): boolean {
  const essence = MEDIA_TYPE.exec(contentType.trim())?.[1]?.toLowerCase();
  return globs.some((glob) => {
    if (glob === '*') return true;
    if (essence === undefined) return false;
    const wanted = glob.toLowerCase();
    return wanted.endsWith('/*') ? essence.startsWith(wanted.slice(0, -1)) : essence === wanted;
  });
}
