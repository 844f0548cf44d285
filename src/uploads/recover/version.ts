import type { CustomerKey } from '../../custody/customer-key.ts';
import { KeyNotMine, KeyRefused } from '../../custody/errors.ts';
import type { FoundCopy } from '../../custody/recovery-copy.ts';
import { readRecoveryTags } from '../../custody/recovery-copy.ts';
import { DependencyUnavailable } from '../../errors.ts';
import type { ListedVersion, ObjectFacts } from '../../s3/port.ts';
import { slotIdsOf } from '../slot-ids.ts';
import { targetOf, type Services } from '../services.ts';
import { compare, isUnder } from '../verify.ts';
import type { Refusal } from './outcome.ts';

/** One version of an object, and who may own it. */
export interface Candidate {
  readonly target: string;
  readonly bucket: string;
  readonly objectKey: string;
  readonly version: ListedVersion;
  /** The tenants that are configured with this target and bucket. */
  readonly tenants: readonly string[];
  /** Only this tenant's; all unless given. */
  readonly only: string | undefined;
}

/** A version whose copy opened in its place, and which S3 has under that key. */
export interface ProvenVersion {
  readonly version: ListedVersion;
  readonly copy: FoundCopy;
  readonly facts: ObjectFacts;
  /** Whether its uploader added what downloads would obey, such as a Content-Encoding. */
  readonly isSpoilt: boolean;
}

/** A KEK that is not held, or that refuses: brought back, it might show this version to be the newest. So its object has to wait. */
export class KekNeeded extends Error {}

/** What nobody may add and S3 does not force to be signed. Others' tags and storage classes come by lifecycle rules and scanners too. */
const SPOILT_BY = new Set([
  'contentEncoding',
  'contentDisposition',
  'contentLanguage',
  'cacheControl',
  'expires',
  'websiteRedirect',
]);

/**
 * Copy → place → key → S3's own answer; nothing is taken on trust.
 * @returns undefined when the version went away meanwhile, or is another tenant's than asked for.
 * @throws KekNeeded; DependencyUnavailable.
 */
export async function proveVersion(
  services: Services,
  candidate: Candidate,
): Promise<ProvenVersion | Refusal | undefined> {
  const { bucket, objectKey, version } = candidate;
  const { tags } = targetOf(services, candidate.target);
  const found = await tags.get({ bucket, objectKey, versionId: version.versionId });
  if (!found) return undefined;
  const copy = readRecoveryTags(found);
  if (!copy) return withoutCopy(found);
  const problem = placeProblem(candidate, copy);
  if (problem) return problem;
  if (candidate.only !== undefined && copy.tenant !== candidate.only) return undefined;
  const key = await open(services, candidate, copy);
  if ('code' in key) return key;
  try {
    return await askForIt(services, candidate, copy, key);
  } finally {
    key.erase();
  }
}

function withoutCopy(tags: Readonly<Record<string, string>>): Refusal {
  const isOurs = Object.keys(tags).some((name) => name.startsWith('sealslot-'));
  return isOurs
    ? { code: 'bad_copy', detail: 'its tags are not all, or not as this service writes them' }
    : { code: 'no_copy', detail: 'its tags hold no copy of a key' };
}

function placeProblem({ bucket, objectKey, tenants }: Candidate, copy: FoundCopy): Refusal | undefined {
  if (!tenants.includes(copy.tenant)) {
    const detail = `its tenant "${copy.tenant}" is not configured with this target and bucket`;
    return { code: 'not_configured', detail };
  }
  if (slotIdsOf(bucket, objectKey).includes(copy.slot)) return undefined;
  return { code: 'misplaced', detail: `its object key is not one of the upload ${copy.slot}` };
}

async function open(
  { wrapper, observer }: Services,
  { bucket, objectKey }: Candidate,
  { tenant, slot, generation, wrapped }: FoundCopy,
): Promise<CustomerKey | Refusal> {
  const place = { purpose: 'object', tenant, bucket, objectKey, slot, generation } as const;
  try {
    return await observer.timed('unwrap', () => wrapper.unwrap(wrapped, place));
  } catch (error) {
    if (!(error instanceof KeyNotMine || error instanceof KeyRefused)) throw error;
    const isForged =
      error instanceof KeyRefused && (error.refusal === 'not_authentic' || error.refusal === 'wrong_form');
    if (isForged) return { code: 'not_authentic', detail: 'its copy does not open in this place' };
    throw new KekNeeded(error.message);
  }
}

async function askForIt(
  services: Services,
  { target, bucket, objectKey, version }: Candidate,
  copy: FoundCopy,
  key: CustomerKey,
): Promise<ProvenVersion | Refusal | undefined> {
  const { objects } = targetOf(services, target);
  const answer = await services.observer.timed('s3', () =>
    objects.head(bucket, objectKey, key, version.versionId ?? undefined),
  );
  if (answer.kind === 'absent') return undefined;
  if (answer.kind === 'unknown') {
    const { status, code } = answer;
    if (status !== 400 && status !== 403) {
      throw new DependencyUnavailable('s3', undefined, `S3 answered ${status} (${code}).`);
    }
    const detail = `S3 refuses the key of its copy (${status}): it is under another, or the service may not read it`;
    return { code: 'wrong_key', detail };
  }
  const facts = answer.object;
  if (!isUnder(facts, key)) {
    return {
      code: 'not_sse_c',
      detail: 'S3 finds it, but does not say that it is under the key of its copy',
    };
  }
  const differences = compare({ ...facts, contentType: facts.contentType ?? '' }, key, facts, facts.tagCount);
  return { version, copy, facts, isSpoilt: differences.some(({ field }) => SPOILT_BY.has(field)) };
}
