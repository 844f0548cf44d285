import { randomUUID } from 'node:crypto';
import type { ObjectStore } from '../s3/port.ts';
import { verdict, type Said } from './ask.ts';
import { statusOf } from './refusal-of.ts';

/** What one call has made, as S3 named it. */
export interface Made {
  /** null on a bucket without versions. */
  readonly versionId?: string | null;
  readonly uploadId?: string;
}

interface Traces {
  /** The versions that S3 named; `null` on a bucket without them. */
  readonly versionIds: Set<string>;
  /** Multipart uploads that were begun, completed ones too. */
  readonly uploadIds: Set<string>;
  /** Something was sent whose answer never came, or said neither yes nor no. */
  unclear: boolean;
}

/** What all object keys of the doctor begin with. */
export const CANARIES = '.sealslot-doctor/';

/** An object key of the doctor's own, which nobody has used before. */
export function canaryName(what: string): string {
  return `${CANARIES}${randomUUID()}/${what}`;
}

/**
 * The objects that a doctor makes, so that all of them go again: whatever it may have made is noted before the request leaves.
 */
export class Canaries {
  readonly #objects: ObjectStore;
  readonly #bucket: string;
  readonly #traces = new Map<string, Traces>();

  constructor(objects: ObjectStore, bucket: string) {
    this.#objects = objects;
    this.#bucket = bucket;
  }

  /** A new object key. From now on whatever lies under it is removed at the end. */
  name(what: string): string {
    const objectKey = canaryName(what);
    this.#traces.set(objectKey, { versionIds: new Set(), uploadIds: new Set(), unclear: false });
    return objectKey;
  }

  /** Sends a PUT or a copy to one of the names, and notes what S3 says that it made: some buckets may not be listed. */
  async put(objectKey: string, send: () => Promise<Said>): Promise<Said> {
    const traces = this.#tracesOf(objectKey);
    const wasUnclear = traces.unclear;
    traces.unclear = true;
    const said = await send();
    const answer = verdict(said);
    if (answer === 'taken') traces.versionIds.add(said.headers['x-amz-version-id'] ?? 'null');
    if (answer !== 'unclear') traces.unclear = wasUnclear;
    return said;
  }

  /** Has one of the service's own calls make something under one of the names. Rejects as the call does. */
  async make<T extends Made>(objectKey: string, call: () => Promise<T>): Promise<T> {
    const traces = this.#tracesOf(objectKey);
    const wasUnclear = traces.unclear;
    traces.unclear = true;
    try {
      const made = await call();
      if (made.versionId !== undefined) traces.versionIds.add(made.versionId ?? 'null');
      if (made.uploadId !== undefined) traces.uploadIds.add(made.uploadId);
      traces.unclear = wasUnclear;
      return made;
    } catch (error) {
      const status = statusOf(error);
      if (status !== undefined && verdict({ status }) === 'refused') traces.unclear = wasUnclear;
      throw error;
    }
  }

  /** Removes everything, proven by listing where that is allowed. @returns the object keys that may still be there. */
  async remove(): Promise<string[]> {
    const names = [...this.#traces];
    this.#traces.clear();
    const gone = await Promise.all(names.map(([objectKey, traces]) => this.#removeOne(objectKey, traces)));
    return names.filter((_, i) => gone[i] !== true).map(([objectKey]) => objectKey);
  }

  #tracesOf(objectKey: string): Traces {
    const traces = this.#traces.get(objectKey);
    if (traces === undefined) throw new Error('not the name of a canary');
    return traces;
  }

  async #removeOne(objectKey: string, traces: Traces): Promise<boolean> {
    try {
      const remains = await this.#objects.remains(this.#bucket, objectKey);
      await this.#objects.remove(this.#bucket, objectKey, remains);
      const after = await this.#objects.remains(this.#bucket, objectKey);
      return after.versions.length === 0 && after.multipartUploadIds.length === 0;
    } catch {
      return this.#removeByMemory(objectKey, traces);
    }
  }

  /** Without the right to list, what S3 said when the object was made has to do. */
  async #removeByMemory(objectKey: string, { versionIds, uploadIds, unclear }: Traces): Promise<boolean> {
    // The version of a lost answer has no known id, but on a bucket without versions it is `null`.
    const ids = unclear ? [...versionIds, 'null'] : [...versionIds];
    const versions = ids.map((versionId) => ({ versionId }));
    const remains = { versions, multipartUploadIds: [...uploadIds] };
    return this.#objects.remove(this.#bucket, objectKey, remains).then(
      () => !unclear,
      () => false,
    );
  }
}
