import { pipeline, type Readable } from 'node:stream';
import { parse, type CsvError, type Info } from 'csv-parse';
import { CustomerKey } from '../../custody/customer-key.ts';
import type { ForeignObject } from '../../uploads/adopt.ts';

export type Format = 'csv' | 'ndjson';

/**
 * One row. `line` counts from 1; it is the last line of a row that has several. A problem is told without anything of its row, whose
 * columns may be swapped.
 */
export type Row = { readonly line: number } & (
  { readonly object: ForeignObject } | { readonly problem: string }
);

/** Not what `--format` says. */
export class WrongInput extends Error {}

const COLUMNS = ['bucket', 'objectKey', 'customerKey'] as const;
type Cells = Readonly<Record<(typeof COLUMNS)[number], string>>;

/** Room for the longest object key with every byte escaped. An open quote or a missing line feed must not fill the memory. */
const LONGEST_ROW = 16_384;
const TOO_LONG = `a row has at most ${LONGEST_ROW} characters`;
const NOT_READ_ON = 'correct it and run this again: nothing from this line on was read';

/** The rows of a stream, one at a time. @throws WrongInput when a CSV has another header. */
export function readRows(input: Readable, format: Format): AsyncGenerator<Row, void> {
  return format === 'csv' ? readCsv(input) : readNdjson(input);
}

/** RFC 4180. Line ends may be CRLF or LF. */
async function* readCsv(input: Readable): AsyncGenerator<Row, void> {
  const parser = parse({
    bom: true,
    info: true,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: LONGEST_ROW,
    // An error would drop the rows that are parsed but not yet taken; a skip lets them through.
    skip_records_with_error: true,
  });
  let broken: { readonly noticedAt: number; readonly problem: string } | undefined;
  parser.once('skip', ({ code, lines }: CsvError & { lines: number }) => {
    // Its message may quote the row.
    const problem = code === 'CSV_MAX_RECORD_SIZE' ? TOO_LONG : 'a quotation mark is not as RFC 4180 has it';
    broken = { noticedAt: lines, problem: `${problem}; ${NOT_READ_ON}` };
    input.unpipe(parser);
    parser.end();
  });
  // Failures come by the parser, which is read below.
  pipeline(input, parser, () => undefined);

  let header: string[] | undefined;
  let line = 0;
  for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>) {
    // What follows a misplaced quotation mark may be cut anywhere.
    if (broken !== undefined && info.lines >= broken.noticedAt) break;
    line = info.lines;
    if (header === undefined) header = headerOf(record);
    else yield fromCsv(line, header, record);
  }
  if (header === undefined) headerOf([]);
  if (broken !== undefined) yield { line: line + 1, problem: broken.problem };
}

function headerOf(record: string[]): string[] {
  if (record.toSorted().join() === COLUMNS.toSorted().join()) return record;
  throw new WrongInput(
    `The first line must be the header ${COLUMNS.join(',')}: these three names, spelled so, in any order. ` +
      '(For NDJSON say --format ndjson.)',
  );
}

function fromCsv(line: number, header: readonly string[], record: readonly string[]): Row {
  if (record.length !== header.length) return { line, problem: `it must have ${header.length} columns` };
  return fromCells(line, Object.fromEntries(header.map((name, i) => [name, record[i]])) as Cells);
}

async function* readNdjson(input: Readable): AsyncGenerator<Row, void> {
  let line = 0;
  for await (const text of linesOf(input)) {
    line += 1;
    if (text === undefined) yield { line, problem: `${TOO_LONG}; ${NOT_READ_ON}` };
    else if (text.trim() !== '') yield fromJson(line, text);
  }
}

/** Split at line feeds only: within JSON, other separators may stand raw. Ends with `undefined` when a line is too long. */
async function* linesOf(input: Readable): AsyncGenerator<string | undefined, void> {
  let open = '';
  for await (const chunk of input.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (open + chunk).split('\n');
    open = lines.pop() ?? '';
    yield* lines;
    if (open.length > LONGEST_ROW) {
      yield undefined;
      return;
    }
  }
  yield open;
}

function fromJson(line: number, text: string): Row {
  const value = parseJson(text.replace(/^\uFEFF/, ''));
  const names = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const isRow =
    names.length === COLUMNS.length &&
    names.every(([name, cell]) => (COLUMNS as readonly string[]).includes(name) && typeof cell === 'string');
  if (isRow) return fromCells(line, value as Cells);
  return {
    line,
    problem: `it must be a JSON object of three texts: ${COLUMNS.join(', ')} (for CSV say --format csv)`,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's error quotes the text.
    return undefined;
  }
}

function fromCells(line: number, { bucket, objectKey, customerKey }: Cells): Row {
  const key = keyOf(customerKey);
  if (typeof key === 'string') return { line, problem: key };
  const problem = bucketProblem(bucket) ?? objectKeyProblem(objectKey);
  return problem === undefined ? { line, object: { bucket, objectKey, key } } : { line, problem };
}

/** The key, or what is wrong with it. */
function keyOf(text: string): CustomerKey | string {
  if (/^[0-9a-f]{64}$/i.test(text)) return 'customerKey is in hex; it must be base64 of the same 32 bytes';
  const bytes = Buffer.from(text, 'base64');
  // Node skips what is not base64; encoding back shows whether all of the text counted.
  if (bytes.length !== 32 || bytes.toString('base64') !== text) {
    return 'customerKey must be base64 of 32 bytes: 44 characters, the last one =';
  }
  return CustomerKey.fromBytes(bytes);
}

function bucketProblem(bucket: string): string | undefined {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/.test(bucket)
    ? undefined
    : 'bucket must be a bucket name';
}

function objectKeyProblem(objectKey: string): string | undefined {
  if (objectKey === '' || Buffer.byteLength(objectKey) > 1024) return 'objectKey must have 1 to 1,024 bytes';
  if (!objectKey.isWellFormed()) return 'objectKey must be well-formed Unicode';
  // No store in PostgreSQL could hold it, and whether a store can must not hang on which it is.
  if (objectKey.includes('\0')) return 'objectKey must not contain NUL';
  if (/(^|\/)\.\.?(\/|$)/.test(objectKey)) {
    return 'objectKey must not have a segment . or .., which clients would resolve in a URL';
  }
  if (/^\/|\/\//.test(objectKey)) {
    return 'objectKey must not begin with / or have // in it: some servers find another object by such a name';
  }
  return undefined;
}
