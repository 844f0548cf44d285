import type { TargetConfig } from '../../config/config.ts';
import { ClockSkew } from '../clock-skew.ts';
import type { CredentialProvider } from '../credentials.ts';
import type { S3Target } from '../port.ts';
import type { ContentLimits } from './content-clients.ts';
import { sdkMultipartUploads } from './multipart-uploads.ts';
import { sdkBuckets } from './sdk-buckets.ts';
import { COMMITTING, READING, sdkClient, STREAMING, WRITING, type Patience } from './sdk-client.ts';
import { sdkObjectContent } from './sdk-object-content.ts';
import { sdkObjectStore } from './sdk-object-store.ts';
import { sdkObjectTags } from './sdk-object-tags.ts';
import { createPresigner } from './sigv4-presigner.ts';

/**
 * One configured S3. Makes no request; the service's own calls and the URLs share one memoized credential provider, but for those of uploads where they have their own.
 * @param limits S3's own unless given.
 */
export function createTarget(config: TargetConfig, limits?: ContentLimits): S3Target {
  const skew = new ClockSkew();
  const client = sdkClient(config, skew);
  const patient = (patience: Patience) =>
    sdkClient(config, skew, Date.now, patience, client.config.credentials);
  const clients = {
    calls: client,
    reading: patient(READING),
    streaming: patient(STREAMING),
    writing: patient(WRITING),
    committing: patient(COMMITTING),
  };
  const objects = sdkObjectStore(client, skew);
  const presignerOf = (credentials: CredentialProvider) =>
    createPresigner({ target: config, credentials, skewMs: () => objects.skewMs() });
  const presigner = presignerOf(client.config.credentials);
  // Only for its provider: it asks nothing, as uploads are the clients' to send.
  const uploads =
    config.uploadCredentials && sdkClient({ ...config, credentials: config.uploadCredentials }, skew);
  return {
    objects,
    content: sdkObjectContent(clients, limits),
    multipart: sdkMultipartUploads(clients),
    tags: sdkObjectTags(client),
    buckets: sdkBuckets(clients),
    credentials: client.config.credentials,
    presigner,
    uploadPresigner: uploads === undefined ? presigner : presignerOf(uploads.config.credentials),
    close: () => [...Object.values(clients), uploads].forEach((one) => one?.destroy()),
  };
}
