import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';

/** One file of the page, as it is sent. */
export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
  /** Strong, in quotes. */
  readonly etag: string;
}

const DOCUMENT = 'page/index.html';
const ENTRY = 'page/main.js';
const ASSETS: Readonly<Record<string, string>> = {
  'page/page.css': 'text/css; charset=utf-8',
  'page/icon.svg': 'image/svg+xml',
};
/** A program that runs from its source has modules in TypeScript. */
const IS_SOURCE = import.meta.filename.endsWith('.ts');
const ROOT = new URL('../../', import.meta.url);

/** What a module names beside itself: imports, and workers by their address. */
const IMPORTED = /\b(?:from|import)\s*\(?\s*(['"])(\.{1,2}\/[\w./-]+)\1|\bnew URL\(\s*(['"])(\.[\w./-]+)\3/g;
const TYPESCRIPT_NAME = /((['"])\.{1,2}\/[\w./-]+)\.ts\2/g;

/**
 * All that the page consists of, by its path below `/demo/`; the document itself stands at ''. Read once: what a request names is
 * looked up here, and never on the disk.
 */
export async function readPage(): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map<string, PageFile>();
  files.set('', file('text/html; charset=utf-8', await readFile(new URL(DOCUMENT, ROOT))));
  for (const [path, type] of Object.entries(ASSETS))
    files.set(path, file(type, await readFile(new URL(path, ROOT))));
  await addModule(files, ENTRY);
  return files;
}

/** The module, and all that it leads to: nothing else of the program is handed out. */
async function addModule(files: Map<string, PageFile>, path: string): Promise<void> {
  if (files.has(path)) return;
  const text = await readModule(path);
  files.set(path, file('text/javascript; charset=utf-8', Buffer.from(text)));
  for (const [, , imported, , address] of text.matchAll(IMPORTED)) {
    const { pathname } = new URL(imported ?? address ?? '', `http://page/${path}`);
    await addModule(files, pathname.slice(1));
  }
}

async function readModule(path: string): Promise<string> {
  if (!IS_SOURCE) return await readFile(new URL(path, ROOT), 'utf8');
  const source = await readFile(new URL(path.replace(/\.js$/, '.ts'), ROOT), 'utf8');
  return withoutTypes(source).replace(TYPESCRIPT_NAME, '$1.js$2');
}

/** As Node itself runs such a file; it warns of the function all the same, and who runs from source knows. */
function withoutTypes(source: string): string {
  const heard = Object.getOwnPropertyDescriptor(process, 'emitWarning');
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(source);
  } finally {
    if (heard !== undefined) Object.defineProperty(process, 'emitWarning', heard);
  }
}

function file(type: string, body: Buffer): PageFile {
  return { type, body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` };
}
