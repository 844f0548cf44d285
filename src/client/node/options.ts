import { X509Certificate } from 'node:crypto';

/** What is right for an option, in words that follow "must be". */
interface Rule {
  readonly fits: (value: unknown) => boolean;
  readonly right: string;
}
type Rules = Readonly<Record<string, Rule>>;

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 1;
const isTime = (value: unknown): boolean => typeof value === 'number' && value >= 0;

const aFunction: Rule = { fits: (value) => typeof value === 'function', right: 'a function' };
const aText: Rule = { fits: isText, right: 'a text that is not empty' };
const aCount: Rule = { fits: isCount, right: 'a whole number from 1' };
const milliseconds: Rule = { fits: isTime, right: 'a number of milliseconds' };
const signal: Rule = { fits: (value) => value instanceof AbortSignal, right: 'an AbortSignal' };

const RETRY: Rules = {
  tries: aCount,
  firstPauseMs: milliseconds,
  longestPauseMs: milliseconds,
  random: aFunction,
  pause: aFunction,
  onRetry: aFunction,
};

const CLIENT: Rules = {
  endpoint: { fits: () => true, right: 'a URL' },
  token: {
    fits: (value) => isText(value) || typeof value === 'function',
    right: 'an API key, JWT or grant, or a function that gives one; is the environment variable set?',
  },
  ca: {
    fits: isPem,
    right: "certificates in PEM, their text and not their path: readFileSync('ca.pem', 'utf8')",
  },
  retry: { fits: isObject, right: 'an object such as { tries: 3 }' },
};

const UPLOAD: Rules = {
  filename: aText,
  contentType: { fits: isText, right: 'a media type such as image/png' },
  metadata: {
    fits: (value) => isObject(value) && Object.values(value).every((each) => typeof each === 'string'),
    right: 'an object whose values are texts',
  },
  method: {
    fits: (value) => ['auto', 'PUT', 'multipart'].includes(value as string),
    right: "'auto', 'PUT' or 'multipart'",
  },
  partSize: { fits: isCount, right: 'a whole number of bytes' },
  parallelParts: aCount,
  sha256: {
    fits: (value) => typeof value === 'string' && /^[A-Za-z0-9+/]{43}=$/.test(value),
    right: "base64 of the 32 bytes of a SHA-256, not hex: digest('base64')",
  },
  idempotencyKey: aText,
  onProgress: aFunction,
  signal,
};

const DOWNLOAD: Rules = {
  to: {
    fits: (value) => isText(value) || typeof value === 'function',
    right: 'the path of a new file, or a function that takes the bytes',
  },
  overwrite: { fits: (value) => typeof value === 'boolean', right: 'true or false' },
  onProgress: aFunction,
  signal,
};

/** @throws TypeError that names the first option that is wrong, as the other functions here do. It never holds the value. */
export function requireClientOptions(options: unknown): void {
  requireOptions('createClient', options, CLIENT, ['token']);
  const { retry } = options as { retry?: unknown };
  if (retry !== undefined) requireOptions('createClient’s retry', retry, RETRY);
}

export function requireUploadOptions(options: unknown): void {
  requireOptions('upload', options, UPLOAD);
  const { method, partSize } = options as { method?: unknown; partSize?: unknown };
  if (method === 'PUT' && partSize !== undefined) {
    throw new TypeError("partSize goes with method 'multipart' or 'auto'; a PUT has no parts");
  }
}

export function requireDownloadOptions(options: unknown): void {
  requireOptions('download', options ?? {}, DOWNLOAD, ['to']);
}

export function requireSignalAlone(call: string, options: unknown): void {
  requireOptions(call, options, { signal });
}

/** @throws TypeError when it is not the id of an upload. */
export function requireId(id: unknown): void {
  if (!isText(id)) throw new TypeError('id must be the id of an upload, as in slot.id');
}

/** @throws TypeError for what cannot be uploaded. */
export function requireSource(source: unknown): void {
  if (isText(source) || source instanceof Blob || source instanceof Uint8Array) return;
  const isStream =
    isObject(source) && ('pipe' in source || 'getReader' in source || Symbol.asyncIterator in source);
  throw new TypeError(
    `the source must be a path, a Blob or bytes (Uint8Array)${isStream ? '; a stream has no length, which is signed before the first byte' : ''}`,
  );
}

function requireOptions(call: string, options: unknown, rules: Rules, needed: readonly string[] = []): void {
  if (!isObject(options)) throw new TypeError(`the options of ${call} must be an object`);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name] of given) {
    if (!Object.hasOwn(rules, name)) {
      throw new TypeError(`${call} has no option ${name}; it has ${Object.keys(rules).join(', ')}`);
    }
  }
  const values = new Map(given);
  for (const [name, { fits, right }] of Object.entries(rules)) {
    const isMissing = !values.has(name);
    if (isMissing ? needed.includes(name) : !fits(values.get(name))) {
      throw new TypeError(`${name}${isMissing ? ' is missing: it' : ''} must be ${right}`);
    }
  }
}

function isPem(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    // A TLS context takes any text for certificates.
    return new X509Certificate(value) instanceof X509Certificate;
  } catch {
    return false;
  }
}
