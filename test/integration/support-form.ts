import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { createTarget } from '../../src/s3/adapters/target.ts';
import type { ObjectFacts, S3Target } from '../../src/s3/port.ts';
import { compare } from '../../src/uploads/verify.ts';
import type { Available } from '../support/available.ts';
import type { SessionCredentials } from '../support/minio-session.ts';
import type { S3Server } from '../support/s3-server.ts';
import { targetConfigOf } from '../support/s3-target.ts';

export const FILE = Buffer.from('the file of a form\n');
export const OTHER_FILE = Buffer.from('another one so long');
export const BUCKET = 'forms';
export const OTHER_BUCKET = 'forms-of-others';
const METADATA = { invoice: '7' };
/** S3's own is `tagging`; SeaweedFS refuses a policy that names it. */
export const TAG_FIELD: Readonly<Record<S3Server['name'], Readonly<Record<string, string>>>> = {
  minio: { tagging: '<Tagging><TagSet><Tag><Key>sealslot:v</Key><Value>1</Value></Tag></TagSet></Tagging>' },
  seaweedfs: { 'x-amz-tagging': 'sealslot%3Av=1' },
};

export type Field = readonly [name: string, value: string];

/** A form that a slot would be given, and how to use it. */
export interface Form {
  readonly url: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly key: CustomerKey;
  readonly objectKey: string;
}

export interface Sending {
  readonly url: string;
  readonly fields: readonly Field[];
  readonly file: Uint8Array;
  readonly headers?: readonly string[];
}

export interface Sent {
  readonly status: number;
  readonly body: string;
}

/** What lies in the bucket, and how `complete` would see it. */
export interface Lies {
  readonly facts: ObjectFacts;
  /** The names of all that differs from what was announced. */
  readonly differs: readonly string[];
}

export class FormWorld {
  readonly #backend: Available<S3Server>;
  #target: S3Target | undefined;
  #folder: string | undefined;

  constructor(backend: Available<S3Server>) {
    this.#backend = backend;
  }

  async open(versioning: boolean): Promise<void> {
    const server = this.#backend.get();
    await server.createBucket(BUCKET, { versioning });
    await server.createBucket(OTHER_BUCKET);
    this.#target = createTarget(targetConfigOf(server));
    this.#folder = await mkdtemp(join(tmpdir(), 'sealslot-form-'));
  }

  async close(): Promise<void> {
    this.#target?.close();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true });
  }

  get server(): S3Server {
    return this.#backend.get();
  }

  get target(): S3Target {
    if (this.#target === undefined) throw new Error('the world is not open');
    return this.#target;
  }

  /** @param more beside the type, the status, the three SSE-C fields, one metadatum, one tag and the file's SHA-256. */
  async form(
    more: Readonly<Record<string, string>> = {},
    options: {
      seconds?: number;
      now?: number;
      session?: SessionCredentials;
      checksum?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<Form> {
    const {
      seconds = 60,
      now = Date.now(),
      session,
      checksum = { 'x-amz-checksum-sha256': sha256(FILE) },
    } = options;
    const objectKey = `acme/${randomUUID()}/ä {a} $b.txt`;
    const target = session === undefined ? this.target : createTarget(targetConfigOf(this.server, session));
    const key = CustomerKey.generate();
    const window = await target.presigner.open(seconds, now);
    const fields = {
      'Content-Type': 'text/plain',
      success_action_status: '201',
      ...key.headers(),
      'x-amz-meta-invoice': METADATA.invoice,
      ...checksum,
      ...TAG_FIELD[this.server.name],
      ...more,
    };
    const form = window.form({ bucket: BUCKET, objectKey, fields, size: FILE.length });
    if (session !== undefined) target.close();
    return { ...form, key, objectKey };
  }

  /** `curl -F`, as the README has it: the fields come by a pipe, so that no customer key is on a command line. */
  async curl({ url, fields, file, headers = [] }: Sending): Promise<Sent> {
    const path = join(this.#folder ?? '', randomUUID());
    await writeFile(path, file);
    const child = spawn(
      'curl',
      [
        ...['-sS', '--proto', '=https', '--cacert', this.server.caFile, '-K', '-', '-F', `file=@${path}`],
        ...['-w', '\n%{http_code}', ...headers.flatMap((header) => ['-H', header]), '--url', url],
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    child.stdin.end(
      fields.map(([name, value]) => `form-string = ${JSON.stringify(`${name}=${value}`)}\n`).join(''),
    );
    const output = await text(child.stdout);
    const end = output.lastIndexOf('\n');
    return { body: output.slice(0, end), status: Number(output.slice(end + 1)) };
  }

  /** HEAD with the key, and, where S3 says nothing then, without: undefined when there is nothing at this object key. */
  async lies({ objectKey, key }: Pick<Form, 'objectKey' | 'key'>): Promise<Lies | undefined> {
    const { objects } = this.target;
    const answers = [
      await objects.head(BUCKET, objectKey, key),
      await objects.head(BUCKET, objectKey, undefined),
    ];
    const remains = await objects.remains(BUCKET, objectKey);
    if (remains.versions.length === 0 && remains.multipartUploadIds.length === 0) return undefined;
    const found = answers.find((answer) => answer.kind === 'found');
    if (found === undefined)
      throw new Error(`there is something that shows itself to no HEAD: ${JSON.stringify(answers)}`);
    const announced = {
      size: FILE.length,
      contentType: 'text/plain',
      sha256: sha256(FILE),
      metadata: METADATA,
    };
    const differs = compare(announced, key, found.object, 1).map(({ field }) => field);
    return { facts: found.object, differs };
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');
