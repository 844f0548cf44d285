import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { curl, quoted } from '../../../src/cli/curl.ts';
import { UsageError } from '../../../src/cli/command.ts';
import { fakeTerminal } from './fake-terminal.ts';

const ODD = ["it's", 'a "b"', '$(touch x)`y`', 'line\nbreak', '-n', '\\', '!!', 'ünï', '{a,b}[1-2]*?~'];

describe('quoted', () => {
  for (const text of ODD) {
    it(`bash reads ${JSON.stringify(text)} as it is`, () => {
      assert.equal(execFileSync('bash', ['-c', `printf %s ${quoted(text)}`], { encoding: 'utf8' }), text);
    });
  }
});

describe('curl', () => {
  let dir: string;
  before(async () => (dir = await mkdtemp(join(tmpdir(), 'sealslot-curl-'))));
  after(() => rm(dir, { recursive: true }));
  const endpoint = 'https://uploads.example.com/';

  it('prints a script that bash can read, with the hash and no key', async () => {
    for (const name of ODD) {
      const path = join(dir, name);
      await writeFile(path, 'hello');
      const terminal = fakeTerminal();
      assert.equal(await curl(path, { endpoint }, terminal), 0);
      execFileSync('bash', ['-n'], { input: terminal.out() });
      const shown = terminal.out().split('\nif ')[0] ?? '';
      const ask = execFileSync(
        'bash',
        ['-c', `${shown}\nprintf '%s\\n%s' "$endpoint" "$ask"; [ -f "$file" ]`],
        {
          encoding: 'utf8',
        },
      );
      const [at, ...json] = ask.split('\n');
      assert.equal(at, 'https://uploads.example.com');
      assert.deepEqual(JSON.parse(json.join('\n')), {
        filename: name,
        contentType: 'application/octet-stream',
        size: 5,
        sha256: 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=',
      });
    }
  });

  it('a missing file is 66, an endpoint that would show keys is wrong usage', async () => {
    const terminal = fakeTerminal();
    assert.equal(await curl(join(dir, 'nowhere'), { endpoint }, terminal), 66);
    assert.match(terminal.err(), /no such file/);
    assert.equal(terminal.out(), '');
    for (const wrong of [
      'http://example.com',
      'ftp://localhost',
      'nonsense',
      'https://a:b@example.com',
      'https://example.com?x',
    ]) {
      await assert.rejects(curl(join(dir, "it's"), { endpoint: wrong }, terminal), UsageError, wrong);
    }
    assert.equal(await curl(join(dir, "it's"), { endpoint: 'http://127.0.0.1:8080' }, terminal), 0);
  });
});
