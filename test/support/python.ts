import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MissingBackend } from './available.ts';
import { cachePath, findCommand, isExecutable } from './cache.ts';
import { startProcess } from './processes.ts';

/**
 * A Python virtual environment with what `requirementsFile` pins, in the user's cache.
 * @returns the path of its `bin` folder.
 */
export async function pythonVenv(name: string, requirementsFile: string): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(requirementsFile))
    .digest('hex')
    .slice(0, 12);
  const venv = cachePath('venv', `${name}-${hash}`);
  const bin = join(venv, 'bin');
  if (await isExecutable(join(bin, 'python'))) return bin;

  if ((await findCommand('python3')) === undefined) {
    throw new MissingBackend(name, 'install Python 3 with venv (Debian: apt-get install python3-venv)');
  }
  // The scripts of a venv name its folder, so it cannot be renamed into place: a link that appears last says that it is whole.
  const built = `${venv}.${process.pid}`;
  await mkdir(dirname(venv), { recursive: true });
  await rm(built, { recursive: true, force: true });
  try {
    await runToEnd('python3', ['-m', 'venv', built]);
    await runToEnd(join(built, 'bin', 'python'), [
      ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirementsFile],
    ]);
  } catch (error) {
    await rm(built, { recursive: true, force: true });
    const how = `make \`python3 -m venv\` and \`pip install -r ${requirementsFile}\` work here (network, python3-venv)`;
    throw new MissingBackend(name, how, error);
  }
  await rm(venv, { force: true });
  await symlink(built, venv);
  return bin;
}

async function runToEnd(command: string, args: readonly string[]): Promise<void> {
  await using child = await startProcess(command, args);
  const code = await child.ended;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}\n${child.tail()}`);
}
