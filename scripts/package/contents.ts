/** What the package may hold, as `npm pack` names it. Everything else is a mistake: a test, a source, a key. */
export const ALLOWED = [
  /^package\.json$/,
  /^(README|CHANGELOG)\.md$/,
  /^LICENSE$/,
  /^sealslot\.example\.yaml$/,
  /^bin\/sealslot\.js$/,
  /^dist\/[a-z0-9/-]+\.(js|d\.ts)$/,
  /^dist\/page\/(index\.html|page\.css|icon\.svg)$/,
];

export interface Packed {
  readonly filename: string;
  /** Of the tarball, bytes. */
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { path: string; mode: number }[];
}

/** The answer of `npm pack --json`; what a `prepack` printed may stand before it. */
export function parsePacked(output: string): Packed {
  const [packed] = JSON.parse(output.slice(output.indexOf('[\n'))) as Packed[];
  if (packed === undefined) throw new Error('npm pack said nothing');
  return packed;
}

export function notAllowed({ files }: Packed): string[] {
  return files.map(({ path }) => path).filter((path) => !ALLOWED.some((allowed) => allowed.test(path)));
}
