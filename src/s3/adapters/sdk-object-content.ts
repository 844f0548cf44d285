import type { ObjectContent, Written } from '../port.ts';
import { CONTENT_LIMITS, type ContentClients, type ContentLimits } from './content-clients.ts';
import { copyObject, type Rewriting } from './copying.ts';
import { objectFailure } from './object-failure.ts';
import { openObject } from './opening.ts';
import { sseParameters, versionParameters } from './parameters.ts';
import { getObject } from './reading.ts';
import { isNotImplemented, sdkFailure } from './sdk-error.ts';
import { proveWritten, sourceOf } from './source.ts';
import { streamObject } from './streaming.ts';

export function sdkObjectContent(
  clients: ContentClients,
  limits: ContentLimits = CONTENT_LIMITS,
): ObjectContent {
  return {
    async read(object, key, signal) {
      const input = { ...versionParameters(object), ...sseParameters(key) };
      const { body } = await getObject(clients.reading, input, signal);
      return body;
    },
    open: (object, key, ask, signal) => openObject(clients.streaming, object, key, ask, signal),
    async copy(from, keys, headers, signal) {
      try {
        return await rewrite(copyObject, { from, keys, headers, signal });
      } catch (error) {
        const code = unsupported(error);
        if (code !== undefined && !signal.aborted) return { kind: 'unsupported', code };
        throw objectFailure(error, signal);
      }
    },
    async stream(from, keys, headers, signal) {
      try {
        return await rewrite(streamObject, { from, keys, headers, signal });
      } catch (error) {
        throw objectFailure(error, signal);
      }
    },
  };

  async function rewrite(by: typeof copyObject, { from, keys, headers, signal }: Asked): Promise<Written> {
    const source = await sourceOf(clients.calls, from, keys.from, signal);
    const written = await by(clients, limits, { source, keys, headers, signal });
    return proveWritten(clients.calls, source, written, keys.to, signal);
  }
}

type Asked = Omit<Rewriting, 'source'> & { readonly from: Parameters<ObjectContent['copy']>[0] };

/** @returns the code of a server that has no such copy. */
function unsupported(error: unknown): string | undefined {
  return isNotImplemented(error) ? sdkFailure(error).code : undefined;
}
