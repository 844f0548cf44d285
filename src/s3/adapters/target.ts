import type { TargetConfig } from '../../config/config.ts';
import { ClockSkew } from '../clock-skew.ts';
import type { S3Target } from '../port.ts';
import { sdkClient } from './sdk-client.ts';
import { sdkObjectStore } from './sdk-object-store.ts';
import { createPresigner } from './sdk-presigner.ts';

/** One configured S3. Makes no request; the service's own calls and the URLs share one memoized credential provider. */
export function createTarget(config: TargetConfig): S3Target {
  const skew = new ClockSkew();
  const client = sdkClient(config, skew);
  const objects = sdkObjectStore(client, skew);
  return {
    objects,
    credentials: client.config.credentials,
    presigner: createPresigner({
      target: config,
      credentials: client.config.credentials,
      skewMs: () => objects.skewMs(),
    }),
    close: () => client.destroy(),
  };
}
