import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { blocksOf, pageNames, type Block } from '../unit/docs/pages.ts';
import { classOf, valueOf } from '../unit/docs/snippets.ts';
import { PAGES } from './support-snippet-pages.ts';
import { Session } from './support-snippet-session.ts';
import { S3, SERVICE, SnippetWorld } from './support-snippets.ts';

const RUN_HERE = ['run', 'demo', 'page', 'file'];
const RECIPES = 'docs/recipes.md';

const opened = await available(async () => {
  const world = await SnippetWorld.open();
  return Object.assign(world, { stop: () => world[Symbol.asyncDispose]() });
});

const pages: [name: string, blocks: Awaited<ReturnType<typeof blocksOf>>][] = [];
for (const name of await pageNames()) {
  const blocks = (await blocksOf(name)).filter((block) => RUN_HERE.includes(classOf(block) ?? ''));
  // A page has its header from the first on, wherever the text speaks of it.
  blocks.sort((one, other) => Number(other.info === 'http csp') - Number(one.info === 'http csp'));
  if (blocks.length > 0) pages.push([name, blocks]);
}

after(() => opened.stop());

describe('the snippets of the documents', { skip: opened.skip }, () => {
  for (const [name, blocks] of pages) {
    describe(name, () => {
      let session: Session;
      before(async () => {
        session = await Session.open(opened.get(), name);
      });
      after(() => session.close());
      const printed = [...(PAGES[name]?.printed ?? [])];
      for (const block of blocks) {
        const right = ['run', 'demo'].includes(classOf(block) ?? '') ? printed.shift() : undefined;
        it(`${block.at} (${block.info})`, async () => {
          const said = await session.take(block);
          if (right !== undefined) assert.match(said ?? '', right);
          else assert.equal(said, block.info === 'js page' ? 'report.pdf: uploaded' : undefined);
        });
      }
      it('has all that was expected', () => assert.deepEqual(printed, []));
    });
  }
});

describe('the recipes, where answers are lost and an object is late', { skip: opened.skip }, async () => {
  let session: Session;
  before(async () => {
    session = await Session.open(opened.get(), `${RECIPES} once more`, RECIPES);
  });
  after(() => session.close());

  let html: Block | undefined;
  for (const block of await blocksOf(RECIPES)) {
    const kind = classOf(block);
    if (!RUN_HERE.includes(kind ?? '')) continue;
    if (valueOf(block, 'file') !== undefined) {
      before(() => session.take(block).then(() => undefined));
      continue;
    }
    if (block.info === 'html page') {
      html = block;
      continue;
    }
    const around = html;
    it(`${block.at} (${block.info})`, async () => {
      if (around !== undefined) await session.take(around);
      const { front } = opened.get();
      front.seen.length = 0;
      let [lost, late] = [0, 0];
      front.lose = ({ method, headers }, status) =>
        headers.host === S3 && method === 'PUT' && status === 200 && ++lost === 1;
      front.instead = ({ url, headers }) =>
        url?.endsWith('/complete') === true &&
        headers['access-control-request-method'] === undefined &&
        ++late === 1
          ? notArrived(headers.origin)
          : undefined;
      const said = await session.take(block);
      front.lose = () => false;
      front.instead = () => undefined;
      assert.match(said ?? '', /uploaded\s*$/);
      const puts = front.seen.filter(({ host, method }) => host === S3 && method !== 'OPTIONS');
      const isForm = puts.some(({ method }) => method === 'POST');
      const statuses = puts.map(({ status }) => status);
      // A browser may send anew by itself, too.
      if (isForm) assert.deepEqual(statuses, [201]);
      else
        assert.ok(
          statuses.length > 1 && statuses.every((status, n) => status === (n === 0 ? 200 : 412)),
          String(statuses),
        );
      const completed = front.seen.filter(
        ({ host, method, path }) => host === SERVICE && method === 'POST' && path.endsWith('/complete'),
      );
      assert.deepEqual([lost, late, completed.length], [isForm ? 0 : 1, 2, 1]);
    });
  }
});

/** As the service says it. */
function notArrived(origin: string | undefined) {
  const problem = { code: 'not_arrived', detail: 'S3 has no such object yet.', status: 409 };
  return {
    status: 409,
    headers: {
      'content-type': 'application/problem+json',
      'retry-after': '1',
      ...(origin !== undefined && {
        'access-control-allow-origin': origin,
        'access-control-expose-headers': 'retry-after',
      }),
    },
    body: JSON.stringify(problem),
  };
}
