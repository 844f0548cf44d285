import { join } from 'node:path';

/** A stage as it was run: a folder that stands for `/`, and what its instructions say about a container. */
export interface Image {
  readonly root: string;
  readonly env: Map<string, string>;
  workdir: string;
  user: string;
  entrypoint: string[];
  command: string[];
  healthcheck: string[];
  stopSignal: string;
}

/** A path or an argument of the image, as it is called outside of it. */
export function outside(image: Pick<Image, 'root'>, path: string): string {
  return path.startsWith('/') ? join(image.root, path) : path;
}

/** Absolute paths within a text: a shell command, a configuration. System folders are not told apart, so a command must not name any. */
export function pathsOutside(image: Pick<Image, 'root'>, text: string): string {
  return text.replace(/(^|[\s='"])\/(?=[a-z])/gm, (_, before: string) => `${before}${image.root}/`);
}

/** What a process of the image finds: its own `ENV`, and of this machine only what leads to a registry. */
export function environmentOf(image: Image): Record<string, string> {
  const own = Array.from(image.env, ([name, value]) => [name, outside(image, value)] as const);
  return { PATH: `${join(image.root, 'usr/local/bin')}:/usr/bin:/bin`, ...Object.fromEntries(own) };
}
