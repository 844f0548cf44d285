export const METHODS = ['GET', 'HEAD'] as const;

/** What clients send as `Range`, rightly and wrongly, of objects of 20 and 300,000 bytes. */
export const RANGES = [
  ...['bytes=0-0', 'bytes=0-9', 'bytes=5-', 'bytes=-5', 'bytes=-0', 'bytes=19-19', 'bytes=0-19', 'bytes=0-'],
  // Beyond the end, in whole and in part; ends before it starts.
  ...['bytes=20-', 'bytes=300000-', 'bytes=400000-400009', 'bytes=0-400000', 'bytes=-400000', 'bytes=9-5'],
  // More than one.
  ...['bytes=0-1,3-4', 'bytes=0-1, 3-4', 'bytes=0-1,   3-4', 'bytes=0-1,400000-', 'bytes=0-1,', 'bytes=,0-1'],
  // Garbage, and what is nearly right.
  ...['bytes=', 'bytes=-', 'bytes=a-b', 'bytes 0-1', 'garbage', 'bytes = 0-1', 'bytes=0 - 1', ' bytes=0-1 '],
  ...[
    'bytes=+0-1',
    'bytes=0x0-0x1',
    'bytes=00-01',
    'bytes=--1',
    'bytes=1.5-2',
    '=',
    'BYTES=0-1',
    'items=0-1',
  ],
  // Huge: above 2^53, 2^63 and 2^64.
  ...['bytes=0-9007199254740993', 'bytes=9007199254740993-', 'bytes=0-9223372036854775808'],
  ...['bytes=0-99999999999999999999', 'bytes=99999999999999999999-', 'bytes=-99999999999999999999'],
] as const;

/** What they send as `If-None-Match`. */
export const CONDITIONS: Readonly<Record<string, (etag: string) => string>> = {
  'its ETag': (etag) => etag,
  'its ETag without quotes': (etag) => etag.replaceAll('"', ''),
  'its ETag, weak': (etag) => `W/${etag}`,
  anything: () => '*',
  'another ETag': () => '"other"',
  'a list with it': (etag) => `"other", ${etag}`,
  'a list with it, unspaced': (etag) => `"other",${etag}`,
  'a list with it, weak': (etag) => `W/"other", W/${etag}`,
  'a list without it': () => '"other", "another"',
  'a comma within quotes': (etag) => `"a,b", ${etag}`,
  'nothing within quotes': () => '""',
  garbage: () => 'garbage,,"',
};
