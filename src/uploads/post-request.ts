import type { CustomerKey } from '../custody/customer-key.ts';
import type { UrlWindow } from '../s3/port.ts';
import { checksumHeaders, metadataHeaders } from './put-request.ts';
import type { Upload } from './upload.ts';

export interface PostRequest {
  readonly method: 'POST';
  readonly url: string;
  /** All of them before the file; they hold the customer key. */
  readonly fields: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A form that a plain HTML page can send. Unlike a PUT it can overwrite until it ends: S3 takes no If-None-Match in a form. */
export function postRequest(
  window: UrlWindow,
  upload: Upload,
  key: CustomerKey,
  tags: Readonly<Record<string, string>>,
): PostRequest {
  const { url, fields } = window.form({
    bucket: upload.bucket,
    objectKey: upload.objectKey,
    size: upload.size,
    fields: {
      'Content-Type': upload.contentType,
      ...key.headers(),
      ...checksumHeaders(upload),
      ...metadataHeaders(upload.metadata),
      ...(Object.keys(tags).length > 0 && { tagging: asXml(tags) }),
      success_action_status: '201',
    },
  });
  return { method: 'POST', url, fields, expiresAt: window.expiresAt };
}

function asXml(tags: Readonly<Record<string, string>>): string {
  const each = Object.entries(tags).map(
    ([name, value]) => `<Tag><Key>${escape(name)}</Key><Value>${escape(value)}</Value></Tag>`,
  );
  return `<Tagging><TagSet>${each.join('')}</TagSet></Tagging>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
