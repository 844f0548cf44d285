import { GetObjectTaggingCommand, PutObjectTaggingCommand, type S3Client } from '@aws-sdk/client-s3';
import { DependencyUnavailable } from '../../errors.ts';
import type { ObjectTags } from '../port.ts';
import { versionParameters } from './parameters.ts';
import { sdkFailure } from './sdk-error.ts';

/** AWS says `MethodNotAllowed` of a delete marker. */
const NO_OBJECT = new Set(['NoSuchKey', 'NoSuchVersion', 'MethodNotAllowed']);

export function sdkObjectTags(client: S3Client): ObjectTags {
  return {
    get: (object) =>
      unlessAbsent(undefined, async () => {
        const answer = await client.send(new GetObjectTaggingCommand(versionParameters(object)));
        return Object.fromEntries((answer.TagSet ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));
      }),
    put: (object, tags) =>
      unlessAbsent(false, async () => {
        const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
        await client.send(new PutObjectTaggingCommand({ ...versionParameters(object), Tagging: { TagSet } }));
        return true;
      }),
  };
}

async function unlessAbsent<T, A>(absent: A, ask: () => Promise<T>): Promise<T | A> {
  try {
    return await ask();
  } catch (error) {
    const failure = sdkFailure(error);
    if (NO_OBJECT.has(failure.code)) return absent;
    throw new DependencyUnavailable('s3', failure);
  }
}
