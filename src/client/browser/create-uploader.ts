import { endpointOption } from '../endpoint.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../retry.ts';
import type { Token } from '../service.ts';
import type { Uploader, UploaderOptions } from './options.ts';
import { RunningUpload } from './running-upload.ts';

/** Pauses of half their length at least, 24 to 47 seconds in all: a network that is gone for ten seconds comes back in time. */
const RETRY: RetryPolicy = { ...DEFAULT_RETRY, tries: 10, random: () => (1 + Math.random()) / 2 };

/**
 * An uploader for one service. Make it once; it holds nothing open.
 * @throws TypeError when an option is not usable.
 */
export function createUploader(options: UploaderOptions): Uploader {
  const { endpoint, getToken, parallelParts, retry, storage } = options;
  if (typeof getToken !== 'function') throw new TypeError('getToken must be a function that gives a token');
  const common = {
    endpoint: endpointOption(endpoint),
    token: async () => tokenOf(await getToken()),
    retry: { ...RETRY, ...retry },
    storage: storage === undefined ? usualStorage() : (storage ?? undefined),
    parallelParts,
  };
  return {
    upload(file, options = {}) {
      if (!(file instanceof Blob)) throw new TypeError('upload takes a File or Blob');
      return new RunningUpload(common, file, options);
    },
  };
}

function tokenOf(token: unknown): Token {
  if (typeof token !== 'string' || !/^[!-~]+$/.test(token)) {
    throw new TypeError('getToken gave no token: visible ASCII, without "Bearer"');
  }
  return { header: () => `Bearer ${token}` };
}

/** Where cookies are blocked, looking at it throws. */
function usualStorage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}
