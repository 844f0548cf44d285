import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';
import { curl, sendByFetch, trust, type Send } from './support-clients.ts';
import { READ_ROWS } from './support-read-rows.ts';
import { serviceOn, type Service } from './support-service.ts';
import { WRITE_ROWS } from './support-write-rows.ts';

const ROWS = [...WRITE_ROWS, ...READ_ROWS];

/** Row → column → what was seen. */
const seen = new Map<string, Map<string, string>>();

for (const [server, start] of [
  ['minio', startMinio],
  ['seaweedfs', startSeaweedfs],
] as const) {
  const backend = await available(() => start());

  describe(`what ${server} takes and refuses`, { skip: backend.skip }, () => {
    let service: Service;
    let byCurl: Awaited<ReturnType<typeof curl>>;

    before(async () => {
      const { caPem, caFile } = backend.get();
      trust(caPem);
      byCurl = await curl(caFile);
      service = await serviceOn(backend.get());
    });

    after(async () => {
      await service[Symbol.asyncDispose]();
      await byCurl[Symbol.asyncDispose]();
      await backend.stop();
    });

    const clients: Record<string, Send> = { fetch: sendByFetch, curl: (request) => byCurl.send(request) };
    for (const [client, send] of Object.entries(clients)) {
      for (const { name, expected, run } of ROWS) {
        it(`${name}, by ${client}`, async () => {
          const actual = await run(service, send);
          note(name, `${server} ${client}`, actual);
          assert.equal(actual, typeof expected === 'string' ? expected : expected[server]);
        });
      }
    }
  });
}

after(() => void process.stdout.write(`\n${table()}\n`));

function note(row: string, column: string, actual: string): void {
  const cells = seen.get(row) ?? new Map<string, string>();
  seen.set(row, cells.set(column, actual));
}

function table(): string {
  const columns = ['minio fetch', 'minio curl', 'seaweedfs fetch', 'seaweedfs curl'];
  const lines = [
    ['request', ...columns],
    ...ROWS.map(({ name }) => [name, ...columns.map((column) => seen.get(name)?.get(column) ?? 'not run')]),
  ];
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const text = (line: string[]): string =>
    `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [text(lines[0]!), rule, ...lines.slice(1).map(text)].join('\n');
}
