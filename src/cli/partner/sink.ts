import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { openFileSink as openSink, type Sink } from '../../client/node/file-sink.ts';
import { unusable } from '../../client/node/local-file.ts';

export type { Sink };

/** @throws FileUnusable when there is such a file already and `force` does not allow to replace it, or it cannot be made. */
export function openFileSink(path: string, force: boolean): Promise<Sink> {
  return openSink(path, force, '--force overwrites it.');
}

/** A pipe or terminal: what has gone into it cannot be taken back. */
export function streamSink(stream: Writable): Sink {
  let broken: Error | undefined;
  stream.on('error', (error: Error) => (broken = error));
  return {
    name: '-',
    async write(chunk) {
      if (broken === undefined && !stream.write(chunk)) await once(stream, 'drain').catch(() => undefined);
      if (broken !== undefined) throw unusable(broken);
    },
    keep: async () => undefined,
    drop: async () => undefined,
  };
}
