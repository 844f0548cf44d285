import { isSafe } from '../is-safe.ts';
import { delay, type RetryPolicy } from '../retry.ts';
import type { Uploader, UploaderOptions } from './options.ts';
import { startUpload } from './running-upload.ts';

/** Pauses of half their length at least, 24 to 47 seconds in all: a network that is gone for ten seconds comes back in time. */
const RETRY: RetryPolicy = {
  ...{ tries: 10, firstPauseMs: 500, longestPauseMs: 8_000, pause: delay },
  random: () => (1 + Math.random()) / 2,
};

/**
 * An uploader for one service. Make it once; it holds nothing open.
 * @throws TypeError when the endpoint is no URL, or neither https nor on loopback.
 */
export function createUploader(options: UploaderOptions): Uploader {
  const endpoint = new URL(options.endpoint);
  if (!isSafe(endpoint)) throw new TypeError('endpoint must be https or on loopback');
  const common = {
    ...options,
    endpoint,
    retry: { ...RETRY, ...options.retry },
    async authorize() {
      const token: unknown = await options.getToken();
      if (typeof token === 'string' && /^[!-~]+$/.test(token)) return `Bearer ${token}`;
      throw new TypeError('getToken must give a token without "Bearer"');
    },
  };
  return {
    upload(file, options = {}) {
      if (!(file instanceof Blob)) throw new TypeError('upload takes a File or Blob');
      return startUpload(common, file, options);
    },
  };
}
