import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FewOfEach } from '../../../src/cli/few-of-each.ts';
import { RecoverReport } from '../../../src/cli/recover/report.ts';
import { RewrapReport } from '../../../src/cli/rewrap/report.ts';
import { fakeTerminal } from './fake-terminal.ts';

const MANY = 25;

function recoverReport(json: boolean) {
  const terminal = fakeTerminal();
  const report = new RecoverReport(terminal.stdout, terminal.stderr, json);
  for (let n = 0; n < MANY; n += 1) {
    const refused = [{ code: 'no_copy', detail: 'no tags', versionId: null }] as const;
    report.add('object', { bucket: 'b', objectKey: `k-${n}` }, { kind: 'refused', refused });
  }
  const other = [{ code: 'wrong_key', detail: 'another', versionId: null }] as const;
  report.add('object', { bucket: 'b', objectKey: 'last' }, { kind: 'refused', refused: other });
  report.end(undefined);
  return terminal;
}

function rewrapReport(json: boolean) {
  const terminal = fakeTerminal();
  const report = new RewrapReport(terminal, MANY, json);
  for (let n = 0; n < MANY; n += 1) {
    const about = { tenant: 'acme', id: `slot-${n}`, generation: 1, code: 'key_not_mine' };
    report.add({ step: 'object keys', outcome: 'failed', ...about });
  }
  report.end(undefined, false);
  return terminal;
}

const linesWith = (text: string, part: string): number =>
  text.split('\n').filter((line) => line.includes(part)).length;

describe('few of each', () => {
  it('says so many of each code, and counts the others', () => {
    const few = new FewOfEach(2);
    const said = ['a', 'a', 'b', 'a', 'a'].map((code) => few.says(code));
    assert.deepEqual(said, [true, true, true, false, false]);
    assert.deepEqual([...few.unsaid()], ['and 2 more: a']);
  });

  it('recover tells of 20 of each code; as JSON of all', () => {
    const text = recoverReport(false).err();
    assert.equal(linesWith(text, ': no_copy: '), 20);
    assert.equal(linesWith(text, 'and 5 more: no_copy'), 1);
    assert.equal(linesWith(text, ': wrong_key: '), 1);
    assert.equal(linesWith(recoverReport(true).out(), '"no_copy"'), MANY);
  });

  it('rewrap tells of 20 of each reason; beside JSON of all', () => {
    const text = rewrapReport(false).err();
    assert.equal(linesWith(text, 'acme slot-'), 20);
    assert.equal(linesWith(text, 'and 5 more: key_not_mine (object keys)'), 1);
    assert.equal(linesWith(rewrapReport(true).err(), 'acme slot-'), MANY);
  });
});
