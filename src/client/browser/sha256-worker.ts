/** A module worker: gets a Blob, answers with the base64 of its SHA-256, or with undefined when the Blob cannot be read. */
import { hashInPieces } from './hash-in-pieces.ts';

const scope: Pick<Worker, 'onmessage' | 'postMessage'> = globalThis as never;

scope.onmessage = ({ data }: MessageEvent<Blob>) => {
  hashInPieces(data).then(
    (hash) => scope.postMessage(hash),
    () => scope.postMessage(undefined),
  );
};
