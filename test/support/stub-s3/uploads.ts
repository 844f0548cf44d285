import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Fault } from './faults.ts';
import { keyIn, type Answer, type Objects } from './objects.ts';

interface Upload {
  readonly objectKey: string;
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly parts: Map<number, Buffer>;
}

const error = (status: number, code: string): Answer => ({ status, code });

/** The unfinished multipart uploads of one bucket. */
export class Uploads {
  readonly #bucket: string;
  readonly #objects: Objects;
  readonly #fault: Fault | undefined;
  readonly #begun = new Map<string, Upload>();

  constructor(bucket: string, objects: Objects, fault: Fault | undefined) {
    this.#bucket = bucket;
    this.#objects = objects;
    this.#fault = fault;
  }

  list(prefix = ''): readonly Upload[] {
    return [...this.#begun.values()].filter(({ objectKey }) => objectKey.startsWith(prefix));
  }

  /** @returns undefined when this request is not about a multipart upload. */
  answer(
    method: string,
    objectKey: string,
    query: URLSearchParams,
    { headers, body }: { headers: IncomingHttpHeaders; body: Buffer },
  ): Answer | undefined {
    if (method === 'POST' && query.has('uploads')) return this.#begin(objectKey, headers);
    const id = query.get('uploadId');
    if (id === null) return undefined;
    if (method === 'DELETE' && /denies (aborting|delete)/.test(this.#fault ?? ''))
      return error(403, 'AccessDenied');
    if (method === 'GET' && this.#fault === 'denies parts') return error(403, 'AccessDenied');
    const upload = this.#begun.get(id);
    if (upload === undefined) return error(404, 'NoSuchUpload');
    if (method === 'PUT') return this.#take(upload, Number(query.get('partNumber')), headers, body);
    if (method === 'GET') return parts(this.#bucket, upload);
    this.#begun.delete(id);
    return method === 'DELETE' ? { status: 204 } : this.#complete(upload);
  }

  #begin(objectKey: string, headers: IncomingHttpHeaders): Answer {
    if (this.#fault === 'knows no parts') return error(501, 'NotImplemented');
    const id = randomUUID();
    this.#begun.set(id, { objectKey, id, headers, parts: new Map() });
    const body = `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`;
    return { status: 200, body };
  }

  #take(upload: Upload, number: number, headers: IncomingHttpHeaders, body: Buffer): Answer {
    const isRight = keyIn(headers) === keyIn(upload.headers) || this.#fault === 'takes any part';
    if (!isRight) return error(400, 'InvalidRequest');
    upload.parts.set(number, body);
    return { status: 200, headers: { etag: `"part-${number}"` } };
  }

  #complete({ objectKey, headers, parts }: Upload): Answer {
    const plain = Object.entries(headers).filter(([name]) => !name.includes('-customer-'));
    const kept = this.#fault === 'forgets the key of parts' ? Object.fromEntries(plain) : headers;
    const { headers: made = {}, status } = this.#objects.put(
      objectKey,
      kept,
      Buffer.concat([...parts.values()]),
    );
    const body = '<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>';
    return { status, headers: made, body };
  }
}

function parts(bucket: string, { id, parts }: Upload): Answer {
  const each = [...parts].map(
    ([number, { length }]) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>"part-${number}"</ETag><Size>${length}</Size></Part>`,
  );
  const body = `<ListPartsResult><Bucket>${bucket}</Bucket><UploadId>${id}</UploadId><IsTruncated>false</IsTruncated>${each.join('')}</ListPartsResult>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}
