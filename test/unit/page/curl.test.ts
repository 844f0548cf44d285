import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { downloadByCurl, localName, nameToWrite, uploadByCurl } from '../../../src/page/curl.ts';

/** What bash takes FILE for. */
function fileIn(commands: string): string {
  const line = /^export SEALSLOT=.*\nFILE=[^]*?\n(?=# )/m.exec(commands)?.[0] ?? '';
  return spawnSync('bash', ['-c', `${line}printf %s "$FILE"`], { encoding: 'utf8' }).stdout;
}

const NAMES = [
  ['report.pdf', 'report.pdf', 'report.pdf'],
  ['it\'s $(id) `id` "here".txt', undefined, undefined],
  ['-rf', '-rf', '-rf'],
  ['a\nb\u2028c\u202ed.txt', 'a_b_c_d.txt', 'a_b_c_d.txt'],
  ['../../etc/passwd', 'passwd', 'passwd'],
  ['C:\\autoexec.bat', 'autoexec.bat', 'autoexec.bat'],
  ['..', 'id', 'id'],
  ['', 'id', 'id'],
  ['.bashrc', '.bashrc', '_bashrc'],
  ['x/.curlrc', '.curlrc', '_curlrc'],
  [' .profile', ' .profile', '_profile'],
] as const;

describe('the commands of the page', () => {
  it('name one file of the folder where they run, and none that is hidden to write to', () => {
    for (const [filename, read = filename, written = filename] of NAMES) {
      assert.equal(fileIn(uploadByCurl('https://s.example', localName(filename, 'id'), 'a/b')), `./${read}`);
      assert.equal(
        fileIn(downloadByCurl('https://s.example', 'id', nameToWrite(filename, 'id'))),
        `./${written}`,
      );
    }
  });
});
