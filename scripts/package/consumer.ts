import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A program of somebody who imports the client; every name that it takes has to be there, with its types. */
const PROGRAM = `
import {
  ContentDiffers, FileChanged, FileUnusable, PartnerError, S3Refusal, ServiceProblem, Unreachable,
  createClient, safeFilename,
  type Client, type DownloadResult, type Slot, type Uploaded, type UploadProgress,
} from 'sealslot/node';

const tell = ({ bytes, size, resumed }: UploadProgress): string => \`\${bytes - resumed} of \${size - resumed}\`;

export async function send(client: Client, path: string): Promise<Slot> {
  const done: Uploaded = await client.upload(path, { method: 'multipart', partSize: 2 ** 24, onProgress: tell });
  await client.upload(new Blob(['x']), { contentType: 'text/plain', idempotencyKey: done.sha256 });
  const got: DownloadResult = await client.download(done.slot.id, { to: safeFilename(path), overwrite: true });
  // @ts-expect-error There is no such method.
  await client.upload(path, { method: 'POST' });
  return got.checked === 'sha256' ? client.remove(done.slot.id) : client.get(done.slot.id);
}

const client = createClient({ endpoint: 'http://127.0.0.1:9', token: async () => 'x', retry: { tries: 1 } });
const failures = [ContentDiffers, FileChanged, FileUnusable, S3Refusal, ServiceProblem, Unreachable];
try {
  await client.upload(new Uint8Array(3), { filename: 'a.txt' });
} catch (error) {
  const known = failures.filter((kind) => error instanceof kind).map(({ name }) => name);
  if (error instanceof PartnerError) console.log(error.code, error.passing, known.join());
}
client.close();
`;

/** The same for a page; Node runs it as far as that goes without one. */
export const PAGE = `/// <reference lib="dom" />
import {
  createUploader, FileChanged, PartnerError, S3Refusal, ServiceProblem, Unreachable,
  type Slot, type Upload, type UploadState,
} from 'sealslot/client';

const uploader = createUploader({ endpoint: new URL('http://127.0.0.1:9'), getToken: async () => 'x', storage: null });

export async function send(file: File, tell: (state: UploadState) => void): Promise<Slot> {
  const upload: Upload = uploader.upload(file, { method: 'auto', metadata: { a: 'b' }, onState: tell });
  // @ts-expect-error There is no such method.
  uploader.upload(file, { method: 'POST' });
  try {
    return await upload.done;
  } catch (error) {
    if (error instanceof Unreachable && error.likely === 'cors') await upload.cancel();
    throw error;
  }
}

const failures = [FileChanged, S3Refusal, ServiceProblem, Unreachable];
console.log(typeof uploader.upload, failures.every((kind) => kind.prototype instanceof PartnerError));
`;

const TSCONFIG = {
  compilerOptions: {
    ...{ target: 'es2024', module: 'nodenext', lib: ['es2024', 'esnext.disposable'], types: ['node'] },
    ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
  },
  include: ['program.ts'],
};

/**
 * Writes a program that uses the installed package, checks its types, and runs it.
 * @param dir an empty folder. @param installed the package. @param modules the folder that has TypeScript and the types of Node.
 * @param program what it is; one that uses the client unless given. @param shared packages of `installed` that it imports as well.
 * @returns what it printed.
 */
export function runConsumer(
  dir: string,
  installed: string,
  modules: string,
  program = PROGRAM,
  shared: readonly string[] = [],
): string {
  mkdirSync(join(dir, 'node_modules/@types'), { recursive: true });
  symlinkSync(installed, join(dir, 'node_modules/sealslot'));
  for (const name of ['@types/node', 'undici-types'])
    symlinkSync(join(modules, name), join(dir, 'node_modules', name));
  // As npm does it where a version fits both.
  for (const name of shared)
    symlinkSync(join(installed, 'node_modules', name), join(dir, 'node_modules', name));
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }\n');
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify(TSCONFIG));
  writeFileSync(join(dir, 'program.ts'), program);
  const tsc = join(modules, 'typescript/bin/tsc');
  try {
    execFileSync(process.execPath, [tsc, '-p', dir], { cwd: dir, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error((error as { stdout: string }).stdout, { cause: error });
  }
  return execFileSync(process.execPath, ['program.js'], { cwd: dir, encoding: 'utf8' }).trim();
}
