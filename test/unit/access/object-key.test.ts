import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  buildObjectKey,
  cleanFilename,
  filenameProblem,
  prefixMisfit,
  prefixProblem,
} from '../../../src/access/object-key.ts';

const ID = '01980000-0000-7000-8000-000000000001';
const slot = { tenant: 'acme', id: ID, filename: 'a.txt', createdAt: Date.UTC(2025, 0, 2, 23, 59, 59) };

describe('filenameProblem', () => {
  for (const [name, expected] of [
    ['', /empty/],
    ['a\0b', /NUL/],
    ['a\ud800', /well-formed/],
    ['\udc00a', /well-formed/],
    ['x'.repeat(1_025), /1024 bytes/],
    ['€'.repeat(342), /1024 bytes/],
  ] as const) {
    it(`names what is wrong with ${JSON.stringify(name.slice(0, 8))}`, () =>
      assert.match(filenameProblem(name) ?? '', expected));
  }
  for (const name of ['a', ' ', '../x', '\u202e', 'x'.repeat(1_024), '😀'.repeat(256)]) {
    it(`leaves ${JSON.stringify(name.slice(0, 8))} to the cleaning`, () =>
      assert.equal(filenameProblem(name), undefined));
  }
});

describe('cleanFilename', () => {
  const cases: [string, string][] = [
    ['report.pdf', 'report.pdf'],
    ['my file (1)+50%.txt', 'my file (1)+50%.txt'],
    ['😀🇩🇪.png', '😀🇩🇪.png'],
    ['отчёт 報告 تقرير.docx', 'отчёт 報告 تقرير.docx'],
    ['e\u0301.txt', '\u00e9.txt'],
    ['e\u200d\u0301.txt', '\u00e9.txt'],
    ['../../etc/passwd', '__.._etc_passwd'],
    ['a/b\\c', 'a_b_c'],
    ['/', '_'],
    ['.', 'file'],
    ['..', 'file'],
    ['...', 'file'],
    ['. .', 'file'],
    ['   ', 'file'],
    ['', 'file'],
    ['\u200b', 'file'],
    ['.\u200b.', 'file'],
    ['.htaccess', '_htaccess'],
    ['\u200b.htaccess', '_htaccess'],
    [' ..x', '_x'],
    ['a.txt. . ', 'a.txt'],
    ['a\r\nb\tc\u007f\u0085', 'abc'],
    ['a\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069b', 'ab'],
    ['a\u200b\u200c\u200d\u2060\ufeff\u2028\u2029b', 'ab'],
    ['a\ufffe\uffff\ufdd0\u{1fffe}\u{10ffff}b', 'ab'],
    ['a\ue000\u{f0000}b', 'ab'],
    ['a\ud800b', 'ab'],
    ['{id}$&', '{id}$&'],
  ];
  for (const [name, expected] of cases) {
    it(`makes ${JSON.stringify(name)} ${JSON.stringify(expected)}`, () =>
      assert.equal(cleanFilename(name), expected));
  }
});

describe('buildObjectKey', () => {
  const cases: [template: string, filename: string | undefined, expected: string][] = [
    ['{tenant}/{yyyy}/{mm}/{dd}/{id}/{filename}', 'a.txt', `acme/2025/01/02/${ID}/a.txt`],
    ['{id}', 'a.txt', ID],
    ['{id}/{filename}', undefined, `${ID}/file`],
    ['{id}/{filename}', '..', `${ID}/file`],
    ['{id}/{filename}', '{tenant}{id}$&$1', `${ID}/{tenant}{id}$&$1`],
    ['/a//./../{id}/', 'a.txt', `a/${ID}`],
    ['{filename}-{id}-{filename}', 'x', `x-${ID}-x`],
  ];
  for (const [template, filename, expected] of cases) {
    it(`fills ${template} with ${String(filename)}`, () =>
      assert.equal(buildObjectKey(template, { ...slot, filename }), expected));
  }

  const room = 1_024 - Buffer.byteLength(`${ID}/`);
  const long: [what: string, filename: string, expected: string][] = [
    ['keeps a name that just fits', 'x'.repeat(room), 'x'.repeat(room)],
    ['cuts a byte', 'x'.repeat(room + 1), 'x'.repeat(room)],
    ['keeps the extension', `${'x'.repeat(1_000)}.jpeg`, `${'x'.repeat(room - 5)}.jpeg`],
    [
      'keeps one of 16 characters',
      `${'x'.repeat(1_000)}.${'é'.repeat(16)}`,
      `${'x'.repeat(room - 33)}.${'é'.repeat(16)}`,
    ],
    ['drops one of 17', `${'x'.repeat(1_000)}.${'e'.repeat(17)}`, 'x'.repeat(room)],
    ['cuts at a code point', '😀'.repeat(256), '😀'.repeat(Math.floor(room / 4))],
    ['leaves no space at the cut', `x${' '.repeat(1_000)}x.txt`, 'x.txt'],
    ['never begins with the extension', `${' '.repeat(1_000)}x.txt`, '_.txt'],
  ];
  for (const [what, filename, expected] of long) {
    it(what, () =>
      assert.equal(buildObjectKey('{id}/{filename}', { ...slot, filename }), `${ID}/${expected}`),
    );
  }

  it('shares the room between several places', () => {
    const key = buildObjectKey('{filename}/{id}/{filename}', {
      ...slot,
      filename: `${'x'.repeat(1_000)}.txt`,
    });
    assert.ok(Buffer.byteLength(key) <= 1_024);
    assert.match(key, new RegExp(`^x+\\.txt/${ID}/x+\\.txt$`));
  });

  it('fails when the template leaves no room', () => {
    assert.throws(() => buildObjectKey(`${'p'.repeat(1_000)}/{id}/{filename}`, slot), /no room/);
  });

  it('keeps 5,000 random filenames in their place', () => {
    const random = mulberry32(20_250_102);
    for (let round = 0; round < 5_000; round += 1) {
      const filename = randomFilename(random);
      const key = buildObjectKey('{tenant}/{yyyy}/{id}/{filename}', { ...slot, filename });
      const why = JSON.stringify(filename);
      const prefix = `acme/2025/${ID}/`;
      const last = key.slice(prefix.length);
      assert.ok(key.startsWith(prefix), why);
      assert.ok(last !== '' && !last.includes('/') && !last.startsWith('.'), why);
      assert.ok(Buffer.byteLength(key) <= 1_024, why);
      assert.ok(key.isWellFormed() && key.normalize('NFC') === key, why);
      assert.doesNotMatch(
        last,
        /[\p{Cc}\p{Cs}\p{Co}\p{Noncharacter_Code_Point}\p{Zl}\p{Zp}\p{Bidi_Control}\u200B-\u200D\uFEFF\\]|[\s.]$/u,
        why,
      );
      assert.equal(cleanFilename(last), last, why);
    }
  });
});

