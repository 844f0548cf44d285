import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { about, type Finding } from '../../../src/doctor/finding.ts';
import { jsonReport, TextReport } from '../../../src/doctor/report.ts';
import { unexamined } from '../../../src/doctor/unexamined.ts';

/** Retitles a terminal, goes up a line and wipes it; in one and in two bytes; then a line of its own and a turned direction. */
const HOSTILE = '\u001b]0;PWNED\u0007\u001b[1A\u009b2K\n  ✓ all\u2028\u202e';
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e]/;

function text(findings: readonly Finding[]): string {
  let written = '';
  const report = new TextReport({ explain: false, colours: false }, (part) => (written += part));
  for (const finding of findings) report.add(finding);
  report.end(findings);
  return written;
}

describe('a report', () => {
  const say = about(`bucket ${HOSTILE}`);
  const findings = [
    say.ok('tls', `by ${HOSTILE}`),
    say.off('bucket.region', `in ${HOSTILE}`, `do ${HOSTILE}`, [`off ${HOSTILE}`]),
  ];

  it('spells out the control characters of foreign text, wherever they come from', () => {
    const written = text(findings);
    assert.ok(written.includes('PWNED'));
    assert.doesNotMatch(written, RAW);
    const found = written.split('\n').filter((line) => line.includes('by ') || line.includes('in '));
    assert.ok(found.every((line) => line.includes('\\u{1b}]0;PWNED\\u{7}')));
  });

  it('lets a found text have one line only', () => {
    const lines = text([about('files').ok('tls', 'one\n  ✓ two')]).split('\n');
    assert.ok(lines.some((line) => line.endsWith('one\\u{a}  ✓ two')));
  });

  it('breaks a remedy where it is meant to be broken', () => {
    const remedy = text([about('files').off('tls', 'found', 'so:\naws s3api', ['uploads'])]);
    assert.match(remedy, /do: so:\n +aws s3api\n/);
  });

  it('as JSON holds the same text, escaped', () => {
    const json = jsonReport(findings);
    assert.doesNotMatch(json, RAW);
    const said = JSON.parse(json) as { findings: Finding[] };
    assert.equal(said.findings[0]?.found, `by ${HOSTILE}`);
  });
});

describe('the verdict', () => {
  const ok = about('store').ok('store.durable', 'fine');
  const busy = { status: 503, headers: {}, body: '', code: 'SlowDown' };

  it('is that all is right only when nothing that matters is open', () => {
    assert.match(text([ok]), /All is right\.\n$/);
    const open = text([ok, unexamined('bucket uploads on main', 'overwrite', busy)]);
    assert.doesNotMatch(open, /All is right|Safe to serve/);
    assert.match(open, /what could not be examined\.\n$/);
  });

  it('is safe when what is off is known', () => {
    assert.match(
      text([ok, about('store').off('store.writable', 'full', 'free', ['DELETE'])]),
      /Safe to serve/,
    );
  });
});
