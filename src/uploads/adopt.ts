import { filenameProblem } from '../access/object-key.ts';
import type { CustomerKey } from '../custody/customer-key.ts';
import { DependencyUnavailable, KeyUnusable } from '../errors.ts';
import type { ObjectFacts, ObjectStore } from '../s3/port.ts';
import { customerKeyOf, wrapFor } from './customer-key-of.ts';
import { targetOf, tenantOf, type Services } from './services.ts';
import { adoptedId, idsIn } from './slot-ids.ts';
import { UNANNOUNCED, UNTOUCHED, type Upload } from './upload.ts';
import { isUnder } from './verify.ts';

/** `Principal.id` of no caller: those begin with `key:` or `jwt:`. So nobody is given a request for an adopted slot. */
const PRINCIPAL = 'import';

/** An object that lies in S3 without a slot, and the key that its owner says it has. */
export interface ForeignObject {
  readonly bucket: string;
  readonly objectKey: string;
  readonly key: CustomerKey;
}

export type Adoption =
  | { readonly kind: 'adopted' | 'already'; readonly id: string }
  | {
      readonly kind: 'absent' | 'wrong_key' | 'not_sse_c' | 'not_listed' | 'conflict';
      readonly detail: string;
    };

type Refused = Extract<Adoption, { detail: string }>;

/**
 * Takes an object over for a tenant: proof by HEAD with its key and by a listing → wrap → commit of a slot that is `uploaded` already.
 * Repeatable, and safe to run twice at once: the slot's id follows from the object's name. A slot that is there is not proven again.
 * @throws DependencyUnavailable when S3 says neither yes nor no, or the store or the wrapper does not answer; nothing was stored.
 */
export async function adoptObject(
  services: Services,
  tenant: string,
  object: ForeignObject,
): Promise<Adoption> {
  const { target } = tenantOf(services, tenant);
  const id = adoptedId(object.bucket, object.objectKey);
  const kin = idsIn(object.objectKey);
  const compared = await compareWithSlot(services, tenant, target, object, [id, ...kin]);
  if (compared !== undefined) return compared;

  const proof = await prove(services, target, object);
  if ('kind' in proof) return proof;
  const upload = uploadedSlot({ id, tenant, target, object, facts: proof.facts, now: services.now() });
  const wrapped = await wrapFor(services, object.key, upload, 1);
  if (await services.store.uploads.adopt(upload, wrapped, kin)) return { kind: 'adopted', id };
  const winner = await compareWithSlot(services, tenant, target, object, [id, ...kin]);
  return winner ?? conflict('another upload has this bucket and object key');
}

/** What is to be said when the tenant has a slot for this object, whoever made it; `undefined` when it has none. */
async function compareWithSlot(
  services: Services,
  tenant: string,
  target: string,
  { bucket, objectKey, key }: ForeignObject,
  ids: readonly string[],
): Promise<Adoption | undefined> {
  for (const id of ids) {
    const slot = await services.store.uploads.get(tenant, id);
    if (slot?.bucket !== bucket || slot.objectKey !== objectKey) continue;
    if (slot.target !== target) return conflict(`its upload ${id} is of the S3 target "${slot.target}"`);
    if (['rejected', 'deleting', 'deleted'].includes(slot.state)) {
      return conflict(`its upload ${id} is ${slot.state}`);
    }
    try {
      const same = (await customerKeyOf(services, slot)).equals(key);
      return same ? { kind: 'already', id } : conflict(`its upload ${id} has another key`);
    } catch (error) {
      if (!(error instanceof KeyUnusable)) throw error;
      return conflict(`the key of its upload ${id} cannot be opened to compare`);
    }
  }
  return undefined;
}

/** Only S3's own answers count: they must name SSE-C and this key, as some servers ignore both and answer 200, and this object key. */
async function prove(
  services: Services,
  target: string,
  object: ForeignObject,
): Promise<{ facts: ObjectFacts } | Refused> {
  const { bucket, objectKey, key } = object;
  const { objects } = targetOf(services, target);
  const answer = await objects.head(bucket, objectKey, key);
  if (answer.kind === 'absent') return { kind: 'absent', detail: 'S3 has no such object, or no such bucket' };
  if (answer.kind === 'found') {
    if (isUnder(answer.object, key)) {
      if (await isListed(objects, object, answer.object)) return { facts: answer.object };
      return {
        kind: 'not_listed',
        detail: 'S3 finds the object, but lists it under another name, or not at all',
      };
    }
    return { kind: 'not_sse_c', detail: 'S3 finds the object, but does not say that it is under this key' };
  }
  const { status, code } = answer;
  if (status !== 400 && status !== 403) {
    throw new DependencyUnavailable('s3', undefined, `S3 answered ${status} (${code}).`);
  }
  const plain = await objects.head(bucket, objectKey, undefined);
  if (plain.kind === 'found' && plain.object.sseCustomerAlgorithm === null) {
    return { kind: 'not_sse_c', detail: 'the object is not under SSE-C: S3 shows it without a key' };
  }
  return {
    kind: 'wrong_key',
    detail: `S3 refuses this key (${status}): it is not the object's, or the service's credentials may not read the object`,
  };
}

/**
 * A key is destroyed when the listing of its object key is empty (invariant 3), so this listing must show the object while it is there.
 * MinIO finds `a/b` by `/a/b` too, and lists it as `a/b` only.
 */
export async function isListed(
  objects: ObjectStore,
  { bucket, objectKey }: Pick<ForeignObject, 'bucket' | 'objectKey'>,
  { versionId }: ObjectFacts,
): Promise<boolean> {
  const { versions } = await objects.remains(bucket, objectKey);
  return versions.some((version) => versionId === null || version.versionId === versionId);
}

function uploadedSlot(from: {
  id: string;
  tenant: string;
  target: string;
  object: ForeignObject;
  facts: ObjectFacts;
  now: number;
}): Upload {
  const { id, tenant, target, object, facts, now } = from;
  return {
    id,
    tenant,
    principal: PRINCIPAL,
    ...UNTOUCHED,
    state: 'uploaded',
    target,
    bucket: object.bucket,
    objectKey: object.objectKey,
    filename: filenameIn(object.objectKey),
    contentType: facts.contentType ?? 'application/octet-stream',
    size: facts.size,
    sha256: facts.sha256,
    ...UNANNOUNCED,
    metadata: facts.metadata,
    expiresInSeconds: 0,
    createdAt: now,
    expiresAt: now,
    urlEndsAt: now,
    uploadedAt: now,
    etag: facts.etag,
    versionId: facts.versionId,
    nextCheckAt: null,
  };
}

/** The last part of an object key, where it can be a filename. */
export function filenameIn(objectKey: string): string | null {
  const filename = objectKey.slice(objectKey.lastIndexOf('/') + 1);
  return filenameProblem(filename) === undefined ? filename : null;
}

function conflict(detail: string): Refused {
  return { kind: 'conflict', detail };
}
