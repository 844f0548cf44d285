import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { findCommand } from '../../test/support/cache.ts';
import { environmentOf, outside, pathsOutside, type Image } from './image.ts';
import { execForm, pairs, type Instruction, type Stage } from './parse.ts';

/** Settings of a RUN that come from this machine: how a registry is reached, and the cache of what it gave. */
const FROM_HERE =
  /^(HOME|(https?|no)_proxy|npm_config_(registry|userconfig|cache|cafile)|NODE_EXTRA_CA_CERTS)$/i;

/** Runs all stages below `dir`, and tells each instruction. @returns the last one. */
export async function build(
  stages: readonly Stage[],
  context: string,
  dir: string,
  tell: (line: string) => void,
): Promise<Image> {
  const images = new Map<string, Image>();
  let last: Image | undefined;
  for (const [index, stage] of stages.entries()) {
    const image = await nodeImage(stage.base, join(dir, `${index}-${stage.name}`));
    tell(`FROM ${stage.base}${stage.name === '' ? '' : ` AS ${stage.name}`}`);
    for (const instruction of stage.instructions) {
      const begun = performance.now();
      perform(instruction, image, (name) => (name === undefined ? context : rootOf(images, name)));
      const seconds = Math.round((performance.now() - begun) / 1_000);
      const from = instruction.flags.get('from');
      tell(
        `  ${instruction.name} ${from === undefined ? '' : `--from=${from} `}${instruction.text}${seconds > 0 ? ` (${seconds} s)` : ''}`,
      );
    }
    images.set(stage.name, image);
    last = image;
  }
  if (last === undefined) throw new Error('no stage');
  return last;
}

/** Stands for node:26-slim: this process's Node where that image has its own, and an npm. */
async function nodeImage(base: string, root: string): Promise<Image> {
  const major = process.versions.node.split('.')[0] ?? '';
  if (base !== `node:${major}-slim`) throw new Error(`FROM ${base}, and this is Node ${major}`);
  const bin = join(root, 'usr/local/bin');
  mkdirSync(bin, { recursive: true });
  try {
    linkSync(process.execPath, join(bin, 'node'));
  } catch {
    // On another file system.
    copyFileSync(process.execPath, join(bin, 'node'));
  }
  symlinkSync(realpathSync((await findCommand('npm')) ?? 'npm'), join(bin, 'npm'));
  return {
    root,
    env: new Map(),
    workdir: '/',
    user: 'root',
    entrypoint: [],
    command: [],
    healthcheck: [],
    stopSignal: 'SIGTERM',
  };
}

function rootOf(images: ReadonlyMap<string, Image>, name: string): string {
  const image = images.get(name);
  if (image === undefined) throw new Error(`--from=${name}: there is no such stage above`);
  return image.root;
}

function perform(
  { name, flags, text }: Instruction,
  image: Image,
  source: (stage: string | undefined) => string,
): void {
  switch (name) {
    case 'COPY':
      copy(text, source(only(flags, ['from']).get('from')), image);
      return;
    case 'RUN':
      only(flags, []);
      run(text, image);
      return;
    case 'WORKDIR':
      image.workdir = resolve(image.workdir, text);
      mkdirSync(outside(image, image.workdir), { recursive: true });
      return;
    case 'ENV':
      for (const [key, value] of pairs(text)) image.env.set(key, value);
      return;
    case 'USER':
      image.user = text;
      return;
    case 'ENTRYPOINT':
      image.entrypoint = execForm(text);
      return;
    case 'CMD':
      image.command = execForm(text);
      return;
    case 'HEALTHCHECK':
      image.healthcheck = execForm(text.replace(/^CMD +/, ''));
      return;
    case 'STOPSIGNAL':
      image.stopSignal = text;
      return;
    case 'LABEL':
    case 'EXPOSE':
      return;
    default:
      throw new Error(`${name} ${text}: not known here; teach scripts/dockerfile/build.ts`);
  }
}

function copy(text: string, from: string, image: Image): void {
  const paths = text.split(/ +/);
  const to = paths.pop() ?? '';
  const target = outside(image, resolve(image.workdir, to));
  for (const path of paths) {
    const source = join(from, path);
    const isFolder = statSync(source).isDirectory();
    if (paths.length > 1 && !to.endsWith('/')) throw new Error(`COPY of several: ${to} must end in /`);
    const place = !isFolder && to.endsWith('/') ? join(target, basename(path)) : target;
    mkdirSync(isFolder ? place : dirname(place), { recursive: true });
    cpSync(source, place, { recursive: true, verbatimSymlinks: true });
  }
}

function run(command: string, image: Image): void {
  const here = Object.entries(process.env).filter(([name]) => FROM_HERE.test(name));
  // Only root may give files away; for anyone else they stay the own user's, who then runs the service too.
  const unprivileged = process.getuid?.() === 0 ? '' : 'chown() { :; }; ';
  try {
    execFileSync('sh', ['-euc', unprivileged + pathsOutside(image, command)], {
      cwd: outside(image, image.workdir),
      env: { ...Object.fromEntries(here), ...environmentOf(image) },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`RUN ${command}\n${stdout}\n${stderr}`, { cause: error });
  }
}

function only(flags: ReadonlyMap<string, string>, known: readonly string[]): ReadonlyMap<string, string> {
  for (const flag of flags.keys())
    if (!known.includes(flag))
      throw new Error(`--${flag}: not known here; teach scripts/dockerfile/build.ts`);
  return flags;
}

/** What `.dockerignore` lets a build see. It must be an allow-list: `*`, and below it `!path` without wildcards. */
export function copyContext(project: string, to: string): void {
  const [first, ...allowed] = readFileSync(join(project, '.dockerignore'), 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (first !== '*') throw new Error('.dockerignore must begin with *');
  for (const line of allowed) {
    if (!/^![\w./-]+$/.test(line)) throw new Error(`.dockerignore: ${line} is not of the form !path`);
    cpSync(join(project, line.slice(1)), join(to, line.slice(1)), { recursive: true });
  }
}
