import type { Config } from '../../config/config.ts';

/**
 * The Content-Security-Policy of the page: its own files, the service, the S3 that uploads go to, and where links to content lead.
 * Nothing inline, nowhere else.
 */
export function pagePolicy(config: Pick<Config, 'content' | 's3' | 'tenants'>): string {
  const { origin } = config.content;
  const shown = ["'self'", 'blob:', ...(origin === undefined ? [] : [origin.origin])].join(' ');
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src ${shown}`,
    `media-src ${shown}`,
    ["connect-src 'self'", ...uploadOrigins(config)].join(' '),
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Where presigned URLs lead: exact hosts, for `https://*.amazonaws.com` would let a script send to buckets of others. */
function uploadOrigins({ s3, tenants }: Pick<Config, 's3' | 'tenants'>): string[] {
  const origins = Object.values(tenants).flatMap(({ target: name, bucket }) => {
    const target = s3.targets[name];
    if (target === undefined) return [];
    const { protocol, host } = target.publicEndpoint;
    return [target.pathStyle ? `${protocol}//${host}` : `${protocol}//${bucket}.${host}`];
  });
  return [...new Set(origins)].sort();
}
