import type { Block } from './pages.ts';

/**
 * What becomes of a block, by its info string (docs/decisions/0023). Whatever is not here has no class, and a test fails.
 *
 * | words behind the language | means |
 * | --- | --- |
 * | `run` | run as it stands by test/integration/snippets.test.ts, after the blocks before it on its page, in the same folder |
 * | `page` | run there in headless Chromium: HTML is the page, JavaScript its script |
 * | `http csp` | the header of that page |
 * | `file=NAME` | written to that folder, for the blocks behind it to import, run or read |
 * | `demo` | run by `npm run demo`, and there |
 * | `serve`, beside `run` | goes on in the background until the page ends |
 * | `test=FILE` | run by the test named |
 * | `browser`, `app` | run by the tests of test/browser, of test/unit/plugin |
 */
export type SnippetClass =
  'run' | 'page' | 'file' | 'demo' | 'test' | 'config' | 'generated' | 'picture' | 'data' | 'elsewhere';

/** Marks of blocks that cannot run here, and why. Their syntax is checked, and that `sealslot` has such commands and options. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  aws: 'needs an account of AWS; docs/aws.test.ts compares the policies and the commands that read them',
  docker: 'needs an engine; `npm run test:dockerfile` runs what the Dockerfile and docker-compose.yml say',
  vault: 'needs the vault program and a server; the contract tests use the same policy on an OpenBao',
  minio: 'makes a MinIO and its users by hand; tests start one with the same certificates and rights',
  clone: 'installs into the machine; CI runs these commands, and `npm run test:package` installs the package',
  operator:
    'needs what is named in it (another KEK, a backup, messages, an age identity); `npm run drill` and the tests of each command run such',
};

/** Marks of their own, by which those tests find them. */
const TESTS: Readonly<Record<string, string>> = {
  browser: 'test/browser/support-uppy.ts',
  app: 'test/unit/plugin/docs.test.ts',
};

const DATA = ['json', 'http', 'hcl', 'csv', 'sql'];

/** @returns undefined when nobody has said what becomes of it. */
export function classOf({ info }: Pick<Block, 'info'>): SnippetClass | undefined {
  const [language = '', ...words] = info.split(' ');
  const [word = ''] = words;
  if (words.some((one) => one.startsWith('file='))) return 'file';
  if (word === 'run' || word === 'page' || word === 'demo') return word;
  if (info === 'http csp') return 'page';
  if (testOf({ info }) !== undefined) return 'test';
  if (language === 'sh' && Object.hasOwn(ELSEWHERE, word)) return 'elsewhere';
  if (language === 'yaml' && /^(part(=\S+)?)?$/.test(word)) return 'config';
  if (words.length > 0) return undefined;
  if (language === 'mermaid') return 'picture';
  if (language === 'text') return 'generated';
  return DATA.includes(language) ? 'data' : undefined;
}

/** The file of tests that runs a block by itself. */
export function testOf(block: Pick<Block, 'info'>): string | undefined {
  return valueOf(block, 'test') ?? TESTS[block.info.split(' ')[1] ?? ''];
}

/** The value of a word such as `file=upload.js`. */
export function valueOf({ info }: Pick<Block, 'info'>, name: string): string | undefined {
  return info
    .split(' ')
    .find((word) => word.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}
