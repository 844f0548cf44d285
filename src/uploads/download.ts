import { urlSeconds } from '../access/policy.ts';
import { requireDownloadable } from './content.ts';
import { customerKeyOf } from './customer-key-of.ts';
import { targetOf, tenantOf, type Services } from './services.ts';
import type { Upload } from './upload.ts';

export interface DownloadAsk {
  readonly range?: string;
  readonly disposition?: 'attachment' | 'inline';
  readonly expiresInSeconds?: number;
}

export interface GetRequest {
  readonly method: 'GET';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAt: number;
}

/** A presigned GET of exactly the verified version. What an uploader could smuggle into response headers is overridden. */
export async function downloadUpload(
  services: Services,
  upload: Upload,
  ask: DownloadAsk,
): Promise<GetRequest> {
  requireDownloadable(services, upload);
  const seconds = urlSeconds(tenantOf(services, upload.tenant), ask.expiresInSeconds);
  const window = await targetOf(services, upload.target).presigner.open(seconds, services.now());
  const key = await customerKeyOf(services, upload);
  const headers = {
    ...key.headers(),
    ...(ask.range !== undefined && { range: ask.range }),
    ...pinned(upload),
  };
  const url = await services.observer.timed('sign', async () =>
    window.sign({
      method: 'GET',
      bucket: upload.bucket,
      objectKey: upload.objectKey,
      headers,
      query: {
        ...(upload.versionId !== null && { versionId: upload.versionId }),
        'response-content-type': upload.contentType,
        'response-content-disposition': disposition(ask.disposition ?? 'attachment', upload.filename),
        'response-cache-control': 'private, no-store',
      },
    }),
  );
  services.observer.slot('downloaded', upload);
  return { method: 'GET', url, headers, expiresAt: window.expiresAt };
}

/** Where no version tells the verified object from one that came after it, S3 is asked for this one only. */
function pinned({ versionId, etag }: Upload): Record<string, string> {
  return versionId === null && etag !== null ? { 'if-match': etag } : {};
}

/** RFC 6266 with RFC 8187 encoding, so that any filename survives. */
export function disposition(kind: 'attachment' | 'inline', filename: string | null): string {
  if (filename === null) return kind;
  const encoded = encodeURIComponent(filename).replace(
    /['()*!]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename*=UTF-8''${encoded}`;
}
