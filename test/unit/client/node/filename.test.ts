import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { filenameIn, safeFilename } from '../../../../src/client/node/filename.ts';

describe('safeFilename', () => {
  const cases: [string, string][] = [
    ['report.pdf', 'report.pdf'],
    ['../../etc/passwd', 'passwd'],
    ['/etc/passwd', 'passwd'],
    ['C:\\temp\\a.txt', 'a.txt'],
    ['..', '_'],
    ['.bashrc', '_bashrc'],
    ['a/', 'file'],
    ['', 'file'],
    ['a\n\u001b[2Jb\u202etxt', 'a[2Jbtxt'],
    ['ünï.txt', 'ünï.txt'],
  ];
  for (const [name, safe] of cases) {
    it(`${JSON.stringify(name)} → ${safe}`, () => assert.equal(safeFilename(name), safe));
  }

  it('keeps to 255 bytes, and the extension', () => {
    const safe = safeFilename(`${'ü'.repeat(400)}.pdf`);
    assert.ok(Buffer.byteLength(safe) <= 255);
    assert.ok(safe.endsWith('.pdf'));
  });

  it('is not hidden by the cut, does not end in half a character, and is cut at once', () => {
    assert.equal(safeFilename(`${'a'.repeat(40)}${'.'.repeat(4)}${'b'.repeat(252)}`), `_${'b'.repeat(252)}`);
    assert.equal(safeFilename(`x${'ü'.repeat(128)}`), 'ü'.repeat(127));
    assert.equal(safeFilename('c'.repeat(4_000_000)), 'c'.repeat(255));
  });

  it('reads RFC 8187, and nothing from what is broken', () => {
    assert.equal(filenameIn("attachment; filename*=UTF-8''a%20%C3%BC.txt"), 'a ü.txt');
    for (const value of [undefined, 'attachment', "attachment; filename*=UTF-8''%E0%A4"]) {
      assert.equal(filenameIn(value), undefined);
    }
  });
});