/** A seeded generator: a failure comes back. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const PIECES = [
  ...['/', '\\', '.', '..', '../', ' ', '\t', '\0', '\r\n', '%2e%2e%2f', '+', '{id}', '{filename}', '$&'],
  ...['\u202e', '\u2066', '\u200b', '\u200d', '\ufeff', '\ufffe', '\ue000', '\ud800', '\udc00', '\u2028'],
  ...[
    'e\u0301',
    '\u0301',
    '\u212b',
    'ﬁ',
    '한',
    'ᄒ\u1161\u11ab',
    '😀',
    '👩\u200d💻',
    'عربي',
    'abc',
    '.tar.gz',
    '.e',
  ],
];

function randomFilename(random: () => number): string {
  const length = Math.floor(random() * (random() < 0.2 ? 600 : 12));
  return Array.from({ length }, () =>
    random() < 0.8
      ? (PIECES[Math.floor(random() * PIECES.length)] ?? '')
      : String.fromCharCode(Math.floor(random() * 0x3000)),
  ).join('');
}

describe('a prefix', () => {
  for (const prefix of [
    'a',
    'a/b/c',
    'cases/4711',
    'Größe/報告',
    'a b/c',
    'a..b',
    'x'.repeat(256),
    '{id}',
    '%2e%2e',
    '-',
  ])
    it(`may be ${prefix.slice(0, 12)}`, () => assert.equal(prefixProblem(prefix), undefined));

  for (const prefix of [
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    '../a',
    'a/../b',
    'a/./b',
    'a/..',
    '.a',
    'a.',
    'a./b',
    'a/.b',
    ' a',
    'a ',
    'a/ b',
    'a\\b',
    'a\0b',
    'a\nb',
    'a\u007fb',
    'a\u0085b',
    'a\u202eb',
    'a\u200bb',
    '\u200b..',
    'a\ud800',
    'e\u0301',
    'a\ue000',
    'a\u2028b',
    '$a',
    'a/${filename}',
    'x'.repeat(257),
    '€'.repeat(86),
  ])
    it(`may not be ${JSON.stringify(prefix.slice(0, 12))}`, () =>
      assert.notEqual(prefixProblem(prefix), undefined));

  const template = '{tenant}/{prefix}/{yyyy}/{id}/{filename}';
  const plain = '{tenant}/{yyyy}/{id}/{filename}';

  it('stands in its place, once, whatever it looks like', () => {
    for (const prefix of ['a/b', '{id}', '{prefix}', '$&'])
      assert.equal(buildObjectKey(template, { ...slot, prefix }), `acme/${prefix}/2025/${ID}/a.txt`);
  });

  it('vanishes where there is none: the object key is that of a template without its place, to the byte', () => {
    for (const length of [1, 900, 970, 971, 972, 973, 974, 1_024]) {
      for (const prefix of [undefined, null]) {
        const named = { ...slot, prefix, filename: 'x'.repeat(length) };
        assert.equal(buildObjectKey(template, named), buildObjectKey(plain, named));
      }
    }
  });

  it('never lets an object key grow over 1,024 bytes, nor lose its id', () => {
    const prefix = `${'p'.repeat(127)}/${'q'.repeat(128)}`;
    for (const filename of ['x', 'x'.repeat(1_024), '€'.repeat(341)]) {
      const objectKey = buildObjectKey(template, { ...slot, prefix, filename });
      assert.ok(Buffer.byteLength(objectKey) <= 1_024);
      assert.ok(objectKey.startsWith(`acme/${prefix}/2025/${ID}/`));
    }
  });

  it('needs a place that is a segment of its own, and room', () => {
    assert.equal(prefixMisfit(template, 'acme', 'a'), undefined);
    assert.equal(prefixMisfit('{prefix}/{id}', 'acme', 'a'), undefined);
    for (const without of [plain, 'x{prefix}/{id}', '{id}-{prefix}'])
      assert.match(prefixMisfit(without, 'acme', 'a') ?? '', /no place/);
    const long = (bytes: number) => `${'x'.repeat(bytes)}/{prefix}/{id}/{filename}`;
    const room = 1_024 - Buffer.byteLength(`/a/${ID}/`);
    assert.equal(prefixMisfit(long(room - 1), 'acme', 'a'), undefined);
    assert.match(prefixMisfit(long(room), 'acme', 'a') ?? '', /no room/);
  });
});
