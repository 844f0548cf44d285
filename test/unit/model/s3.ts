import { DependencyUnavailable } from '../../../src/errors.ts';
import type { ObjectRemains } from '../../../src/s3/port.ts';
import { FakeObjectStore, type FakeCallName } from '../../support/fake-s3.ts';

export const FAULTS = [
  'none',
  'head 404',
  'head 403',
  'listing fails',
  'all 403',
  'all 500',
  'dead',
  'a call fails',
  'an answer is lost',
] as const;
export type Fault = (typeof FAULTS)[number];

/** What may bring something to an object key. */
const WRITES: ReadonlySet<FakeCallName> = new Set(['beginMultipart', 'completeMultipart', 'copy', 'stream']);

/** S3 with its bad days. It knows of which object keys the last that the service heard is that nothing is there. */
export class ModelS3 extends FakeObjectStore {
  readonly proven = new Set<string>();

  /** @param nth of the calls from now on, for those of one call. */
  fault(fault: Fault, nth = 1): void {
    this.dead = fault === 'dead';
    this.listingFails = fault === 'listing fails';
    this.headAnswer = undefined;
    this.before = undefined;
    this.after = undefined;
    if (fault === 'head 404') this.headAnswer = { kind: 'absent' };
    if (fault === 'head 403') this.headAnswer = { kind: 'unknown', status: 403, code: 'AccessDenied' };
    if (fault === 'all 403' || fault === 'all 500') {
      const status = fault === 'all 403' ? 403 : 500;
      this.headAnswer = { kind: 'unknown', status, code: 'Unclear' };
      this.before = ({ name }) => {
        if (name !== 'head') throw new DependencyUnavailable('s3', new Error(String(status)));
      };
    }
    let left = nth;
    const once = () => ((left -= 1) > 0 ? undefined : this.#once());
    if (fault === 'a call fails') this.before = once;
    if (fault === 'an answer is lost') this.after = once;
  }

  override async called<T>(...args: Parameters<FakeObjectStore['called']>): Promise<T> {
    const [name, { objectKey }] = args;
    if (WRITES.has(name)) this.proven.delete(objectKey);
    try {
      const answer = await super.called(...args);
      if (name === 'remains') this.#heard(objectKey, isEmpty(answer as ObjectRemains));
      return answer as T;
    } catch (error) {
      if (name === 'remains') this.#heard(objectKey, false);
      throw error;
    }
  }

  #heard(objectKey: string, isAbsent: boolean): void {
    if (isAbsent) this.proven.add(objectKey);
    else this.proven.delete(objectKey);
  }

  override put(...args: Parameters<FakeObjectStore['put']>): ReturnType<FakeObjectStore['put']> {
    this.proven.delete(args[0]);
    return super.put(...args);
  }

  /** Whatever lies there: versions, delete markers, unfinished uploads. */
  hasAny(objectKey: string): boolean {
    return this.versionsOf(objectKey).length > 0 || (this.unfinished.get(objectKey) ?? []).length > 0;
  }

  #once(): never {
    this.fault('none');
    throw new DependencyUnavailable('s3', undefined);
  }
}

const isEmpty = ({ versions, multipartUploadIds }: ObjectRemains): boolean =>
  versions.length === 0 && multipartUploadIds.length === 0;
